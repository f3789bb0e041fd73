"""Reads CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

Read in Cilium's documentation and its source (1.18.0, `pkg/policy` and `pkg/k8s`):

- a section with at least one entry, even `- {}`, isolates, unless `enableDefaultDeny` says otherwise; without entries
  nothing isolates, whatever `enableDefaultDeny` says;
- an entry without peers and without ports is about nobody; without peers, with ports about everybody; with an empty
  list of peers about nobody; with `icmps` about no port; an entry of `toPorts` without ports about none;
- a selector without a namespace means the policy's own (in a clusterwide policy: any namespace), and one with a
  `reserved:` label is taken as it is;
- what is denied is denied whatever is allowed; one invalid part makes the agent refuse the whole policy.

`fromNodes` and `toNodes` are taken as enabled (`enable-node-selector-labels`), the API server's and world's addresses
as unknown.
"""

from collections.abc import Iterator
from dataclasses import replace

from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, CILIUM_RESERVED
from seawall.policy.estate.kinds import CILIUM_CLUSTERWIDE_POLICY
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, UnknownValueError, View, WrongTypeError
from seawall.policy.reachability.cilium_ports import RefusedError, ports_of
from seawall.policy.reachability.clauses import Direction, Kind, Peer, Rule, Subject
from seawall.policy.reachability.networks import Network, networks
from seawall.policy.reachability.parties import ENTITIES, NAMESPACE_LABEL
from seawall.policy.reachability.platform import Platform
from seawall.policy.reachability.selectors import EVERYTHING, Requirement, Selector, read

_WORDS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}
_EXCLUSIVE = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Groups", "Nodes", "Services", "FQDNs")
"""Of these, one entry may have only one."""
_NOBODY_WHEN_EMPTY = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes")
_INIT = f"{CILIUM_RESERVED}init"
_SECTIONS = tuple((direction, denies) for direction in Direction for denies in (False, True))


def subjects(policy: KubeObject, platform: Platform) -> list[Subject]:
    """What the policy says: one part for `spec`, and one for each of `specs`.

    Raises `CannotEvaluateError` when a part's pods cannot be read, or when Cilium refuses the policy.
    """
    found = (part.subject() for part in _parts(policy, platform))
    return [subject for subject in found if subject is not None]


def _parts(policy: KubeObject, platform: Platform) -> list["_Part"]:
    spec = policy.at("spec")
    views = ([spec] if spec.present else []) + policy.at("specs").items()
    return [_Part(policy, view, platform) for view in views]


def pods_of(policy: KubeObject, platform: Platform) -> list[Selector]:
    """The pods that a policy is about, where the rest of it is of no use; those that cannot be read are everything."""
    try:
        return [part.pods() for part in _parts(policy, platform)]
    except CannotEvaluateError:
        return [EVERYTHING]


def guards_nodes(policy: KubeObject) -> bool:
    """Whether the policy is, or may be, about nodes themselves."""
    try:
        spec = policy.at("spec")
        return any(part.at("nodeSelector").present for part in (spec, *policy.at("specs").items()))
    except CannotEvaluateError:
        return True


