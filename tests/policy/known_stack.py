"""A stack as it is once it has been deployed: what a preview does not know, planted, as an exported state has it."""

import json
import uuid
from typing import Any

from engine_doubles import UNKNOWN_TEXT
from kill import Resource, Stack

ACCOUNT = "123456789012"
REGION = "eu-central-1"
MOCK_ARN = "arn:aws:test:::"
"""What the mocks give every resource of AWS, followed by its resource name (`tests/unit/recorder.py`)."""


def plant(stack: Stack) -> None:
    """Gives every resource of AWS the id and ARN that AWS would, and everybody who refers to it the same; in place.

    Nothing waits for anything any more, so that what is still unknown is a rule that could not be evaluated.
    """
    made = {resource.name: _outputs(resource) for resource in stack if resource.type.startswith("aws:")}
    keys = {name: outputs for name, outputs in made.items() if "keyId" in outputs}
    for resource in stack:
        text = json.dumps(resource.properties)
        for name, outputs in sorted(made.items(), key=lambda item: -len(item[0])):
            if "arn" in outputs:
                text = text.replace(f"{MOCK_ARN}{name}", outputs["arn"])
        if UNKNOWN_TEXT in text:  # the one reference that no ARN is: an alias and its key
            [key] = [outputs for name, outputs in keys.items() if resource.name.startswith(name)]
            text = text.replace(UNKNOWN_TEXT, key["keyId"])
        resource.properties = {**json.loads(text), **made.get(resource.name, {})}
        resource.awaits = ()


def _outputs(resource: Resource) -> dict[str, Any]:
    """What AWS makes of a resource, beyond what was asked for."""
    kind, name = resource.type.rpartition(":")[2], resource.properties.get("name", resource.name)
    path = resource.properties.get("path", "/")
    if kind in ("User", "Role", "Policy"):
        return {"id": name, "arn": f"arn:aws:iam::{ACCOUNT}:{kind.lower()}{path}{name}"}
    if kind == "Key":
        number = str(uuid.uuid5(uuid.NAMESPACE_URL, resource.name))
        return {"id": number, "keyId": number, "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{number}"}
    if kind == "Alias":
        return {"id": name, "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}"}
    if kind == "Bucket":
        bucket = resource.properties["bucket"]
        return {"id": bucket, "arn": f"arn:aws:s3:::{bucket}"}
    return {"id": resource.name}
