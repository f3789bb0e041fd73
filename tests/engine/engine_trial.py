"""A project that needs no cluster: components only, a policy pack of its own, and a sandbox that is only pretended."""

import io
import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from seawall.sandbox.engine.driver import Engine, RunningSandbox

PROGRAM = """
    import pulumi

    class Thing(pulumi.ComponentResource):
        def __init__(self, name, props):
            super().__init__("trial:index:Thing", name, props)
            self.register_outputs({})

    config = pulumi.Config()
    for number in range(config.require_int("count")):
        Thing(f"thing-{number}", {"open": config.get_bool("open") or False})
"""

PACK = """
    #!/usr/bin/env python3
    from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

    def closed(args, report):
        if args.resource_type == "trial:index:Thing" and args.props.get("open"):
            report("is open to everybody; close it")

    def few(args, report):
        things = [r for r in args.resources if r.resource_type == "trial:index:Thing"]
        if len(things) > 10:
            report(f"{len(things)} things; 10 are enough")

    PolicyPack(
        name="trial",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[
            ResourceValidationPolicy("TRIAL-001", "Things are closed", closed),
            StackValidationPolicy("TRIAL-002", "There are few things", few, EnforcementLevel.ADVISORY),
        ],
    )
"""

API_SERVER = "https://127.0.0.1:1"


@dataclass
class PretendedEndpoints:
    kubeconfig: Path
    api_server: str = API_SERVER
    s3: str = "http://127.0.0.1:2"


@dataclass
class PretendedSandbox:
    """Looks like a sandbox, and counts its starts."""

    state: Path
    starts: int = 0

    def start(self, console: Console, download: bool = False) -> None:
        self.starts += 1
        self.state.mkdir(parents=True, exist_ok=True)
        self.endpoints.kubeconfig.write_text(yaml.safe_dump(admin_kubeconfig()))

    @property
    def endpoints(self) -> PretendedEndpoints:
        return PretendedEndpoints(self.state / "kubeconfig")

    def ensure_namespaces(self, names: Iterable[str]) -> None:
        raise AssertionError("the trial's settings name none")

    def make_way(self, names: Iterable[str]) -> None:
        raise AssertionError("the trial's settings name none")

    def ensure_storage_classes(self, names: Iterable[str]) -> None:
        raise AssertionError("the trial's settings name none")


def admin_kubeconfig() -> dict[str, Any]:
    return {
        "clusters": [
            {"name": "elsewhere", "cluster": {"server": "https://203.0.113.1:6443"}},
            {"name": "here", "cluster": {"server": API_SERVER}},
        ],
        "users": [{"name": "boss", "user": {"token": "secret"}}, {"name": "admin", "user": {"token": "sandbox"}}],
        "contexts": [
            {"name": "production", "context": {"cluster": "elsewhere", "user": "boss"}},
            {"name": "seawall-sandbox", "context": {"cluster": "here", "user": "admin"}},
        ],
    }


@dataclass
class Trial:
    """The project, its pretended sandbox, and what was printed."""

    folder: Path
    sandbox: RunningSandbox
    screen: io.StringIO = field(default_factory=io.StringIO)

    @classmethod
    def make(cls, folder: Path, sandbox: RunningSandbox | None = None) -> "Trial":
        project = folder / "project"
        (project / "policy").mkdir(parents=True)
        made = cls(project, sandbox or PretendedSandbox(folder / "state"))
        (project / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
        made.program(PROGRAM)
        made.configure(count=3)
        pack = project / "policy" / "pack"
        pack.write_text(textwrap.dedent(PACK).lstrip())
        pack.chmod(0o755)
        return made

    def program(self, text: str) -> None:
        (self.folder / "__main__.py").write_text(textwrap.dedent(text).lstrip())

    def configure(self, **values: Any) -> None:
        config = {"pulumi:disable-default-providers": ["*"], **{f"trial:{key}": value for key, value in values.items()}}
        self.stack_file.write_text(yaml.safe_dump({"config": config}))

    @property
    def stack_file(self) -> Path:
        return self.folder / "Pulumi.dev.yaml"

    @property
    def state(self) -> Path:
        return self.sandbox.state

    def engine(self, **options: Any) -> Engine:
        """An engine without settings of ours to check, on stand-ins whatever this machine has."""
        console = Console(file=self.screen, width=400)
        given = {"load_settings": lambda config: None, "vendor_plugins": False, **options}
        return Engine(self.folder, "dev", self.sandbox, console, **given)

    @property
    def printed(self) -> str:
        return self.screen.getvalue()

    @property
    def checkpoint(self) -> Path:
        return self.state / "backend" / ".pulumi" / "stacks" / "trial" / "dev.json"

    def resources(self) -> list[str]:
        """The names of the things that the stack's state holds."""
        if not self.checkpoint.exists():
            return []
        latest = json.loads(self.checkpoint.read_text())["checkpoint"].get("latest") or {}
        urns = [resource["urn"] for resource in latest.get("resources") or []]
        return sorted(urn.rsplit("::", 1)[1] for urn in urns if "Thing" in urn)
