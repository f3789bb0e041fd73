"""Objects with the name of one that an operator makes: two writers, and the operator takes the object over."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POOLER, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError

_Key = tuple[GroupKind, str, str]


@dataclass(frozen=True)
class Meeting:
    """An object that an operator will make, and another one of its kind and name."""

    made: KubeObject
    other: KubeObject
    """Declared, or the resource whose operator makes the other one."""
    twice_made: bool
    """Whether `other` is such a resource."""


def _makers(estate: Estate) -> Mapping[_Key, list[KubeObject]]:
    """Kind, namespace and name of everything that operators make → the resources that they make it of."""
    makers: dict[_Key, list[KubeObject]] = defaultdict(list)
    for kind in (DRAGONFLY, CLUSTER, POOLER):
        for resource in estate.of(kind):
            try:
                made = estate.made_of(resource)
            except CannotEvaluateError:  # said of that resource; what can be read is judged all the same
                continue
            for thing in made:
                makers[_key(thing)].append(resource)
    return makers


def _key(thing: KubeObject) -> _Key:
    return thing.group_kind, thing.namespace, thing.name


def meetings(resource: KubeObject, estate: Estate) -> Iterator[Meeting]:
    """What has the name of something that an operator will make of this resource.

    An object that belongs to the resource (`ownerReferences`) is the operator's own. Raises `CannotEvaluateError` when
    nothing can be said of what is made of it, or of whose an object of such a name is.
    """
    for made in estate.made_of(resource):
        declared = estate.find(*_key(made))
        if declared is not None and not declared.projected:
            with blaming(declared):
                owned = declared.belongs_to(resource)
            if not owned:
                yield Meeting(made, declared, twice_made=False)
        for maker in estate.memo(_makers).get(_key(made), ()):
            if maker is not resource:
                yield Meeting(made, maker, twice_made=True)
