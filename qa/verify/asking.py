"""What somebody asks `seawall verify` for, made into what it looks at."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3

from seawall import paths
from seawall.components.problems import nearest
from seawall.errors import UserError
from seawall.pages.stacks import read_one
from seawall.qa.checks import Check, all_checks
from seawall.qa.checks.model import line
from seawall.qa.checks.stacks import Declared
from seawall.qa.evidence.model import Environment
from seawall.qa.promql import PromQL
from seawall.qa.verify import disruption, surroundings
from seawall.qa.verify.api import KubeCluster
from seawall.qa.verify.store import S3Store
from seawall.qa.verify.verification import Surroundings

_OF_THIS_MACHINE = ("--kubeconfig", "--sign-with", "--metrics-token", "--evidence", "--out")
"""Options that name files of whoever runs it: not for evidence that others read."""


@dataclass(frozen=True)
class Asked:
    """Where to look."""

    context: str
    peer: str | None = None
    kubeconfig: Path | None = None
    stack: str = "infra"
    peer_stack: str = "apps"
    metrics: str | None = None
    metrics_token: Path | None = None
    s3_endpoint: str | None = None


def look(asked: Asked, told: Callable[[str], None] = lambda _: None) -> tuple[Surroundings, str | None]:
    """What a verification looks at, and why nothing may be disrupted there (None: it may).

    Raises `UserError` for a mistake in what was asked, `EnvironmentFailure` when a cluster does not answer.
    """
    metrics = PromQL(asked.metrics, asked.metrics_token) if asked.metrics is not None else None
    checkout = paths.checkout()
    told(f"renders stack {asked.stack}")
    stack = _for_context(declared(checkout, asked.stack), asked.context, "--context")
    consumer = None
    if asked.peer is not None:
        told(f"renders stack {asked.peer_stack}")
        consumer = _for_context(declared(checkout, asked.peer_stack), asked.peer, "--peer")
    store, missing = _store(stack, asked.s3_endpoint)
    cluster = KubeCluster(asked.context, asked.kubeconfig)
    peer = KubeCluster(asked.peer, asked.kubeconfig) if asked.peer is not None else None
    clusters = [cluster, *([peer] if peer is not None else [])]
    told("asks the clusters who they are")
    distinct(clusters)
    if not surroundings.deployed(stack, cluster):
        raise UserError(
            f"--context {asked.context}: nothing of stack {stack.name} is there, neither a Dragonfly nor a Cluster of "
            "PostgreSQL: every test would fail; deploy it first, or look where that context leads"
        )
    refusals = [why for it in clusters[:1] if (why := disruption.forbidden(it)) is not None]
    told(f"looks at what runs on {asked.context}")
    unreal = surroundings.unreal(stack, cluster, peer)
    lacking = surroundings.unmet(stack, cluster, metrics=metrics is not None, store=missing, unreal=unreal)
    around = Surroundings(
        checkout,
        stack,
        stack=stack,
        consumer=consumer,
        cluster=cluster,
        peer=peer,
        metrics=metrics,
        store=store,
        # Real is what runs on nodes that are not simulated and whose kubelets answer; anything else is not.
        environment=Environment.REAL if unreal is None else Environment.SIMULATED,
        unmet=lacking,
        versions=surroundings.versions(stack, cluster),
    )
    return around, next(iter(refusals), None)


def _for_context(stack: Declared, context: str, option: str) -> Declared:
    """The stack, if it is for that context. Raises `UserError`: nothing is asked of a cluster that no stack names."""
    wanted = stack.settings.platform.context
    if wanted != context:
        raise UserError(
            f"{option} {context}: stack {stack.name} is for the context {wanted} (platform.context); name that one, or "
            "another stack with --stack or --peer-stack"
        )
    return stack


def _store(stack: Declared, endpoint: str | None) -> tuple[S3Store | None, str | None]:
    """The object store of the stack's backups, and why there is none to ask."""
    if stack.settings.cnpg is None:
        return None, f"stack {stack.name} has no backups"
    own = next((it.settings.backup.endpoint for it in stack.databases if it.settings.backup.endpoint is not None), None)
    session = boto3.Session()
    if session.get_credentials() is None:
        return None, "no AWS credentials are found in the environment, with which buckets could be read"
    region = stack.settings.aws.region if stack.settings.aws is not None else None
    return S3Store(endpoint or own, region, session), None


def command(words: Sequence[str]) -> str:
    """The command line for evidence, without the names of files on this machine."""
    return line(" ".join(("seawall", *_kept(words))))


def _kept(words: Sequence[str]) -> Iterator[str]:
    left = iter(words)
    for word in left:
        name, equals, _ = word.partition("=")
        if name not in _OF_THIS_MACHINE:
            yield word
        elif not equals:
            next(left, None)


def chosen(tests: Collection[str] | None) -> list[Check]:
    """The checks of these tests, in the register's order; all when none is given. Raises `UserError`."""
    known = all_checks()
    for test in tests or ():
        if test not in known:
            meant = nearest(test, known)
            hint = f"did you mean {meant}?" if meant else "docs/traceability.md lists them"
            raise UserError(f"--test {test}: the register has no such test; {hint}")
    return [check for test, check in known.items() if not tests or test in tests]


def declared(checkout: Path, name: str) -> Declared:
    """A stack of the checkout, rendered. Raises `UserError` when there is none, or it is wrong."""
    stack = read_one(checkout, name)
    return Declared(stack.name, stack.settings, stack.recording.resources)


def distinct(clusters: Sequence[KubeCluster]) -> None:
    """Raises `UserError` when two contexts lead to one cluster: a client there would be no remote one."""
    known: dict[str, str] = {}
    for cluster in clusters:
        other = known.setdefault(cluster.seen.uid, cluster.context)
        if other != cluster.context:
            raise UserError(f"--peer {cluster.context}: is the same cluster as {other}; give the one of the clients")
