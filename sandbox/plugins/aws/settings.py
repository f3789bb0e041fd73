"""The provider's settings: which account and region. Only the sandbox's own endpoint is ever reached."""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from seawall.sandbox.plugins.errors import Refusal
from seawall.sandbox.plugins.properties import UNKNOWN, Properties, leaves

ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
ALLOWED: Final = ("region", "allowedAccountIds", "defaultTags", "s3UsePathStyle")
# The vendor's SDK sends these whether or not the program says them; there is nothing to skip on a sandbox.
_WITHOUT_EFFECT: Final = frozenset(
    {"skipCredentialsValidation", "skipRegionValidation", "skipMetadataApiCheck", "version"}
)


def sandbox_endpoint(value: str | None) -> str:
    """The endpoint that `AWS_ENDPOINT_URL` names. Raises `ValueError` when it must not be used."""
    if not value:
        raise ValueError(f"{ENDPOINT_VARIABLE} is not set, so no endpoint is known to be the sandbox's")
    if urlsplit(value).hostname not in LOOPBACK:
        raise ValueError(f"{ENDPOINT_VARIABLE} is {value}, which is not on loopback: a sandbox always is")
    return value.rstrip("/")


def plain(inputs: Properties) -> dict[str, object]:
    """The settings as values: the SDK sends everything but strings as JSON text."""
    return {name: _parsed(value) if name != "region" else value for name, value in inputs.values.items()}


def check(inputs: Properties) -> list[Refusal]:
    """What is wrong with the provider's settings."""
    values = plain(inputs)
    refusals = [
        Refusal(name, f"{name} is not implemented by the aws stand-in, which takes: {', '.join(ALLOWED)}")
        for name in values
        if name not in ALLOWED and name not in _WITHOUT_EFFECT
    ]
    if any(leaf is UNKNOWN for _, leaf in leaves(values)):
        return [
            *refusals,
            Refusal("", "the settings must be known before anything is previewed: give plain values"),
        ]
    if not values.get("region"):
        refusals.append(Refusal("region", "must be given, e.g. eu-central-1: no ambient region is used"))
    accounts = values.get("allowedAccountIds")
    if not isinstance(accounts, list) or not accounts or not all(_is_account(a) for a in accounts):
        reason = "must name the account that may be changed, as a list of 12-digit ids: no ambient account is used"
        refusals.append(Refusal("allowedAccountIds", reason))
    tags = values.get("defaultTags")
    if tags is not None and (not isinstance(tags, dict) or set(tags) != {"tags"} or not isinstance(tags["tags"], dict)):
        refusals.append(Refusal("defaultTags", "must be {tags: {name: value}}"))
    return refusals


def allowed_accounts(values: Mapping[str, object]) -> list[str]:
    """The account ids in checked settings."""
    accounts = values["allowedAccountIds"]
    return [str(account) for account in accounts] if isinstance(accounts, list) else []


def default_tags(values: Mapping[str, object]) -> dict[str, str]:
    """The tags that every resource gets."""
    tags = values.get("defaultTags")
    found = tags.get("tags") if isinstance(tags, dict) else None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _is_account(value: object) -> bool:
    return isinstance(value, (str, int)) and str(value).isdigit() and len(str(value)) == 12


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
