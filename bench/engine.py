"""What the policy pack costs in the engine: previews of many resources, with the pack and with one empty rule.

The resources need no provider and no cluster, so the engine's own part is as small as it can be, and the pack's share
as large: with a real provider the factor is smaller.
"""

import json
import os
import resource
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import yaml
from rich.console import Console

from seawall import paths
from seawall.bench import tenants
from seawall.errors import EnvironmentFailure
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import PolicyRefusal

TARGET = 1.3
"""How many times the preview with one empty rule the whole pack may take."""
ROUNDS = 3
"""The fastest of so many previews counts: whatever else the machine does only adds."""

_PROGRAM = """
    import json
    from pathlib import Path

    import pulumi

    for manifest in json.loads(Path({manifests!r}).read_text()):
        token = f"kubernetes:{{manifest['apiVersion']}}:{{manifest['kind']}}"
        name = f"{{manifest['kind']}}-{{manifest['metadata'].get('namespace')}}-{{manifest['metadata']['name']}}"
        made = pulumi.ComponentResource(token, name, manifest)
        made.register_outputs(manifest)
"""
_EMPTY_PACK = """
    #!/usr/bin/env python3
    from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

    PolicyPack(
        name="empty",
        enforcement_level=EnforcementLevel.ADVISORY,
        policies=[StackValidationPolicy("EMPTY-001", "Finds nothing", lambda args, report: None)],
    )
"""
_NOWHERE = "https://127.0.0.1:1"


@dataclass(frozen=True)
class Cost:
    """What the previews took."""

    resources: int
    empty_s: float
    """Seconds with one empty rule, from start to end."""
    whole_s: float
    """Seconds with the whole pack."""
    empty_cpu_s: float
    """CPU seconds of the engine and the pack with one empty rule; the program's own are not in it."""
    whole_cpu_s: float
    """CPU seconds with the whole pack."""

    @property
    def factor(self) -> float:
        """How many times one empty rule's preview the whole pack's takes."""
        return self.whole_s / self.empty_s


@dataclass
class _Endpoints:
    kubeconfig: Path
    api_server: str = _NOWHERE
    s3: str = "http://127.0.0.1:2"


class _NoSandbox:
    """Stands where a sandbox would: nothing is started, since no resource of the program needs one."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.endpoints = _Endpoints(self.state / "kubeconfig")

    def start(self, console: Console, download: bool = False) -> object:
        """Writes a kubeconfig that leads nowhere."""
        self.state.mkdir(parents=True, exist_ok=True)
        cluster = {"name": "none", "cluster": {"server": _NOWHERE}}
        context = {"name": "seawall-sandbox", "context": {"cluster": "none", "user": "none"}}
        content = {"clusters": [cluster], "users": [{"name": "none", "user": {}}], "contexts": [context]}
        self.endpoints.kubeconfig.write_text(yaml.safe_dump(content), encoding="utf-8")
        return self

    def ensure_namespaces(self, names: object) -> None:
        """There are none."""

    def make_way(self, names: object) -> None:
        """There is nothing in the way."""

    def ensure_storage_classes(self, names: object) -> None:
        """There are none."""


def measure(resources: int, *, rounds: int = ROUNDS) -> Cost:
    """Previews so many resources, in turns with both packs. Raises `EnvironmentFailure` when the engine fails."""
    with _project(resources) as (project, sandbox):
        empty = project / "empty"
        empty.write_text(textwrap.dedent(_EMPTY_PACK).lstrip(), encoding="utf-8")
        empty.chmod(0o755)
        whole = paths.checkout() / "policy" / "pack"
        _preview(project, sandbox, empty)  # the first one of all makes the work folder
        taken = [(_preview(project, sandbox, empty), _preview(project, sandbox, whole)) for _ in range(rounds)]
    return Cost(
        resources,
        min(first[0] for first, _ in taken),
        min(second[0] for _, second in taken),
        min(first[1] for first, _ in taken),
        min(second[1] for _, second in taken),
    )


@contextmanager
def _project(resources: int) -> Iterator[tuple[Path, _NoSandbox]]:
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as scratch:
        project = Path(scratch) / "project"
        project.mkdir()
        objects = list(islice(_objects(), resources))
        (project / "manifests.json").write_text(json.dumps(objects), encoding="utf-8")
        program = textwrap.dedent(_PROGRAM).lstrip().format(manifests=str(project / "manifests.json"))
        (project / "__main__.py").write_text(program, encoding="utf-8")
        (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n", encoding="utf-8")
        config = {"config": {"pulumi:disable-default-providers": ["*"]}}
        (project / "Pulumi.bench.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        yield project, _NoSandbox(Path(scratch))


def _objects() -> Iterator[tenants.Manifest]:
    """Tenants without end, each group's cluster before them."""
    for first in count(0, tenants.TENANTS_PER_CLUSTER):
        members = range(first, first + tenants.TENANTS_PER_CLUSTER)
        yield from tenants.cluster(members)
        for number in members:
            yield from tenants.tenant(number)


def _preview(project: Path, sandbox: _NoSandbox, pack: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds of the engine and its children, of one preview."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        engine = Engine(
            project,
            "bench",
            sandbox,
            Console(file=nowhere),
            policy_pack=pack,
            load_settings=lambda _: None,
            vendor_plugins=False,
        )
        before = _cpu()
        try:
            done = engine.preview()
        except PolicyRefusal as refusal:
            done = refusal.summary
        if done.errors and not done.refused:
            raise EnvironmentFailure(f"the preview to measure failed: {done.errors[0]}")
        return done.duration_s, _cpu() - before


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
