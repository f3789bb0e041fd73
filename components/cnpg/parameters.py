"""PostgreSQL parameters: which values weaken the cluster, and their sizes."""

import re
from collections.abc import Iterator, Mapping

from seawall.components.base import Problem
from seawall.components.fields import quantity_bytes
from seawall.operators.cnpg.parameters import OLD_TLS, OPERATOR_OWNED, UNSAFE

WEAKENINGS: dict[str, tuple[tuple[str, ...], str, str]] = {
    **{name: (values, why, "CNPG-OPS-002") for name, (values, why) in UNSAFE.items()},
    "password_encryption": (("md5",), "poolers and pg_hba expect scram-sha-256", "CNPG-SEC-002"),
    "ssl_min_protocol_version": (OLD_TLS, "TLS before 1.2 is broken", "CNPG-SEC-002"),
    "ssl_max_protocol_version": (OLD_TLS, "TLS before 1.2 is broken", "CNPG-SEC-002"),
}
"""Parameter → values that this project refuses, why, and the QA risk behind it."""

TLS_DEFAULTS = {"ssl_min_protocol_version": "TLSv1.3"}
"""What holds when the settings say nothing. Poolers and the Jobs of this project speak TLS 1.3, and nobody else is let
in to PostgreSQL."""
_TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
_TLS_BOUNDS = ("ssl_min_protocol_version", "ssl_max_protocol_version")

_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
_SIZE = re.compile(r"(\d+) ?(kB|MB|GB|TB)")
_UNITS = {"kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def size_bytes(value: str) -> int | None:
    """The bytes in a PostgreSQL size like `512MB`; None when it is none (a number without a unit is not read)."""
    match = _SIZE.fullmatch(value)
    return int(match[1]) * _UNITS[match[2]] if match else None


def whole(parameters: Mapping[str, str], name: str, default: int) -> int:
    """The whole number in a parameter; the default when it is absent or not one (which `check` has reported)."""
    text = parameters.get(name, "")
    return int(text) if text.isdecimal() else default


def check(parameters: Mapping[str, str], *, memory_request: str, wal_volume: str) -> Iterator[Problem]:
    """What is wrong with the parameters, with paths relative to them."""
    for name, value in parameters.items():
        if not _NAME.fullmatch(name):
            yield Problem((name,), "must be the name of a PostgreSQL parameter, in lower case")
        elif name in OPERATOR_OWNED:
            yield Problem((name,), "is set by the operator, whose webhook refuses it here; remove it", value)
        elif name in WEAKENINGS and value in WEAKENINGS[name][0]:
            _, why, risk = WEAKENINGS[name]
            yield Problem((name,), f"must not be {value}: {why}", value, risk)
    for name in ("max_connections", "superuser_reserved_connections", "reserved_connections"):
        if name in parameters and not re.fullmatch(r"[1-9]\d{0,4}", parameters[name]):
            yield Problem((name,), "must be a whole number, 1 to 99999, in quotes", parameters[name])
    yield from _tls(parameters)
    yield from _sizes(parameters, memory_request, wal_volume)


def _tls(parameters: Mapping[str, str]) -> Iterator[Problem]:
    """PostgreSQL does not start with a version that it does not know, or with a highest below the lowest."""
    given = {name: parameters[name] for name in _TLS_BOUNDS if name in parameters}
    for name, value in given.items():
        if value not in (*_TLS_VERSIONS, *WEAKENINGS[name][0]):
            yield Problem((name,), f"must be {' or '.join(_TLS_VERSIONS)}", value, "CNPG-SEC-002")
    lowest, highest = ({**TLS_DEFAULTS, **given}.get(name, _TLS_VERSIONS[-1]) for name in _TLS_BOUNDS)
    if highest in _TLS_VERSIONS and lowest in _TLS_VERSIONS and highest < lowest:
        yield Problem(
            (_TLS_BOUNDS[1],),
            f"must be at least {_TLS_BOUNDS[0]} {lowest}, or PostgreSQL does not start",
            highest,
            "CNPG-SEC-002",
        )


def _sizes(parameters: Mapping[str, str], memory_request: str, wal_volume: str) -> Iterator[Problem]:
    names = ("shared_buffers", "min_wal_size", "max_wal_size")
    sizes = {name: size_bytes(parameters[name]) for name in names if name in parameters}
    for name, size in sizes.items():
        if size is None:
            yield Problem((name,), "must be a size with its unit, like 512MB or 2GB", parameters[name])
    buffers = sizes.get("shared_buffers")
    if buffers is not None and buffers > quantity_bytes(memory_request):
        yield Problem(
            ("shared_buffers",),
            f"must be at most the memory request {memory_request} (the operator's webhook refuses more)",
            parameters["shared_buffers"],
        )
    smallest = sizes.get("min_wal_size", 80 * 1024**2)
    largest = sizes.get("max_wal_size", 1024**3)
    if smallest is None or largest is None:
        return
    if smallest >= largest:
        yield Problem(
            ("min_wal_size",),
            f"must be smaller than max_wal_size {parameters.get('max_wal_size', '1GB')}",
            parameters.get("min_wal_size", "80MB"),
        )
    if largest >= quantity_bytes(wal_volume):
        yield Problem(
            ("max_wal_size",),
            f"must be smaller than the WAL volume {wal_volume}, or a full volume stops PostgreSQL",
            parameters.get("max_wal_size", "1GB"),
        )
