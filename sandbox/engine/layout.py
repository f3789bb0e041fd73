"""Where the engine keeps its files in a sandbox's state."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """A stack that was used in a sandbox."""

    stack: str
    project: str
    """The project's name."""
    folder: Path


def work(state: Path, stack: str) -> Path:
    """The engine's work folder of a stack: copies of its files, and its kubeconfig."""
    return state / "engine" / "work" / stack


def kubeconfig(state: Path, stack: str) -> Path:
    """The kubeconfig of a stack; it reaches the sandbox only."""
    return work(state, stack) / "kubeconfig"


def backend(state: Path) -> Path:
    """The file backend: the stacks' states."""
    return state / "backend"


def home(state: Path) -> Path:
    """PULUMI_HOME."""
    return state / "pulumi"


def passphrase(state: Path) -> Path:
    """The file with the passphrase of the sandbox's stacks (0600)."""
    return state / "engine" / "passphrase"


def runs(state: Path) -> Path:
    """A folder per engine command, with its event log and the notes of its stand-ins."""
    return state / "engine" / "runs"


def stacks(state: Path) -> list[Work]:
    """The stacks that were previewed or deployed in this sandbox."""
    from seawall.sandbox.engine import workdir

    folder = state / "engine" / "work"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Work(at.name, workdir.project_name(at), at) for at in found if (at / "Pulumi.yaml").is_file()]
