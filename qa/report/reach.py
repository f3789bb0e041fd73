"""The first matrix as content: who can open which port of everything that holds data, and what decides it."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import yaml

from seawall.operators import cnpg
from seawall.policy.estate.installed import Installed, installed
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POOLER, SERVICE
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.postgresql.entry import entry_of
from seawall.policy.estate.values import PLACEHOLDER, UNKNOWN, CannotEvaluateError
from seawall.policy.reachability.decision import Endpoint, Entity
from seawall.policy.reachability.expectations import Protected
from seawall.policy.reachability.matrix import ELSEWHERE, PROTECTED, Matrix, Row, Source, matrix
from seawall.policy.reachability.operator_pods import operator_matrix
from seawall.policy.reachability.policy_set import Ground as DecidingPart
from seawall.qa.report import content
from seawall.qa.report.content import Service, Store, Who

LONGEST_EXCERPT = 24
"""Lines of a rule that are shown."""
_ORDER: tuple[Who, ...] = ("application", "pooler", "platform", "others", "outside")
_SERVICES: Mapping[tuple[str, str], Service] = {DRAGONFLY: "dragonfly", CLUSTER: "cnpg", POOLER: "cnpg"}
_FAMILIES = {
    "dragonfly": "operator of Dragonfly",
    "cnpg": "operator of CloudNativePG",
    "barman": "barman plugin",
}


def reach(estate: Estate) -> content.Reach:
    """Every protected set of pods in the estate's order, caches first, then the operators' own."""
    tables = _Tables()
    stores = [
        _store(partial(matrix, it, estate), it, estate, tables) for kind in PROTECTED for it in estate.every(kind)
    ]
    stores += [_operator(one, estate, tables) for one in installed(estate).values()]
    return content.Reach(tuple(stores), tuple(tables.cells), tuple(tables.grounds))


class _Tables:
    """Cells and grounds, equal ones once."""

    def __init__(self) -> None:
        self.cells: dict[content.Cell, int] = {}
        self.grounds: dict[content.Ground, int] = {}
        self.wrong: list[bool] = []
        """For each cell whether it should not be so."""
        self._known: dict[tuple[object, ...], int] = {}

    def cell(self, row: Row, case: Protected) -> int:
        decided = row.deciding
        state = _state(row)
        made = content.Cell(
            state,
            _wrong(row, state, case),
            decided.requests if row.open else "",
            decided.why,
            tuple(dict.fromkeys(self._ground(part) for part in decided.by)),
        )
        if made not in self.cells:
            self.cells[made] = len(self.cells)
            self.wrong.append(bool(made.wrong))
        return self.cells[made]

    def order(self, row: content.Row) -> tuple[bool, int]:
        """What is wrong first, then applications; everybody whom nobody names last."""
        return not any(self.wrong[cell] for cell in row.cells), _ORDER.index(row.who)

    def _ground(self, part: DecidingPart) -> int:
        path = part.rule.path if part.rule is not None else ()
        key = (part.policy, path, part.direction, part.effect)
        if key not in self._known:
            made = content.Ground(
                part.policy.title,
                part.rule.title if part.rule is not None else "",
                part.direction.value,
                part.effect.value,
                _place(part.policy, path),
                excerpt(part.policy, path) if path else "",
            )
            self._known[key] = self.grounds.setdefault(made, len(self.grounds))
        return self._known[key]


def _state(row: Row) -> content.Opening:
    if row.open is None:
        return "undecided"
    return "closed" if not row.open else "some requests" if row.deciding.requests else "open"


def _wrong(row: Row, state: content.Opening, case: Protected) -> str:
    if row.expected is False and state == "undecided":
        return "nobody declared it, and it may be open"
    if row.expected is False and state != "closed":
        return "nobody declared it"
    if row.expected is True and state == "closed":
        harm = row.source.role.harm if row.source.role is not None else ""
        return f"it has to get in{f', or {harm}' if harm else ''}"
    anybody = _who(row.source, case) in ("others", "outside") and row.port in case.client_ports
    if case.clients is None and anybody and state != "closed":
        return "nobody declared whom it is for, and this is anybody"
    return ""


def _place(policy: KubeObject, path: tuple[str, ...]) -> str:
    """Where a rule stands: the object, and the path in it. To look for the rule's own line would be to read every file
    once more."""
    inside = "".join(part if part.startswith("[") else f".{part}" for part in path).removeprefix(".")
    return ", ".join(part for part in (policy.origin.text(), inside) if part)


def excerpt(policy: KubeObject, path: tuple[str, ...]) -> str:
    """A part of an object as YAML, `LONGEST_EXCERPT` lines at most."""
    value: Any = policy.manifest
    for key in path:
        place = key.strip("[]")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list | tuple) and place.isdecimal() and int(place) < len(value):
            value = value[int(place)]
        else:
            return ""
    lines = yaml.dump(_known(value), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True).splitlines()
    more = len(lines) - LONGEST_EXCERPT
    return "\n".join(lines if more <= 0 else [*lines[:LONGEST_EXCERPT], f"# … {more} more lines"])


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """As people write: every value where it stands."""
        return True


def _known(value: Any) -> Any:
    if value is UNKNOWN:
        return PLACEHOLDER
    if isinstance(value, Mapping):
        return {str(key): _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _store(make: "partial[Matrix]", thing: KubeObject, estate: Estate, tables: _Tables) -> Store:
    service = _SERVICES[thing.group_kind]
    try:
        found = make()
        made = _described(found, thing.kind, thing.namespace, thing.name, service, estate, tables)
    except CannotEvaluateError as problem:
        return Store(thing.kind, thing.namespace, thing.name, service, "", (), "", (), None, unreadable=problem.why)
    return made


def _operator(one: Installed, estate: Estate, tables: _Tables) -> Store:
    kind = _FAMILIES[one.family]
    try:
        found = operator_matrix(one, estate)
        return _described(found, kind, one.namespace, one.thing.name, "platform", estate, tables)
    except CannotEvaluateError as problem:
        return Store(kind, one.namespace, one.thing.name, "platform", "", (), "", (), None, unreadable=problem.why)


def _described(
    found: Matrix, kind: str, namespace: str, name: str, service: Service, estate: Estate, tables: _Tables
) -> Store:
    case = found.protected
    rows: dict[Source, list[int]] = {}
    for row in found.rows:
        rows.setdefault(row.source, []).append(tables.cell(row, case))
    ports = tuple(
        content.Port(port.number, port.name or "", port.number in case.client_ports, case.private.get(port.number, ""))
        for port in case.ports
    )
    return Store(
        kind,
        namespace,
        name,
        service,
        f"{case.pods.count} pods" if case.pods.count != 1 else "1 pod",
        tuple(_services(case.pods, estate)),
        _behind(case),
        _databases(case.thing, estate),
        found.isolated,
        ports,
        tuple(sorted((_row(source, cells, case) for source, cells in rows.items()), key=tables.order)),
    )


def _row(source: Source, cells: list[int], case: Protected) -> content.Row:
    who = _who(source, case)
    party = source.party
    application = ""
    if who == "application" and isinstance(party, Endpoint):
        application = party.namespace + (f" in cluster {party.cluster}" if party.cluster is not None else "")
    pooler = ""
    if who == "pooler" and source.role is not None and source.role.labels is not None:
        pooler = f"{source.role.namespace}/{source.role.labels[cnpg.POOLER_LABEL]}"
    return content.Row(source.title, who, application, pooler, source.role is not None, tuple(cells))


def _who(source: Source, case: Protected) -> Who:
    role, party = source.role, source.party
    if role is not None:
        if role.namespace in (case.clients or {}).get(role.cluster, ()) and role.labels is None:
            return "application"
        if case.thing.group_kind == CLUSTER and cnpg.POOLER_LABEL in (role.labels or {}):
            return "pooler"
        return "platform"
    if isinstance(party, Endpoint):
        nameless = party.namespace == ELSEWHERE or (party.namespace == case.pods.namespace and not party.labels)
        return "others" if nameless else "application"
    return "platform" if party == Entity("host") else "outside"


def _behind(case: Protected) -> str:
    if case.thing.group_kind != POOLER:
        return ""
    return f"{case.thing.namespace}/{case.thing.at('spec', 'cluster', 'name').text() or ''}"


def _databases(thing: KubeObject, estate: Estate) -> tuple[str, ...]:
    if thing.group_kind != CLUSTER:
        return ()
    try:
        return tuple(sorted(entry_of(thing, estate).tenants.databases))
    except CannotEvaluateError:
        return ()


def _services(pods: PodSet, estate: Estate) -> Iterator[str]:
    """The Services that select the pods; one whose selector cannot be read is left out."""
    try:
        services = estate.of(SERVICE, pods.namespace)
    except CannotEvaluateError:
        return
    for service in services:
        try:
            wanted = service.at("spec", "selector").texts()
        except CannotEvaluateError:
            continue
        if wanted and all(
            pods.labels.get(key) == value or value in pods.later.get(key, ()) for key, value in wanted.items()
        ):
            yield service.name
