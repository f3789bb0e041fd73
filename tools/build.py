"""Build tools from their Go modules: one `go build` for all wanted tools of a module, installed by a rename."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seawall.errors import EnvironmentFailure
from seawall.tools import layout, processes
from seawall.tools.catalog import Match, Module, Tool
from seawall.tools.failures import explain, without_addresses
from seawall.tools.golang import Go
from seawall.tools.progress import Detail

# -s -w and -dwarf=false: nobody debugs these; it saves about a tenth of the time and a fifth of the disk.
# -trimpath: the same result in every checkout. -buildvcs=false: no question to git.
_FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-v")


def build(tools: Sequence[Tool], go: Go, detail: Detail) -> None:
    """Build tools of one folder and put each in its place. The caller holds the lock.

    Raises `EnvironmentFailure` with module, reason and mend; then, and after ^C, no executable and no child is left.
    """
    folder = tools[0].folder
    flags = " ".join(("-s", "-w", *tools[0].ldflags))
    names = ", ".join(tool.name for tool in tools)
    with scratch(folder) as output:
        packages = [tool.package for tool in tools]
        amended = [option for tool in tools for option in _amended(tool, go, detail, output)]
        command = [str(go.binary), "build", *_FLAGS, *amended, "-ldflags", flags, "-o", f"{output}{os.sep}", *packages]
        text = _go(command, folder, go, detail)
        built = [output / tool.package.rsplit("/", 1)[-1] for tool in tools]
        if text is not None or not all(file.is_file() for file in built):
            log = layout.log(folder)
            raise EnvironmentFailure(
                explain(names, tools[0].module, text or "", hosts=go.hosts(), log=str(log), otherwise=_otherwise(tools))
            )
        for tool, file in zip(tools, built, strict=True):
            ready = output / f"{tool.name}.ready"
            (ready / tool.executable).parent.mkdir(parents=True)
            file.rename(ready / tool.executable)
            install(tool, ready)


@contextmanager
def fetching(groups: Sequence[Sequence[Tool]], go: Go) -> Iterator[None]:
    """Fetch the modules that these builds will need while the block runs: the compiler leaves the network idle.

    What fails here fails again, and is explained, when it is needed.
    """
    # `go list -deps` fetches what the packages import, and no module more (`go mod download` takes those of tests too).
    command = (str(go.binary), "list", "-mod=readonly", "-deps")
    commands = [((*command, *(tool.package for tool in tools)), layout.go_module(tools[0].folder)) for tools in groups]
    with processes.beside(commands, env=go.environment()):
        yield


def fetch_module(module: Module, go: Go, detail: Detail) -> None:
    """Fetch and unpack a Go module, checked against our go.sum. The caller holds the lock.

    Raises `EnvironmentFailure` with module, reason and mend.
    """
    command = [str(go.binary), "mod", "download", f"{module.module}@{module.version}"]
    text = _go(command, module.folder, go, detail)
    if text is not None or not layout.unpacked(module).is_dir():
        raise EnvironmentFailure(
            explain(
                f"the manifests of {module.name} {module.version}",
                module.module,
                text or "",
                hosts=go.hosts(),
                log=str(layout.log(module.folder)),
                otherwise="use the cache of a machine that has it (SEAWALL_CACHE)",
                done="fetched",
            )
        )


def install(tool: Tool, ready: Path) -> None:
    """Move a complete folder to its place in the cache, in one step."""
    final = layout.version_folder(tool)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():  # without its executable, or we would not be here
        shutil.rmtree(final)
    ready.rename(final)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder for what is not finished, on the cache's own disk; gone afterwards, whatever happened."""
    folder = layout.partial() / f"{name}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what killed builds left. The caller holds the lock, so nobody is at work there."""
    shutil.rmtree(layout.partial(), ignore_errors=True)
    temporary = layout.go() / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True, exist_ok=True)


def _amended(tool: Tool, go: Go, detail: Detail, output: Path) -> list[str]:
    """Go's options to build from a changed copy of the tool's module; none when nothing of it is changed.

    Raises `EnvironmentFailure` when the text to change does not stand there exactly once.
    """
    change = tool.amendment
    if change is None:
        return []
    fetch_module(tool, go, detail)
    copy = output / "module"
    shutil.copytree(layout.unpacked(tool), copy, copy_function=shutil.copyfile)
    for path, _, _ in os.walk(copy):  # Go keeps modules read-only; the copy must be removable
        Path(path).chmod(0o755)
    source = copy / change.file
    text = source.read_text() if source.is_file() else ""
    if text.count(change.old) != 1:
        raise EnvironmentFailure(
            f"{tool.name} {tool.version} could not be built: {change.file} of {tool.module} holds the text to change "
            f"{text.count(change.old)} times instead of once; correct the amendment in tools/catalog.py"
        )
    source.write_text(text.replace(change.old, change.new))
    pins = layout.go_module(tool.folder)
    modfile = output / "build.mod"
    modfile.write_text(f"{(pins / 'go.mod').read_text()}\nreplace {tool.module} => {copy}\n")
    shutil.copyfile(pins / "go.sum", output / "build.sum")
    return [f"-modfile={modfile}"]


def _go(command: Sequence[str], folder: str, go: Go, detail: Detail) -> str | None:
    """Run Go in one of our modules; None when it went well, else its output, which is kept in the log as well."""
    try:
        done = processes.run(
            command,
            cwd=layout.go_module(folder),
            env=go.environment(),
            on_line=lambda line: detail(line.removeprefix("go: ")),
        )
    except OSError as error:
        raise EnvironmentFailure(f"Go ({go.binary}) cannot be started: {error.strerror}; install Go again") from error
    log = layout.log(folder)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(without_addresses(done.stdout) + "\n")
    return None if done.returncode == 0 else done.stdout


def _otherwise(tools: Sequence[Tool]) -> str:
    """Another way to the same tools, as the end of a sentence."""
    if tools[0].match is Match.NEVER:
        return "use the cache of a machine that has it (SEAWALL_CACHE)"
    wanted = " and ".join(f"{tool.name} {_wanted(tool)}" for tool in tools)
    return f"put {wanted} on PATH"


def _wanted(tool: Tool) -> str:
    if tool.match is Match.SAME_MINOR:
        return ".".join(tool.version.split(".")[:2])
    return f"{tool.minimum} or newer"