class _Part:
    """One specification."""

    for_init: bool
    """Whether it is about pods that have no identity yet; known once its own selector is read."""

    def __init__(self, policy: KubeObject, spec: View, platform: Platform) -> None:
        self.policy = policy
        self.spec = spec
        self.platform = platform
        self.clusterwide = policy.group_kind == CILIUM_CLUSTERWIDE_POLICY

    def subject(self) -> Subject | None:
        """What it says of its pods, None when it is about nodes."""
        endpoints, nodes = self.spec.at("endpointSelector"), self.spec.at("nodeSelector")
        if endpoints.present == nodes.present:
            raise RefusedError(
                "Cilium refuses a policy without exactly one of endpointSelector and nodeSelector", nodes.path
            )
        given = {section: self._given(*section) for section in _SECTIONS}
        if not any(entry is not False for entry in given.values()):
            raise RefusedError("Cilium refuses a policy without any rule", self.spec.path)
        if nodes.present:
            return None
        own = self._own_selector(endpoints)
        isolates: dict[Direction, bool | None] = {}
        rules: list[Rule] = []
        requires: dict[tuple[Direction, bool], Selector] = {}
        for direction in Direction:
            isolates[direction] = self._isolates(direction, given)
            default = self._default_deny(direction)
            if not default.known:
                rules.append(self._unknown(direction, default))
            for denies in (False, True):
                if given[direction, denies]:
                    section = self._section(direction, denies)
                    rules += self._rules(section, direction, denies)
                    requires[direction, denies] = self._requires(section, direction)
                elif given[direction, denies] is None:
                    rules.append(self._unknown(direction, self._section(direction, denies), denies))
        return Subject(self.policy, self.policy.namespace, own, isolates, tuple(rules), requires)

    def pods(self) -> Selector:
        """The pods that it is about; those of a part about nodes, or with both, are everything."""
        view = self.spec.at("endpointSelector")
        return self._own_selector(view) if view.present else EVERYTHING

    def _section(self, direction: Direction, denies: bool) -> View:
        return self.spec.at(direction.value + ("Deny" if denies else ""))

    def _given(self, direction: Direction, denies: bool) -> bool | None:
        """Whether a section has entries, None when that is not known yet."""
        section = self._section(direction, denies)
        return bool(section.items()) if section.known else None

    def _isolates(self, direction: Direction, given: dict[tuple[Direction, bool], bool | None]) -> bool | None:
        entries = [given[direction, denies] for denies in (False, True)]
        if not any(entry is not False for entry in entries):
            return False
        wanted = self._default_deny(direction)
        if not wanted.known:
            return None
        return wanted.boolean(default=True) and (True if any(entries) else None)

    def _default_deny(self, direction: Direction) -> View:
        whole = self.spec.at("enableDefaultDeny")
        return whole.at(direction.value) if whole.known else whole

    def _unknown(self, direction: Direction, view: View, denies: bool = False) -> Rule:
        return Rule(self.policy, direction, view.path, denies, unread=UnknownValueError(view.path))

    def _own_selector(self, view: View) -> Selector:
        """The pods that it is about: in a policy of a namespace, that namespace's whatever the selector says."""
        asked = read(view).requirements
        self.for_init = any(_key(requirement.key) == _INIT for requirement in asked)
        if not self.clusterwide:  # the agent writes the policy's namespace over a label here, not over an expression
            replaced, labels = f"k8s:{CILIUM_NAMESPACE}", len(view.at("matchLabels").texts())
            asked = (*(r for r in asked[:labels] if r.key != replaced), *asked[labels:])
        return _plain(Selector(asked))

    def _requires(self, section: View, direction: Direction) -> Selector:
        field = f"{_WORDS[direction]}Requires"
        asked: list[Requirement] = []
        for entry in section.items():
            for selector in entry.at(field).items():
                if self.platform.refuses_requires:
                    raise RefusedError(f"Cilium {self.platform.version} refuses {field}", selector.path)
                asked += self._selector(selector, requires=True).requirements
        return Selector(tuple(asked))

    def _rules(self, section: View, direction: Direction, denies: bool) -> Iterator[Rule]:
        for entry in section.items():
            try:
                rule = self._rule(entry, direction, denies)
            except RefusedError:
                raise
            except CannotEvaluateError as problem:
                yield Rule(self.policy, direction, entry.path, denies, unread=problem)
            else:
                if rule.peers and rule.ports != ():
                    yield rule

    def _rule(self, entry: View, direction: Direction, denies: bool) -> Rule:
        peers = tuple(self._peers(entry, direction))
        ports = ports_of(entry, ingress=direction is Direction.INGRESS)
        asked = entry.at("authentication", "mode").text() == "required"
        requests = "after mutual authentication" if asked else ""
        return Rule(self.policy, direction, entry.path, denies, peers, ports, requests)

    def _peers(self, entry: View, direction: Direction) -> Iterator[Peer]:
        word = _WORDS[direction]
        fields = [f"{word}{name}" for name in _EXCLUSIVE]
        used = [field for field in fields if entry.at(field).items()]
        if len(used) > 1:
            raise RefusedError(f"Cilium refuses {used[0]} and {used[1]} in one rule", entry.path)
        if any(entry.at(f"{word}{name}").present for name in _NOBODY_WHEN_EMPTY) and not used:
            return
        if not used:
            if entry.at("toPorts").items():
                yield Peer(Kind.EVERYBODY, f"everybody (no `{word}…`)", entry.path)
            return
        for view in entry.at(used[0]).items():
            yield self._peer(used[0].removeprefix(word), view)

    def _peer(self, field: str, view: View) -> Peer:
        match field:
            case "Endpoints":
                return self._endpoints(view)
            case "Entities":
                name = view.text() or ""
                if name not in ENTITIES:
                    raise RefusedError(f"Cilium knows no entity {name!r}", view.path)
                return Peer(Kind.ENTITY, f"entity {name}", view.path, entity=name)
            case "CIDR":
                return Peer(Kind.ADDRESSES, f"addresses {view.text()}", view.path, networks=_networks([view]))
            case "CIDRSet":
                return _cidr_set(view)
            case "FQDNs":
                name = view.at("matchName").text() or view.at("matchPattern").text() or ""
                return Peer(Kind.NAMES, f"hosts {name}", view.path, names=(name,))
            case "Services":
                return self._service(view)
            case "Nodes":
                return Peer(Kind.NODES, "nodes by label", view.path)
            case _:
                return Peer(Kind.UNKNOWN_ADDRESSES, "a group of addresses at a cloud provider", view.path)

    def _endpoints(self, view: View) -> Peer:
        selector = self._selector(view)
        reserved = any(requirement.key.startswith(CILIUM_RESERVED) for requirement in selector.requirements)
        named = any(requirement.key == CILIUM_CLUSTER for requirement in selector.requirements)
        local = False if reserved or named else self.platform.local_unless_named
        return Peer(Kind.PODS, "", view.path, selector, local=local)

    def _selector(self, view: View, *, requires: bool = False) -> Selector:
        """A peer's selector with the namespace that is meant when none is asked for."""
        asked = _plain(read(view))
        keys = [requirement.key for requirement in asked.requirements]
        if not requires and any(key.startswith(CILIUM_RESERVED) for key in keys):
            return asked
        if CILIUM_NAMESPACE in keys:
            return asked
        if self.clusterwide:
            more = () if self.for_init else (Requirement(CILIUM_NAMESPACE, "Exists"),)
        elif any(key.startswith(NAMESPACE_LABEL) for key in keys):
            more = ()
        else:
            more = (Requirement(CILIUM_NAMESPACE, "In", frozenset({self.policy.namespace})),)
        return Selector((*asked.requirements, *more))

    def _service(self, view: View) -> Peer:
        by_name = view.at("k8sService")
        namespace = by_name.at("namespace").text() or view.at("k8sServiceSelector", "namespace").text()
        name = by_name.at("serviceName").text() or "by label"
        # one without a namespace is looked for in every one
        asked = Requirement(CILIUM_NAMESPACE, "In", frozenset({namespace})) if namespace else None
        selector = EVERYTHING if asked is None else Selector((asked,))
        return Peer(Kind.SERVICE, f"what is behind Service {namespace or '*'}/{name}", view.path, selector)


def _cidr_set(view: View) -> Peer:
    given = view.at("cidr")
    if not given.present:
        return Peer(Kind.UNKNOWN_ADDRESSES, "a CiliumCIDRGroup", view.path)
    found, left_out = _networks([given]), _networks(view.at("except").items())
    return Peer(Kind.ADDRESSES, f"addresses {given.text()}", view.path, networks=found, except_=left_out)


def _networks(views: list[View]) -> tuple[Network, ...]:
    try:
        return networks(views)
    except CannotEvaluateError as problem:
        if isinstance(problem, UnknownValueError | WrongTypeError):
            raise
        raise RefusedError(f"Cilium refuses it: {problem.why}", problem.path) from None


def _plain(selector: Selector) -> Selector:
    """A selector with keys as labels have them, without the source that Cilium takes for granted."""
    return Selector(tuple(replace(requirement, key=_key(requirement.key)) for requirement in selector.requirements))


def _key(key: str) -> str:
    return key.removeprefix("k8s:").removeprefix("any:")
