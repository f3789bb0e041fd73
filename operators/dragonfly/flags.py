"""How the Dragonfly process reads its arguments and its environment, and the units of their values.

Read in Dragonfly's source (1.34 to 1.39) and that of the library that it reads flags with.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

ENVIRONMENT_PREFIX = "DFLY_"
"""`DFLY_<flag>` in the environment sets a flag that no argument sets; an unknown one ends the process."""

SWITCHES = frozenset(
    {
        "admin_nopass",
        "alsologtostderr",
        "break_replication_on_master_restart",
        "cache_mode",
        "enable_heartbeat_eviction",
        "df_snapshot_format",
        "force_epoll",
        "lock_on_hashtags",
        "logtostderr",
        "multi_exec_squash",
        "no_tls_on_admin_port",
        "primary_port_http_enabled",
        "s3_ec2_metadata",
        "s3_sign_payload",
        "s3_use_https",
        "tls",
        "tls_replication",
        "version_check",
    }
)
"""Flags that are true or false, so that they need no value: `--cache_mode`, `--nocache_mode`."""

_TRUE, _FALSE = frozenset({"1", "t", "true", "y", "yes"}), frozenset({"0", "f", "false", "n", "no"})
_BYTES = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([kmgtpe])i?b?|b)?", re.IGNORECASE)
_SCALE = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}


@dataclass(frozen=True)
class Given:
    """A flag that an argument sets."""

    name: str
    value: str
    """As it was written; `true` or `false` for a switch without one."""
    index: int
    """The argument's place in the list; the value may stand in the next one."""


def read_arguments(arguments: Sequence[str]) -> tuple[Given, ...]:
    """What a list of arguments sets, in its order; the last one of a name wins.

    One dash means as much as two, `no<switch>` turns a switch off, a flag without `=` takes the next argument for its
    value unless it is a switch, and nothing after a lone `--` counts.
    """
    found: list[Given] = []
    left = iter(enumerate(arguments))
    for index, argument in left:
        if argument == "--":
            break
        if not argument.startswith("-") or argument == "-":
            continue
        name, has_value, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if has_value:
            found.append(Given(name, value, index))
        elif name in SWITCHES:
            found.append(Given(name, "true", index))
        elif name.removeprefix("no") in SWITCHES:
            found.append(Given(name.removeprefix("no"), "false", index))
        else:
            following = arguments[index + 1] if index + 1 < len(arguments) else None
            takes = following is not None and not following.startswith("-")
            found.append(Given(name, following if takes and following is not None else "", index))
            if takes:
                next(left)
    return tuple(found)


def last_of_each(given: Sequence[Given]) -> Mapping[str, Given]:
    """Flag → what sets it in the end."""
    return {flag.name: flag for flag in given}


def truth(value: str) -> bool | None:
    """What a switch's value means, None when the process would refuse it."""
    lowered = value.lower()
    return True if lowered in _TRUE else False if lowered in _FALSE else None


def size(value: str) -> int | None:
    """A number of bytes from `1610612736`, `1.5g`, `512MB`, `512Mi` or `512MiB` (all powers of 1024); else None."""
    match = _BYTES.fullmatch(value.strip())
    return int(Decimal(match[1]) * 1024 ** _SCALE[(match[2] or "").lower()]) if match else None
