"""CNPG-SW-005: instances or poolers whose hardening, which the operator gives them, is taken away."""

from collections.abc import Iterator

from seawall.operators.cnpg.projection_pods import BOOTSTRAP_CONTAINER
from seawall.operators.cnpg.projection_pods import CONTAINER as INSTANCE_CONTAINER
from seawall.operators.cnpg.projection_pooler import CONTAINER as PGBOUNCER
from seawall.policy.checks.hardening import RESTRICTED, Judge, Path, loose_image, namespace_level, writable_root
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.postgresql.postgres import pgbouncer_image
from seawall.policy.estate.values import View
from seawall.policy.findings import Rule, Together, Violation

_OWN_CONTAINERS = (PGBOUNCER, BOOTSTRAP_CONTAINER)
_FIELDS = {"seccompProfile": ("spec", "seccompProfile")}


def _of_pods(judge: Judge) -> Together:
    def check(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
        pods = next(iter(estate.pods_of(subject)))
        said: set[Path] = set()
        for path, message, mend in judge(pods):
            place = _instance_field(subject, path) if subject.group_kind == CLUSTER else _pooler_field(pods, path)
            if place is not None and place not in said:  # one field of a Cluster is in all of its containers
                said.add(place)
                yield Violation(message, mend, place)

    check.__doc__ = judge.__doc__
    return check


def _instance_field(cluster: KubeObject, path: Path) -> Path | None:
    """The field of a Cluster that decides a field of its instances' spec."""
    if "securityContext" not in path:
        return ("spec", *path)
    inner = path[path.index("securityContext") + 1 :]
    context = "podSecurityContext" if path[0] == "securityContext" else "securityContext"
    if inner and not cluster.at("spec", context, *inner).present:
        if inner[0] in _FIELDS and cluster.at(*_FIELDS[inner[0]]).present:
            return (*_FIELDS[inner[0]], *inner[1:])
        if inner[0] == "runAsUser":
            return ("spec", "postgresUID")
    return ("spec", context, *inner)


def _pooler_field(pods: PodSet, path: Path) -> Path | None:
    """The field of a Pooler's template; None for what the operator writes itself, from the Cluster's own fields."""
    if path[0] == "securityContext":
        return None
    if len(path) > 2 and path[2] == "securityContext" and _container(pods, path) in _OWN_CONTAINERS:
        return None
    return ("spec", "template", "spec", *path)


def own_images(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Images without a version: of the instances, of PgBouncer, of what a template adds.

    What a catalogue decides is not this object's.
    """
    cluster = subject.group_kind == CLUSTER
    own = subject.at("spec", "imageName") if cluster else pgbouncer_image(subject)
    yield from _loose(INSTANCE_CONTAINER if cluster else PGBOUNCER, own)
    template = subject.at("spec", "template", "spec")
    for field in () if cluster else ("containers", "initContainers"):
        for container in template.at(field).items():
            called = container.at("name").text() or ""
            if called not in _OWN_CONTAINERS:
                yield from _loose(called, container.at("image"))


def _loose(container: str, view: View) -> Iterator[Violation]:
    for path, message, mend in loose_image(f"container {container}", view, view.path):
        yield Violation(message, mend, path)


def _container(pods: PodSet, path: Path) -> str | None:
    """The name of the container that a path from the pods' spec on leads into."""
    return pods.spec.at(path[0]).items()[int(path[1].strip("[]"))].at("name").text()


def namespace(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A namespace that is declared here and does not enforce the level restricted; told once for all in it."""
    clusters = estate.of(CLUSTER, subject.namespace)
    poolers = estate.of(POOLER, subject.namespace)
    if subject is (clusters or poolers)[0]:
        yield from namespace_level(subject, estate)


def own_writable_root(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Instances whose read-only root file system is taken away. What a pooler's template adds is its own affair."""
    if subject.group_kind == CLUSTER:
        yield from _of_pods(writable_root)(subject, estate)


RULE = Rule(
    id="CNPG-SW-005",
    risks=(),
    title="The operator's hardening of pods is not weakened",
    score=4,
    why=(
        "The operator runs instances and poolers as unprivileged users, without capabilities, with a read-only root "
        "file system and the runtime's seccomp profile. Fields of the Cluster and a Pooler's template can take that "
        "away, and containers that a template adds have none of it."
    ),
    mend="Leave the operator's contexts as they are, harden what you add, and enforce restricted in the namespace.",
    kinds=(CLUSTER, POOLER),
    together=(*(_of_pods(judge) for judge in RESTRICTED), own_writable_root, own_images, namespace),
)
