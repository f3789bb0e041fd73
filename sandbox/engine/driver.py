"""Runs the repository's program on the real Pulumi engine, against the sandbox and nothing else."""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pulumi.automation import CommandError, Deployment, LocalWorkspace
from pulumi.automation._stack import StackInitMode
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from seawall import paths
from seawall.components import settings
from seawall.components.settings import StackSettings
from seawall.errors import EnvironmentFailure, UserError
from seawall.policy.acceptance import configuration
from seawall.sandbox.engine import (
    environment,
    kubeconfig,
    layout,
    lock,
    plugins,
    recovery,
    summary,
    surroundings,
    workdir,
)
from seawall.sandbox.engine.advice import advice, causes
from seawall.sandbox.engine.command import EngineCommand
from seawall.sandbox.engine.events import RecordedStack, Recorder
from seawall.sandbox.engine.program import Program
from seawall.sandbox.engine.summary import EngineFailure, Operation, PolicyRefusal, RunSummary, Target
from seawall.sandbox.kubeconfig import CONTEXT as SANDBOX_CONTEXT
from seawall.sandbox.parts import TOOLS
from seawall.tools import toolchain

LoadSettings = Callable[[Mapping[str, object]], StackSettings | None]


class Endpoints(Protocol):
    """Where a sandbox listens."""

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the sandbox's administrator."""

    @property
    def api_server(self) -> str:
        """URL of the API server, on the loopback."""

    @property
    def s3(self) -> str:
        """URL of S3, KMS and IAM, on the loopback."""


class RunningSandbox(Protocol):
    """What the driver needs of a sandbox."""

    @property
    def state(self) -> Path:
        """Its state folder."""

    @property
    def endpoints(self) -> Endpoints:
        """Where it listens, once it is started."""

    def start(self, console: Console, download: bool = False) -> object:
        """Start what is not running."""

    def ensure_namespaces(self, names: Iterable[str]) -> None:
        """Create these namespaces where they are missing."""

    def make_way(self, names: Iterable[str]) -> None:
        """Remove those of these namespaces that were made for another stack and hold nothing."""

    def ensure_storage_classes(self, names: Iterable[str]) -> None:
        """Create these storage classes where they are missing."""


@dataclass(frozen=True)
class _Session:
    """Everything that one command on the engine needs."""

    stack: RecordedStack
    command: EngineCommand
    program: Program
    plugins: tuple[plugins.Plugin, ...]
    target: Target
    recovered: tuple[str, ...]


