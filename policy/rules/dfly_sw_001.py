"""DFLY-SW-001: data pods of a Dragonfly with more rights, or less bounds, than they need."""

from collections.abc import Iterator

from seawall.policy.checks.dragonfly_process import field_of, process_of
from seawall.policy.checks.hardening import RESTRICTED, images, memory_limits, namespace_level, over_pods, writable_root
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_POD_CONTEXT = ("spec", "podSecurityContext")


def check_volume_group(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A pod security context without `fsGroup`, which takes the operator's own away, over a volume of snapshots."""
    context = dragonfly.at(*_POD_CONTEXT)
    if not context.present or context.at("fsGroup").present or not _claims(dragonfly):
        return
    process = process_of(dragonfly, estate)
    user = process.container.at("securityContext", "runAsUser").integer() or context.at("runAsUser").integer()
    refuses = [
        view.at("runAsNonRoot").boolean(default=False)
        for view in (context, process.container.at("securityContext"))
        if view.present
    ]
    if user or any(refuses):
        yield Violation(
            "spec.podSecurityContext takes the operator's own fsGroup 999 away and gives none: the snapshots' volume "
            f"belongs to root, and user {user or 999} cannot write to it",
            "Set fsGroup: 999 (and fsGroupChangePolicy: OnRootMismatch) in spec.podSecurityContext.",
            (*_POD_CONTEXT, "fsGroup"),
        )


def check_read_only_root(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A read-only root file system with snapshots that have no other place: the process cannot write them."""
    process = process_of(dragonfly, estate)
    if not process.container.at("securityContext", "readOnlyRootFilesystem").boolean(default=False):
        return
    if _claims(dragonfly) or "://" in (dragonfly.at("spec", "snapshot", "dir").text() or ""):
        return
    if process.text("dbfilename") != "":
        yield Violation(
            "the root file system is read-only, no claim is mounted for snapshots, and --dbfilename is not empty: the "
            "process, which writes a snapshot when it ends, has no place for it",
            "Give spec.snapshot a claim, or switch snapshots off with --dbfilename= (empty).",
            process.path("dbfilename"),
        )


def _claims(dragonfly: KubeObject) -> bool:
    """Whether the snapshots have a volume."""
    snapshot = dragonfly.at("spec", "snapshot")
    existing = snapshot.at("existingPersistentVolumeClaimName").text()
    return snapshot.at("persistentVolumeClaimSpec").present or bool(existing)


RULE = Rule(
    id="DFLY-SW-001",
    risks=(),
    title="Data pods run hardened",
    score=4,
    why=(
        "Dragonfly's image runs as root unless told otherwise, and the operator sets nothing of that. Whoever breaks "
        "into the process then has a container's full default rights, a writable root file system, and all memory "
        "of the node."
    ),
    mend=(
        "Set spec.podSecurityContext and spec.containerSecurityContext as on the rule's page, a memory limit, a "
        "version of the image, and enforce the level restricted in the namespace."
    ),
    kinds=(DRAGONFLY,),
    together=(
        *(over_pods(judge, field_of) for judge in (*RESTRICTED, writable_root, images, memory_limits)),
        check_volume_group,
        check_read_only_root,
        namespace_level,
    ),
)
