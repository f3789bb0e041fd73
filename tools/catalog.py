"""The Go tools that the sandbox runs and the Go modules that it reads: one table, one pinned version each.

The module that a tool is built from is `tools/go/<folder>/` (`go.mod` and `go.sum` with hashes); tools of one
folder are built by one `go build`. A version is raised here and there together; a test holds them against each other.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from seawall.errors import UserError


class Match(StrEnum):
    """Which versions of a tool found on PATH may be used instead of the pinned one."""

    SAME_MINOR = "same minor"
    """Same major and minor as the pinned version, any patch: the API that the tool serves changes with the minor."""
    AT_LEAST = "at least"
    """The minimum version or anything newer within the same major."""
    NEVER = "never"
    """The vendor's name for it says nothing (`manager`) or it prints no version: PATH is not asked."""


class Download(StrEnum):
    """The vendor's own way to fetch a tool ready-made, used with `DOWNLOAD=1` only."""

    PULUMI = "Automation API"
    """`PulumiCommand.install` of the Automation API: the CLI and the language hosts beside it."""
    KWOK_RELEASE = "kwok release"
    """The file that kwok's documentation installs from its release; `KWOK_BINARY_PREFIX` replaces the address."""
    KWOKCTL = "kwokctl"
    """The file that `kwokctl get artifacts` names for this platform; kwokctl's own variables replace the addresses."""
    NONE = "none"
    """The vendor publishes container images only: always built."""


@dataclass(frozen=True, slots=True)
class Module:
    """A Go module whose unpacked folder is read (CRDs, webhook manifests)."""

    name: str
    """What our code calls it."""
    module: str
    """Go module path."""
    version: str
    """Pinned version with its leading `v`."""
    folder: str
    """Folder in `tools/go/` whose go.sum holds the module's hash."""
    licence: str
    """SPDX identifier of the module's own licence."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """One place of a module's source that is changed before a tool is built, because no setting of the tool does it."""

    name: str
    """Short name; part of the tool's folder in the cache, so that no plain build is taken for this one."""
    file: str
    """File of the module, relative to its folder."""
    old: str
    """Text that must stand there exactly once, else the build is refused: the module is not the one we know."""
    new: str
    """What stands there instead."""
    why: str
    """Why it is needed, as a sentence."""


@dataclass(frozen=True, slots=True)
class Tool(Module):
    """A program, built from its Go module unless a good one is on PATH or its vendor may be asked."""

    package: str
    """Go package of the main function."""
    minimum: str
    """Oldest version on PATH that is used; read by `match`."""
    match: Match
    probe: tuple[str, ...]
    """Arguments that make a binary print its version; empty where PATH is never asked."""
    download: Download
    seconds: int
    """Rough seconds of a first build on 2 cores, after those above it (a later one reuses what is compiled)."""
    ldflags: tuple[str, ...] = ()
    """Linker flags that make the tool say its version; the same for every tool of a folder."""
    binary: str = ""
    """Path of the executable in the version's folder of the cache; empty for the tool's own name."""
    amendment: Amendment | None = None
    """What is changed in the module's source; only for a tool that is always built."""
    for_tests: bool = False
    """A program of ours over the module, which only this project's tests run: nobody else builds it unasked."""

    @property
    def edition(self) -> str:
        """Name of the tool's folder in the cache: its version, and what was changed in it."""
        if self.for_tests:  # our own source changes while the module's version stays
            files = sorted((Path(__file__).resolve().parent / "go" / self.folder).glob("*.go"))
            source = b"".join(file.read_bytes() for file in files)
            return f"{self.version}-{sha256(source).hexdigest()[:12]}"
        return f"{self.version}-{self.amendment.name}" if self.amendment else self.version

    @property
    def executable(self) -> str:
        """Path of the executable, relative to `<cache>/tools/<name>/<edition>/`."""
        return self.binary or self.name


_KUBERNETES = "v1.36.3"
_VERSION_VARIABLE = "-X k8s.io/component-base/version"


def _kubernetes(name: str, seconds: int, probe: tuple[str, ...] = ("--version",)) -> Tool:
    major, minor, _ = _KUBERNETES.removeprefix("v").split(".")
    return Tool(
        name=name,
        module="k8s.io/kubernetes",
        version=_KUBERNETES,
        folder="kubernetes",
        licence="Apache-2.0",
        package=f"k8s.io/kubernetes/cmd/{name}",
        minimum=_KUBERNETES,
        match=Match.SAME_MINOR,
        probe=probe,
        download=Download.KWOKCTL,
        seconds=seconds,
        # What the vendor's release build sets; without it every part says v0.0.0-master.
        ldflags=(
            f"{_VERSION_VARIABLE}.gitVersion={_KUBERNETES}",
            f"{_VERSION_VARIABLE}.gitMajor={major}",
            f"{_VERSION_VARIABLE}.gitMinor={minor}",
            f"{_VERSION_VARIABLE}.gitTreeState=clean",
        ),
    )


def _oracle(name: str, module: str, version: str, licence: str, seconds: int) -> Tool:
    return Tool(
        name=name,
        module=module,
        version=version,
        folder=name,
        licence=licence,
        package=f"seawall/tools/{name}",
        minimum=version,
        match=Match.NEVER,
        probe=(),
        download=Download.NONE,
        seconds=seconds,
        for_tests=True,
    )


