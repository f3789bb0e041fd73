"""The checks of the two rules about secrets, for one service each."""

from collections.abc import Callable, Iterator, Mapping

from seawall.policy.estate.kinds import EXTERNAL_SECRET, SECRET, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.secrets.uses import CONSUMERS
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Together, Violation
from seawall.policy.surroundings import external_secrets, secrets
from seawall.policy.surroundings.secrets import RESOURCES, Service

_MAKING: Mapping[GroupKind, tuple[Callable[[KubeObject, Estate, Service], Iterator[Violation]], ...]] = {
    EXTERNAL_SECRET: (
        external_secrets.served,
        external_secrets.renewed,
        external_secrets.kept,
        external_secrets.alone,
        external_secrets.fetched,
    ),
    SECRET: (secrets.plain,),
}


def kinds(service: Service) -> tuple[GroupKind, ...]:
    """The kinds that refer to a service's Secrets or make them."""
    others = {kind for several in RESOURCES.values() for kind in several} - set(RESOURCES[service])
    return (*(kind for kind in CONSUMERS if kind not in others), *_MAKING)


def checks(service: Service) -> tuple[Together, ...]:
    """What is judged of them."""

    def referring(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """References to Secrets that do not arrive."""
        return secrets.references(thing, estate, service)

    def making(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
        """What makes Secrets, question by question: one that cannot be answered hides none of the others."""
        stumbled: CannotEvaluateError | None = None
        for check in _MAKING.get(thing.group_kind, ()):
            try:
                yield from check(thing, estate, service)
            except CannotEvaluateError as problem:
                stumbled = stumbled or problem
        if stumbled is not None:
            raise stumbled

    return referring, making
