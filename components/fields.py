"""Field types that the settings share: numbers, names, quantities, schedules, images, clients.

Numbers may arrive as floats or as text (`3.0`, `"3"`): the engine's tools re-type values when they rewrite a stack
file. Whole ones are accepted, `3.5` is not, and neither is `true` for a number.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field

from seawall.components.problems import RefusedError, show
from seawall.operators.annotations import THIS_CLUSTER
from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.cron_jobs import decode_five


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise RefusedError("must be a number, not true or false")
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]{1,20}(\.0{1,20})?", value, re.ASCII):
        raise RefusedError("must be a whole number in digits, without a unit")
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise RefusedError("must be true or false")
    return value


_LARGEST = 2**53
"""The largest whole number that the engine, whose numbers are floats, passes on as it is."""
Whole = Annotated[int, BeforeValidator(_number), Field(ge=0, le=_LARGEST)]
"""A whole number, 0 or more."""
Count = Annotated[int, BeforeValidator(_number), Field(ge=1, le=_LARGEST)]
"""A whole number, 1 or more."""
Flag = Annotated[bool, BeforeValidator(_flag)]
"""`true` or `false` (or the same as text), not `yes`, `on` or `1`."""


def _matching(pattern: str, meaning: str, longest: int) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if len(value) > longest or not compiled.fullmatch(value):
            raise RefusedError(f"must be {meaning}, at most {longest} characters")
        return value

    return AfterValidator(check)


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

_BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters, and what else ends a line."""
Text = Annotated[
    str,
    _matching(rf"[^\s{_BREAKS}]([^{_BREAKS}]*[^\s{_BREAKS}])?", "text without line breaks or surrounding blanks", 1024),
]
"""Any non-empty line of text."""
DnsLabel = Annotated[str, _matching(_LABEL, "lower-case letters, digits and `-` (RFC 1123 label)", 63)]
"""A name as most Kubernetes objects have it (RFC 1123 label)."""
ServiceName = Annotated[str, _matching(r"[a-z]([-a-z0-9]*[a-z0-9])?", "a letter, then letters, digits, `-`", 63)]
"""The name of a Service, or of something that gets a Service of the same name (RFC 1035 label)."""
DnsName = Annotated[str, _matching(rf"{_LABEL}(\.{_LABEL})*", "labels joined by dots (RFC 1123 subdomain)", 253)]
"""A dotted name (RFC 1123 subdomain): Secrets, StorageClasses, hosts."""
Namespace = DnsLabel
"""The name of a namespace."""


def _own(value: str) -> str:
    if value == "default" or value.startswith("kube-"):
        raise RefusedError(
            "must be a namespace of its own: it is made here, admits only restricted pods, and goes with the stack; "
            "`default` and `kube-…` belong to Kubernetes"
        )
    return value


OwnNamespace = Annotated[Namespace, AfterValidator(_own)]
"""The name of a namespace that the stack makes."""
LabelKey = Annotated[
    str,
    _matching(
        rf"((?=[^/]{{1,253}}/){_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?",
        "a Kubernetes label key (1 to 63 letters, digits, `-`, `_`, `.`; before it a DNS name and `/`, or nothing)",
        317,
    ),
]
"""The key of a Kubernetes label."""


def _pod_label(value: Any) -> Any:
    if isinstance(value, str) and re.match(r"(k8s|any|cni|reserved|container)[:.]|io\.(cilium|kubernetes)\.", value):
        raise RefusedError(
            "must be a label that the pods carry themselves, like app.kubernetes.io/name: prefixes like `k8s:` and "
            "`io.kubernetes.` are the network's own notation, and name whole namespaces or clusters"
        )
    return value


PodLabelKey = Annotated[LabelKey, BeforeValidator(_pod_label)]
"""The key of a label that pods carry themselves, not one that the CNI gives to every pod."""
LabelValue = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", "a Kubernetes label value (letters, digits, `-`, `_`, `.`)", 63
    ),
]
"""The value of a Kubernetes label; here never empty."""
SecretKey = Annotated[str, _matching(r"(?!\.\.|\.$)[-._a-zA-Z0-9]+", "letters, digits, `-`, `_`, `.`, no path", 253)]
"""A key of a Secret's data."""


def _version(value: Any) -> Any:
    if isinstance(value, int | float):
        raise RefusedError('must be text: put the version in quotes, as "1.18" (a number loses its last zeros)')
    return value


