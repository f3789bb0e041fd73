"""Every test that can honestly run on this machine: the repository's, and those whose needs the sandbox meets."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seawall.qa.checks.stacks import Declared
from seawall.qa.evidence.model import Environment, Evidence, NotRun
from seawall.qa.evidence.repository import head
from seawall.qa.verify import surroundings
from seawall.qa.verify.api import KubeCluster
from seawall.qa.verify.asking import chosen, declared, distinct
from seawall.qa.verify.store import S3Store
from seawall.qa.verify.verification import Allowed, Surroundings, Verification

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Place:
    """A sandbox with a stack deployed in it."""

    kubeconfig: Path
    context: str
    stack: str = "sandbox"
    """The stack that is deployed there."""
    s3_endpoint: str | None = None
    """Where its object store answers; None: tests of backups are not run."""
    s3_session: "boto3.Session | None" = None
    """With which keys; None: those of the environment."""


def here(
    checkout: Path,
    place: Place | None = None,
    *,
    command: str,
    peer: Place | None = None,
    repository_stack: str = "infra",
    tests: Collection[str] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Evidence | NotRun]:
    """Runs every test of the register, or these; test id → its evidence, or why there is none (`needs kubelet: …`).

    Tests of the repository look at `repository_stack`, all others at the stack that is deployed in `place`, and at the
    one of its clients in `peer`; without a place they are not run. Read-only. `command` is the command line that goes
    into the evidence, `told` hears the progress. Raises `UserError` for a test that there is not, `EnvironmentFailure`
    when the API server does not answer.
    """
    checks = chosen(tests)
    repository = declared(checkout, repository_stack)
    around = Surroundings(checkout, repository)
    if place is not None:
        around = _around(checkout, repository, place, peer)
    verification = Verification(checks, around, Allowed(), head=head(checkout), command=command, told=told)
    found = dict(verification.outcomes())
    return {check.id: found[check.id] for check in checks}


def _around(checkout: Path, repository: Declared, place: Place, peer: Place | None) -> Surroundings:
    cluster = KubeCluster(place.context, place.kubeconfig)
    stack = repository if place.stack == repository.name else declared(checkout, place.stack)
    other = KubeCluster(peer.context, peer.kubeconfig) if peer is not None else None
    distinct([cluster, *([other] if other is not None else [])])
    region = stack.settings.aws.region if stack.settings.aws is not None else None
    store = S3Store(place.s3_endpoint, region, place.s3_session) if place.s3_endpoint is not None else None
    return Surroundings(
        checkout,
        repository,
        stack=stack,
        consumer=declared(checkout, peer.stack) if peer is not None else None,
        cluster=cluster,
        peer=other,
        store=store,
        # Whatever its nodes are: the object store, at least, is a double.
        environment=Environment.SIMULATED,
        unmet=surroundings.unmet(
            stack,
            cluster,
            metrics=False,
            store=None if store is not None else "there is none here",
            unreal=surroundings.unreal(stack, cluster, other),
        ),
        versions=surroundings.versions(stack, cluster),
    )