class Engine:
    """The Pulumi engine on one stack of a project, in a sandbox.

    Every method validates the stack's settings, takes the sandbox's lock, mends what a killed run left, starts what of
    the sandbox is not running, and raises `UserError` for a mistake in the settings (before anything is started),
    `PolicyRefusal` when the policy pack refuses, `EngineFailure` or another `EnvironmentFailure` when something fails,
    and `KeyboardInterrupt` when it is interrupted.
    """

    def __init__(
        self,
        project: Path,
        stack: str,
        sandbox: RunningSandbox,
        console: Console,
        *,
        program: Path | None = None,
        policy_pack: Path | None = None,
        load_settings: LoadSettings | None = None,
        download: bool = False,
        wait: bool = True,
        vendor_plugins: bool = True,
    ) -> None:
        """Prepare; nothing is read or started yet.

        `project` holds Pulumi.yaml, Pulumi.<stack>.yaml and `__main__.py`, and may hold policy.<stack>.json, the
        stack's levels and waivers. `program` is another file to run instead of `__main__.py`. `policy_pack` is an
        executable pack (default: the project's `policy/pack`). `load_settings` checks the raw configuration (default:
        our own settings). `download` fetches the vendor's tools and plugins. `wait=False` fails where another command
        holds the sandbox. `vendor_plugins=False` runs stand-ins whatever is installed.
        """
        self.project, self.stack, self.sandbox, self.console = project, stack, sandbox, console
        self._program = program or project / "__main__.py"
        self._pack = policy_pack or project / "policy" / "pack"
        self._load_settings = load_settings or (lambda config: settings.load(config, project))
        self._download, self._wait, self._vendor = download, wait, vendor_plugins
        self._state = sandbox.state
        self._work = layout.work(self._state, stack)
        self._policy_config = project / f"policy.{stack}.json"
        self._settings: StackSettings | None = None

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of this stack: there after the first command; it reaches the sandbox only."""
        return layout.kubeconfig(self._state, self.stack)

    def validate(self) -> workdir.StackFiles:
        """Check project, stack file, settings and policy configuration, starting nothing. Raises `UserError`."""
        files = workdir.read(self.project, self.stack)
        if not self._program.is_file():
            raise UserError(f"{self._program} does not exist: it is the program that says what to deploy")
        if not os.access(self._pack, os.X_OK):
            raise UserError(f"{self._pack} is not an executable file: nothing is deployed without the policy pack")
        self._settings = self._load_settings(files.config)
        if self._policy_config.exists():
            ours = self._pack.resolve() == (paths.checkout() / "policy" / "pack").resolve()
            configuration.read(self._policy_config, ours=ours)
        return files

    def preview(self, *, policies: bool = True) -> RunSummary:
        """Show what an update would do, compared with what is really there; change nothing.

        `policies=False` leaves the policy pack out, to render manifests that it would refuse.
        """
        with self._session("preview") as session:
            return self._preview(session, policies=policies)

    def up(self) -> RunSummary:
        """Preview with the policy pack and, unless it refuses, update with the policy pack."""
        with self._session("up") as session:
            seen = self._preview(session)
            done = self._run(
                session,
                "up",
                lambda **display: session.stack.up(**self._judged_by(), refresh=True, **display),
            )
            return replace(
                done,
                warnings=tuple(dict.fromkeys([*seen.warnings, *done.warnings])),
                notes=tuple(dict.fromkeys([*seen.notes, *done.notes])),
                duration_s=seen.duration_s + done.duration_s,
            )

    def destroy(self) -> RunSummary:
        """Delete everything that the stack deployed, protected resources too: a sandbox is thrown away.

        It goes by the engine's state alone, so a program or settings that have become invalid do not hinder it.
        """
        with self._session("destroy") as session:
            session.command.run(
                ["state", "unprotect", "--all", "--yes", "--stack", self.stack], cwd=str(self._work), additional_env={}
            )
            return self._run(session, "destroy", lambda **display: session.stack.destroy(**display))

    def _preview(self, session: _Session, *, policies: bool = True) -> RunSummary:
        packs = self._judged_by() if policies else {}
        return self._run(session, "preview", lambda **display: session.stack.preview(**packs, refresh=True, **display))

    def _judged_by(self) -> dict[str, Any]:
        """The policy pack, with the stack's configuration of it where there is one."""
        configs = {"policy_pack_configs": [str(self._policy_config)]} if self._policy_config.exists() else {}
        return {"policy_packs": [str(self._pack)], **configs}

    @contextmanager
    def _session(self, operation: Operation) -> Iterator[_Session]:
        files = self._validated(operation)
        with lock.exclusive(self._state, self._say, wait=self._wait):
            leftovers = recovery.clean(self._state)
            if leftovers:
                self._say(leftovers.sentence())
            recorded = recovery.contexts(self._state, files.project, self.stack)
            pulumi = _pulumi(self.console, download=self._download)
            self.sandbox.start(self.console, download=self._download)
            if self._settings is not None:
                self.sandbox.make_way(surroundings.made(self._settings))
                self.sandbox.ensure_namespaces(surroundings.namespaces(self._settings))
                self.sandbox.ensure_storage_classes(surroundings.storage_classes(self._settings))
            where = self.sandbox.endpoints
            contexts = list(dict.fromkeys([files.context or SANDBOX_CONTEXT, SANDBOX_CONTEXT, *recorded]))
            kubeconfig.write(where.kubeconfig, where.api_server, contexts, self.kubeconfig)
            target = Target(where.api_server, self.kubeconfig, contexts[0], where.s3)
            if operation != "destroy":
                workdir.copy(self.project, self.stack, self._work)
            chosen = self._plugins(pulumi)
            self._passphrase()
            home = self._state / "engine" / "home"
            home.mkdir(parents=True, exist_ok=True)
            layout.backend(self._state).mkdir(exist_ok=True)
            variables = environment.program(home, self.kubeconfig, where.api_server, where.s3)
            engines = variables | environment.engine(self._state, pulumi)
            with environment.applied(variables, self.project):
                command = EngineCommand(pulumi, engines, self._say)
                program = Program(self._program, self.project)
                stack = self._stack(command, program)
                recovered = (*([leftovers.sentence()] if leftovers else []), *self._settle(stack, files.project))
                try:
                    yield _Session(stack, command, program, chosen, target, recovered)
                finally:
                    recovery.end_survivors(self._state)  # of an engine that was killed; any other ends its own

    def _validated(self, operation: Operation) -> workdir.StackFiles:
        if operation == "destroy":
            return workdir.read(self._work, self.stack)
        return self.validate()

    def _plugins(self, pulumi: Path) -> tuple[plugins.Plugin, ...]:
        cache = paths.cache()
        if self._download:
            _download_plugins(pulumi, cache / "pulumi", self._say)
        return plugins.install(layout.home(self._state), plugins.vendor_folders(cache) if self._vendor else None)

    def _stack(self, command: EngineCommand, program: Program) -> RecordedStack:
        workspace = LocalWorkspace(
            work_dir=str(self._work),
            pulumi_home=str(layout.home(self._state)),
            program=program.run,
            secrets_provider="passphrase",
            pulumi_command=command,
        )
        try:
            return RecordedStack(self.stack, workspace, StackInitMode.CREATE_OR_SELECT)
        except CommandError as error:
            raise EnvironmentFailure(
                f"the engine cannot open stack {self.stack}: {_reason(str(error).splitlines())}"
            ) from error

    def _settle(self, stack: RecordedStack, project: str) -> tuple[str, ...]:
        """Clear operations that an interrupted update began and never recorded as done."""
        pending = recovery.pending_operations(self._state, project, self.stack)
        if not pending:
            return ()
        exported = stack.export_stack()
        stack.import_stack(
            Deployment(exported.version, recovery.without_pending_operations(dict(exported.deployment or {})))
        )
        count = "1 operation: what it" if len(pending) == 1 else f"{len(pending)} operations: what they"
        sentence = f"an earlier update was cut short in {count} made is adopted now"
        self._say(sentence)
        return (sentence,)

    def _run(self, session: _Session, operation: Operation, call: Callable[..., object]) -> RunSummary:
        folder = layout.runs(self._state) / f"{time.strftime('%Y%m%dT%H%M%S')}-{operation}-{secrets.token_hex(2)}"
        folder.mkdir(parents=True)
        recorder = Recorder(folder / "events.jsonl")
        session.stack.recorder = recorder
        session.stack.workspace.env_vars = {environment.NOTES: str(folder / "notes.jsonl")}
        title = {"preview": "Preview", "up": "Update", "destroy": "Destroy"}[operation]
        self.console.rule(f"[bold]{title} of stack {escape(self.stack)}", align="left")
        stderr: list[str] = []
        failure: str | None = None
        began = time.monotonic()
        try:
            call(
                on_output=self._show,
                on_error=stderr.append,
                on_event=lambda event: None,
                color="always" if self.console.is_terminal and not self.console.no_color else "never",
                suppress_progress=True,
            )
        except CommandError:
            session.program.settle()
            failure = _reason(stderr)
        except BaseException:
            session.program.settle()
            raise
        done = RunSummary(
            operation=operation,
            stack=self.stack,
            changes=recorder.changes(),
            policies=summary.verdicts(recorder),
            violations=summary.violations(recorder),
            warnings=tuple(recorder.warnings()),
            errors=tuple(recorder.errors() or ([failure] if failure else [])),
            duration_s=time.monotonic() - began,
            plugins=session.plugins,
            notes=summary.notes(folder / "notes.jsonl"),
            target=session.target,
            recovered=session.recovered,
            events=recorder.file,
        )
        if session.program.mistake:
            raise session.program.mistake
        if done.refused:
            raise PolicyRefusal(_refusal(done), done)
        if failure:
            what = "; ".join([*causes(done.errors)[:3], *advice(done.errors, self._others())])
            raise EngineFailure(f"{title.lower()} of stack {self.stack} failed: {what}", done)
        return done

    def _others(self) -> dict[str, int]:
        """The other stacks that were used in this sandbox → how many resources each has there."""
        return {
            work.stack: recovery.deployed(self._state, work.project, work.stack)
            for work in layout.stacks(self._state)
            if work.stack != self.stack
        }

    def _show(self, line: str) -> None:
        self.console.print(Text.from_ansi(line), soft_wrap=True)

    def _say(self, sentence: str) -> None:
        self.console.print(Text(sentence, style="yellow"), soft_wrap=True)

    def _passphrase(self) -> None:
        file = layout.passphrase(self._state)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_suffix(".new")
            scratch.touch(mode=0o600)
            scratch.write_text(secrets.token_urlsafe(32), encoding="utf-8")
            scratch.replace(file)  # whole or not at all, whenever we are killed