Version = Annotated[
    str, BeforeValidator(_version), _matching(r"v?\d+\.\d+(\.\d+)?([-+][0-9A-Za-z.-]+)?", "a version like 1.6.1", 64)
]
"""A version like `1.6.1`; in quotes when it has one dot only."""


_LONGEST_QUANTITY = 32


def _quantity(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RefusedError("must be a Kubernetes quantity like 500m, 2 or 1Gi")
    if isinstance(value, float) and value.is_integer():  # whole numbers may have been retyped: 1073741824.0
        value = int(value)
    if (isinstance(value, int) and abs(value) >= 2**63) or (isinstance(value, str) and len(value) > _LONGEST_QUANTITY):
        raise RefusedError("must be a Kubernetes quantity like 500m, 2 or 1Gi; this one is too long to be any")
    return str(value)


_UNITS: dict[str, int] = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}


def quantity_bytes(quantity: str) -> int:
    """The bytes in a memory or storage quantity (`1Gi`, `500M`, `1073741824`). Raises `ValueError` for any other."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]{0,2})", quantity)
    if not match or match[2] not in _UNITS:
        raise ValueError(f"{quantity!r} is not a quantity of bytes")
    return int(Decimal(match[1]) * _UNITS[match[2]])


def quantity_cores(quantity: str) -> Decimal:
    """The CPU cores in a quantity (`500m` is 0.5, `2` is 2). Raises `ValueError` for any other."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m?)", quantity)
    if not match:
        raise ValueError(f"{quantity!r} is not a quantity of CPU cores")
    return Decimal(match[1]) / (1000 if match[2] else 1)


def _bytes(value: str) -> str:
    try:
        number = quantity_bytes(value)
    except (ValueError, InvalidOperation):
        raise RefusedError("must be an amount of bytes like 512Mi, 10Gi or 2G (units k M G T, Ki Mi Gi Ti)") from None
    if number < 1024**2:
        raise RefusedError("must be at least 1Mi (a number without unit means bytes)")
    if number >= 2**63:
        raise RefusedError("must be less than 8Ei, which is the most that Kubernetes counts")
    return value


def _cores(value: str) -> str:
    try:
        cores = quantity_cores(value)
    except (ValueError, InvalidOperation):
        raise RefusedError("must be CPU cores like 500m, 2 or 1.5") from None
    if not cores or cores > 1024:
        raise RefusedError("must be more than 0 and at most 1024 cores")
    if cores * 1000 % 1:
        raise RefusedError("must be whole thousandths of a core (1m): Kubernetes knows nothing finer")
    return value


ByteQuantity = Annotated[str, BeforeValidator(_quantity), AfterValidator(_bytes)]
"""Memory or storage as Kubernetes writes it: `512Mi`, `10Gi`."""
CpuQuantity = Annotated[str, BeforeValidator(_quantity), AfterValidator(_cores)]
"""CPU cores as Kubernetes writes them: `500m`, `2`."""

_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """The time span in a text like `26h`, `10m`, `8d`. Raises `ValueError` for any other."""
    match = re.fullmatch(r"([1-9][0-9]*)([smhd])", text)
    if not match:
        raise ValueError(f"{text!r} is not a duration")
    return timedelta(seconds=int(match[1]) * _DURATION_UNITS[match[2]])


