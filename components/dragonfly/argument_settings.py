"""Which further arguments of the process a person may give."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from seawall.components.fields import Text
from seawall.components.problems import RefusedError
from seawall.operators.dragonfly import arg_name, forbidden_arg

OWN_ARGS: Mapping[str, str] = {
    "maxmemory": "maxmemory_bytes",
    "proactor_threads": "threads",
    "cache_mode": "purpose",
    "dbfilename": "snapshot.file",
    "default_lua_flags": "flags.default_lua_flags",
    "cluster_mode": "flags.cluster_mode",
    "s3_endpoint": "snapshot.bucket.endpoint",
}
"""Arguments that have a setting of their own → that setting."""

FIXED_ARGS: Mapping[str, str] = {
    "version_check": "it is off, because nothing may phone home",
    "s3_use_https": "snapshots are sent over https only",
    "s3_sign_payload": "snapshots are signed, so that nobody changes them on the way",
    "s3_ec2_metadata": "credentials come from `snapshot.bucket`, never from the node",
}
"""Arguments whose value is decided → why."""


def _argument(value: str) -> str:
    name = arg_name(value)
    if reason := forbidden_arg(value):
        raise RefusedError(f"`--{name}` must not be given: {reason}", risk="DFLY-SEC-001")
    if not value.startswith("--") or not name:
        raise RefusedError("must start with `--`, like --hz=100")
    if name in OWN_ARGS:
        raise RefusedError(f"`--{name}` has a setting of its own: {OWN_ARGS[name]}")
    if name in FIXED_ARGS:
        raise RefusedError(f"`--{name}` must not be given: {FIXED_ARGS[name]}")
    if "=" not in value:
        raise RefusedError(
            f"must be written with its value, like --{name}=true: without one it takes the next argument for its "
            "value, which may be the operator's"
        )
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise RefusedError(
            "must name the argument in lower-case letters, digits and `_`: no argument of the process is spelt "
            "otherwise, and the process exits at one that it does not know"
        )
    return value


Argument = Annotated[Text, AfterValidator(_argument)]
"""An argument of the process, `--name=value`, that neither the operator nor another setting decides."""