def _pulumi(console: Console, *, download: bool) -> Path:
    """The CLI. The sandbox's tools are asked for at once, so that everything that must be built is told beforehand."""
    return toolchain.ensure([*TOOLS, "pulumi"], console=console, download=download)["pulumi"]


def _download_plugins(pulumi: Path, home: Path, say: Callable[[str], None]) -> None:
    """Fetch the vendor's plugins by the vendor's own way. Raises `EnvironmentFailure` when that is not possible."""
    variables = environment.ambient(downloading=True) | {
        "HOME": str(home),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    home.mkdir(parents=True, exist_ok=True)
    command = EngineCommand(pulumi, variables, say)
    for name in plugins.PROVIDERS:
        version = f"v{plugins.sdk_version(name)}"
        say(f"downloading the vendor's plugin {name} {version}")
        try:
            command.run(["plugin", "install", "resource", name, version], cwd=str(home), additional_env={})
        except CommandError as error:
            raise EnvironmentFailure(
                f"the vendor's plugin {name} {version} cannot be downloaded ({_reason(str(error).splitlines())}): "
                "go on without DOWNLOAD=1 (--download) to use the stand-ins, or open the network"
            ) from error


def _reason(lines: list[str]) -> str:
    """The sentences in what the CLI wrote that say why it failed."""
    said = [line.strip().removeprefix("stderr:").strip() for line in lines]
    errors = [line.removeprefix("error:").strip() for line in said if line.startswith("error:")]
    return "; ".join(dict.fromkeys(errors)) or next((line for line in reversed(said) if line), "no reason given")


def _refusal(done: RunSummary) -> str:
    found = [violation for violation in done.violations if violation.mandatory]
    names = ", ".join(dict.fromkeys(violation.policy for violation in found))
    state = "nothing was changed" if done.operation == "preview" else "the update had begun: see above what it changed"
    return f"the policy pack refuses stack {done.stack}: {len(found)} violations of {names}; {state}"