def as_duration(span: timedelta) -> str:
    """A time span of whole seconds as `duration` reads it, in hours rather than days: `24h`, `90m`, `1s`."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit in "hms" if seconds % _DURATION_UNITS[unit] == 0)
    return f"{seconds // _DURATION_UNITS[unit]}{unit}"


_LONGEST_DAYS = 3650


def _duration(value: str) -> str:
    try:
        days = duration(value[:_LONGEST_QUANTITY]) / timedelta(days=1)
    except (ValueError, OverflowError):
        raise RefusedError(
            "must be a time span of one whole number and one unit (s, m, h, d), like 30s, 10m, 26h or 8d"
        ) from None
    if days > _LONGEST_DAYS:
        raise RefusedError(f"must be at most {_LONGEST_DAYS}d")
    return value


Duration = Annotated[str, AfterValidator(_duration)]
"""A time span: a whole number and one of s, m, h, d."""
_LONGEST_SCHEDULE = 256


def _five(value: str) -> str:
    fields = "five fields (minute hour day month weekday)"
    if len(value) > _LONGEST_SCHEDULE:
        raise RefusedError(f"must be {fields}, at most {_LONGEST_SCHEDULE} characters")
    if value.strip().startswith("@"):
        raise RefusedError(f"must be {fields}, written out: macros are not accepted")
    count = len(value.split())
    if count != 5:
        raise RefusedError(f"has {count} fields, must have {fields}")
    if re.search(r"[L#W?~]", value):
        raise RefusedError(f"must use only numbers, names, `*`, `,`, `-` and `/` in its {fields}")
    try:
        next(CronSim(value.upper(), datetime(2026, 1, 1, tzinfo=UTC)))
        decode_five(value)
    except ScheduleError as error:
        raise RefusedError(f"is refused by Kubernetes: {error}; must be {fields}") from None
    except (CronSimError, StopIteration) as error:
        raise RefusedError(f"never fires or does not parse ({error}); must be {fields}") from None
    return " ".join(value.split())


CronFive = Annotated[str, AfterValidator(_five)]
"""A schedule of five fields (minute first), as a Kubernetes CronJob and Dragonfly's `snapshot.cron` read it, in UTC."""
_IMAGE = re.compile(
    r"(?P<name>[a-z0-9]+([._-]+[a-z0-9]+)*(\.[a-z0-9-]+)*(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+)"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


_LONGEST_IMAGE = 512


def _image(value: str) -> str:
    match = _IMAGE.fullmatch(value) if len(value) <= _LONGEST_IMAGE else None
    if not match:
        raise RefusedError("must be an image with its registry, like ghcr.io/owner/name:v1.2.3 or …@sha256:<digest>")
    if not match["digest"] and match["tag"] in (None, "latest"):
        raise RefusedError("must say which version: a tag other than latest, or a digest")
    return value


Image = Annotated[str, AfterValidator(_image)]
"""A container image with registry, and a tag other than `latest` or a digest."""


_HTTPS = re.compile(rf"https://{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?(/[A-Za-z0-9._~-]+)*")


def _https(value: str) -> str:
    """Plain characters only: the address goes into annotations and templates as it is."""
    if len(value) > 1024 or not _HTTPS.fullmatch(value):
        raise RefusedError(
            "must be an https address without user, query, or slash at the end, like https://docs.example.org/x"
        )
    return value


HttpsAddress = Annotated[str, AfterValidator(_https)]
"""An https address without user, query, fragment, or slash at the end: something is put behind it."""


def _clients(value: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if not any(value.values()):
        raise RefusedError(
            f"must name at least one namespace, as {{{THIS_CLUSTER}: [harbor]}}; nobody else may connect"
        )
    for cluster, namespaces in value.items():
        twice = sorted({name for name in namespaces if namespaces.count(name) > 1})
        if twice:
            name = show(twice[0], (cluster,)).strip("'")
            raise RefusedError(f"names {name} twice under `{cluster}`; once is enough")
    return {cluster: tuple(sorted(namespaces)) for cluster, namespaces in sorted(value.items()) if namespaces}


def _client_namespace(value: Any) -> Any:
    if value is None or (isinstance(value, str) and (not value or "*" in value)):
        raise RefusedError("must be the name of one namespace: an empty or `*` entry would admit everybody")
    if isinstance(value, str) and value in OF_KUBERNETES:
        raise RefusedError(
            "must not be a namespace of Kubernetes itself: what runs there serves everybody, and would be a client; "
            "name the application's own namespace"
        )
    return value


OF_KUBERNETES = ("kube-node-lease", "kube-public", "kube-system")
"""The namespaces that every cluster has for itself. `default` is not among them: applications do run there."""


Clients = Annotated[
    dict[DnsLabel, tuple[Annotated[Namespace, BeforeValidator(_client_namespace)], ...]], AfterValidator(_clients)
]
"""Who may connect: `this` (the stack's own cluster) or the name of a peer cluster → namespaces. Never empty, no `*`."""


def local_clients(clients: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The client namespaces of the stack's own cluster."""
    return clients.get(THIS_CLUSTER, ())


def remote_clients(clients: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The client namespaces of other clusters of the mesh, by cluster."""
    return {cluster: namespaces for cluster, namespaces in clients.items() if cluster != THIS_CLUSTER}