def _kwok(name: str, seconds: int, download: Download) -> Tool:
    return Tool(
        name=name,
        module="sigs.k8s.io/kwok",
        version="v0.8.0",
        folder="kwok",
        licence="Apache-2.0",
        package=f"sigs.k8s.io/kwok/cmd/{name}",
        minimum="v0.8.0",
        match=Match.AT_LEAST,
        probe=("--version",),
        download=download,
        seconds=seconds,
    )


# Seconds measured 2026-11-22 in this order: Go 1.26.8, 2 cores at load 1 to 3, modules there, nothing compiled.
# Wall clock (CPU user + system): etcd 42 (78), kwok with kwokctl 98 (179), kube-apiserver 193 (324),
# kube-controller-manager 57 (98), kube-scheduler 5 (7), kubectl 28 (41), cnpg-manager 87 (163), barman-plugin 74 (140),
# pulumi 174 (322): 758 (1352). kwokctl is needed for DOWNLOAD=1 only; its part of the 98 is a guess.
# Linking alone, everything compiled: 41 CPU seconds for all. Fetching the 574 modules took 164 at load 13; all but
# the first build's are fetched while something compiles.
# Disk: 2.8 GB modules, 5.8 GB compiled packages (`seawall tools clean` removes both), 0.7 GB tools.
# Not taken: one set of module versions for all Kubernetes tools, which would compile less, but is not what the vendors
# pinned and tested.
TOOLS: Final[tuple[Tool, ...]] = (
    Tool(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        version="v3.6.5",
        folder="etcd",
        licence="Apache-2.0",
        package="seawall/tools/etcd",
        minimum="v3.6.0",
        match=Match.AT_LEAST,
        probe=("--version",),
        download=Download.KWOKCTL,
        seconds=42,
    ),
    _kwok("kwok", 83, Download.KWOKCTL),
    _kwok("kwokctl", 15, Download.KWOK_RELEASE),
    _kubernetes("kube-apiserver", 193),
    _kubernetes("kube-controller-manager", 57),
    _kubernetes("kube-scheduler", 5),
    _kubernetes("kubectl", 28, probe=("version", "--client")),
    Tool(
        name="cnpg-manager",
        module="github.com/cloudnative-pg/cloudnative-pg",
        version="v1.30.0",
        folder="cnpg",
        licence="Apache-2.0",
        package="github.com/cloudnative-pg/cloudnative-pg/cmd/manager",
        minimum="v1.30.0",
        match=Match.NEVER,
        probe=(),
        download=Download.NONE,
        seconds=87,
        amendment=Amendment(
            name="loopback",
            file="internal/cmd/manager/controller/controller.go",
            old="Port:    port,",
            new='Host: "127.0.0.1", Port: port,',
            why="no setting binds the webhook to loopback, and nothing of the sandbox may listen elsewhere",
        ),
    ),
    Tool(
        name="barman-plugin",
        module="github.com/cloudnative-pg/plugin-barman-cloud",
        version="v0.14.0",
        folder="barman-plugin",
        licence="Apache-2.0",
        package="github.com/cloudnative-pg/plugin-barman-cloud/cmd/manager",
        minimum="v0.14.0",
        match=Match.NEVER,
        probe=(),
        download=Download.NONE,
        seconds=74,
    ),
    Tool(
        name="pulumi",
        module="github.com/pulumi/pulumi/pkg/v3",
        version="v3.259.0",
        folder="pulumi",
        licence="Apache-2.0",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        minimum="v3.259.0",
        match=Match.AT_LEAST,
        probe=("version",),
        download=Download.PULUMI,
        seconds=174,
        ldflags=("-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",),
        binary="bin/pulumi",  # the layout of the vendor's own archive, which the Automation API expects of a root
    ),
    # What decisions about network policies are held against (tests/oracles); seconds measured alone, at load 1.
    _oracle("cyclonus-oracle", "github.com/mattfenwick/cyclonus", "v0.5.6", "MIT", 38),
    _oracle("cilium-oracle", "github.com/cilium/cilium", "v1.18.0", "Apache-2.0", 110),
)

# Read for their manifests, never built.
MODULES: Final[tuple[Module, ...]] = (
    Module(
        name="cilium",
        module="github.com/cilium/cilium",
        version="v1.18.0",
        folder="cilium",
        licence="Apache-2.0",
    ),
)

NAMES: Final[tuple[str, ...]] = tuple(tool.name for tool in TOOLS)
"""Every tool's name, in the order in which they are built."""

FOR_USE: Final[tuple[str, ...]] = tuple(tool.name for tool in TOOLS if not tool.for_tests)
"""The tools that the sandbox and the command line need."""


def tool(name: str) -> Tool:
    """The tool of this name. Raises `UserError` for a name that the table does not hold."""
    for entry in TOOLS:
        if entry.name == name:
            return entry
    raise UserError(f"there is no tool {name!r}; allowed: {', '.join(NAMES)}")


def module(name: str) -> Module:
    """The Go module of a tool, or one that is only read. Raises `UserError` for a name that the table does not hold."""
    for entry in (*TOOLS, *MODULES):
        if entry.name == name:
            return entry
    raise UserError(f"there is no Go module {name!r}; allowed: {', '.join((*NAMES, *(m.name for m in MODULES)))}")
