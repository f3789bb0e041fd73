"""One verification: which checks, on what, what each of them comes to, and nothing left behind."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import seawall
from seawall.errors import SeawallError
from seawall.qa.checks import Check, Creates, UndecidedError
from seawall.qa.checks.context import Context, Metrics, RefusedQueryError, Store
from seawall.qa.checks.model import line, seen
from seawall.qa.checks.stacks import Declared
from seawall.qa.evidence.model import ClusterSeen, Environment, Evidence, NotRun, Observation, Verdict
from seawall.qa.evidence.repository import Head
from seawall.qa.register import Need
from seawall.qa.verify.api import KubeCluster, RefusedError
from seawall.qa.verify.disruption import RunDisruption
from seawall.qa.verify.probing import PodProber
from seawall.qa.verify.run import Run, StoppedError

REPOSITORY: tuple[Need, ...] = ("repo",)
"""What tests need that look at no cluster."""

Outcome = Evidence | NotRun
Told = Callable[[str], None]


@dataclass(frozen=True)
class Surroundings:
    """What a verification looks at."""

    checkout: Path
    repository: Declared
    """The stack that tests of the repository look at."""
    stack: Declared | None = None
    """The stack that is deployed on the cluster; none without a cluster."""
    consumer: Declared | None = None
    cluster: KubeCluster | None = None
    peer: KubeCluster | None = None
    metrics: Metrics | None = None
    store: Store | None = None
    environment: Environment = Environment.SIMULATED
    """Of what runs on the cluster."""
    unmet: Mapping[Need, str] = field(default_factory=dict)
    """Need → why it is not met."""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Allowed:
    """What a verification may do."""

    probe: bool = False
    disrupt: bool = False
    undisruptable: str | None = None
    """Why nothing may be disrupted on this cluster, whatever was asked for."""
    jobs: int = 4


@dataclass(frozen=True)
class Planned:
    """One check in the plan."""

    check: Check
    why_not: str | None
    """Why it will not be run; None when it will."""


class Verification:
    """Runs checks. Always `finish` it: what it has made and changed goes then."""

    def __init__(
        self,
        checks: Sequence[Check],
        around: Surroundings,
        allowed: Allowed,
        *,
        head: Head,
        command: str,
        told: Told = lambda _: None,
    ) -> None:
        self.plan = [Planned(check, _why_not(check, around, allowed)) for check in checks]
        self.told = told
        """Hears the progress."""
        self._around, self._allowed, self._head, self._command = around, allowed, head, command
        clusters: dict[str, KubeCluster] = {}
        stores: dict[str, tuple[str, str]] = {}
        if around.cluster is not None and around.stack is not None:
            clusters[around.stack.cluster] = around.cluster
            stores[around.stack.cluster] = around.stack.settings.platform.secret_store.reference
        if around.peer is not None and around.consumer is not None:
            clusters[around.consumer.cluster] = around.peer
            stores[around.consumer.cluster] = around.consumer.settings.platform.secret_store.reference
        self.owner = Run(clusters)
        """What owns everything that is made; its id is in all labels."""
        self._prober = (
            PodProber(self.owner, stores, lambda text: self.told(text)) if allowed.probe or allowed.disrupt else None
        )

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Runs every check, those that disturb nobody side by side, the others one after another; each as it ends."""
        for planned in self.plan:
            if planned.why_not is not None:
                yield planned.check.id, NotRun(test=planned.check.id, reason=planned.why_not)
        todo = [it.check for it in self.plan if it.why_not is None]
        # The rendered stacks and the policy pack are run by one thread: their libraries keep state of their own.
        alone = [it for it in todo if it.needs == REPOSITORY]
        calm = [it for it in todo if it.creates is not Creates.DISRUPTIVE and it not in alone]
        for check in alone:
            yield check.id, self._outcome(check)
        yield from self._side_by_side(calm)
        for check in todo:
            if check.creates is Creates.DISRUPTIVE:
                yield from self._side_by_side([check])

    def _side_by_side(self, checks: Sequence[Check]) -> Iterator[tuple[str, Outcome]]:
        """In threads, while this one waits: it is the one that hears ^C."""
        threads = ThreadPoolExecutor(max_workers=max(1, self._allowed.jobs), thread_name_prefix="check")
        try:
            pending: dict[Future[Outcome], str] = {threads.submit(self._outcome, it): it.id for it in checks}
            while pending:
                done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        except BaseException:
            self.owner.stop()
            raise
        finally:
            threads.shutdown(wait=True, cancel_futures=True)

    def finish(self) -> list[str]:
        """Puts back what was changed and removes what was made; what could not be, with the reason."""
        return self.owner.finish(self.told)

    def _outcome(self, check: Check) -> Outcome:
        started = datetime.now(UTC)
        self.told(f"{check.id}: {check.plan}")
        found: list[Observation] = []
        why = "nothing was observed"
        try:
            for it in check.run(self._context(check)):
                found.append(it)
        except (UndecidedError, RefusedError, SeawallError) as error:
            why = line(error)
        except RefusedQueryError as error:
            why = line(f"the metrics store refuses a query: {error}")
        except StoppedError:
            return NotRun(test=check.id, reason="interrupted")
        except Exception as error:  # what a cluster shows may be of any form: one test less, and not none at all
            if debugging():
                raise
            why = line(f"the check itself failed: {type(error).__name__}: {error}")
        else:
            if found:
                return self._evidence(check, found, started)
        if all(it.ok for it in found):
            return NotRun(test=check.id, reason=why)
        # what was seen to fail has failed, whatever could not be looked at after it
        found.append(seen("the rest of the test", "is looked at", why, False))
        return self._evidence(check, found, started)

    def _evidence(self, check: Check, found: Sequence[Observation], started: datetime) -> Evidence:
        around = self._around
        repository = check.needs == REPOSITORY
        cluster: ClusterSeen | None = None if repository or around.cluster is None else around.cluster.seen
        peer: ClusterSeen | None = around.peer.seen if check.peer and around.peer is not None else None
        return Evidence(
            test=check.id,
            verdict=Verdict.PASSED if all(it.ok for it in found) else Verdict.FAILED,
            environment=Environment.REPOSITORY if repository else around.environment,
            cluster=cluster,
            peer=peer,
            commit=self._head.commit,
            dirty=self._head.dirty,
            versions={"seawall": seawall.__version__, **({} if repository else around.versions)},
            started=started,
            finished=max(started, datetime.now(UTC)),
            command=self._command,
            observed=tuple(found),
        )

    def _context(self, check: Check) -> Context:
        around, allowed = self._around, self._allowed
        stack = around.repository if check.needs == REPOSITORY else around.stack
        if stack is None:
            raise UndecidedError("needs api: give --context")
        disrupting = allowed.disrupt and allowed.undisruptable is None
        return Context(
            stack=stack,
            checkout=around.checkout,
            consumer=around.consumer,
            cluster=around.cluster,
            peer=around.peer,
            prober=self._prober,
            metrics=around.metrics,
            store=around.store,
            disruption=RunDisruption(self.owner, stack.cluster) if disrupting else None,
            told=lambda text: self.told(f"{check.id}: {text}"),
            now=lambda: datetime.now(UTC),
            wait=self.owner.wait,
        )


def debugging() -> bool:
    """Whether an unexpected error is to be shown whole (`--debug`)."""
    return os.environ.get("SEAWALL_DEBUG") == "1"


def _why_not(check: Check, around: Surroundings, allowed: Allowed) -> str | None:
    """Why a check is not run: a need first, then what was not asked for."""
    if check.needs != REPOSITORY and around.cluster is None:
        return f"needs {', '.join(check.needs)}: give --context"
    for need in check.needs:
        if need in around.unmet:
            return line(f"needs {need}: {around.unmet[need]}")
    if check.creates is Creates.PROBES and not allowed.probe:
        return "it makes probe pods: give --probe"
    if check.creates is Creates.DISRUPTIVE:
        return "it changes what runs: give --disruptive" if not allowed.disrupt else allowed.undisruptable
    return None
