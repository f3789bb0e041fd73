"""The example for one tenant: up to date, valid, and as safe as what the stacks deploy."""

import ast
import inspect

import yaml
from schemas import validate
from stack_samples import CHECKOUT

from seawall.components.dragonfly import example
from seawall.components.dragonfly.example import PATH, gitlab_example, render_example
from seawall.components.kubernetes.metadata import Manifest
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.judging import judge
from seawall.policy.rules import load

FILE = CHECKOUT / PATH


def documents() -> list[Manifest]:
    return list(yaml.safe_load_all(FILE.read_text()))


def test_the_file_is_what_the_code_makes() -> None:
    assert FILE.read_text() == render_example(), "stale: run `make docs`"


def test_it_says_how_it_was_made() -> None:
    assert FILE.read_text().startswith("# ")
    assert "components/dragonfly/example.py" in FILE.read_text().partition("---")[0]


def test_the_text_holds_the_same_objects() -> None:
    assert documents() == gitlab_example()


def test_it_has_all_that_the_instance_needs() -> None:
    assert [made["kind"] for made in documents()] == [
        "Namespace",
        "CiliumNetworkPolicy",
        "ExternalSecret",
        "Dragonfly",
        "PodMonitor",
        "PrometheusRule",
    ]


def test_every_object_fits_its_schema() -> None:
    for manifest in documents():
        validate(manifest)


def test_the_pack_finds_nothing_through_the_folders_door() -> None:
    reading = read_text(FILE.read_text(), PATH)
    assert not reading.unreadable
    assert judge(build(reading.objects)) == []


def test_the_pack_judges_it_by_every_rule_about_dragonfly() -> None:
    estate = build(read_text(FILE.read_text(), PATH).objects)
    judging = {rule.id for rule in load() if any(estate.of(kind) for kind in rule.kinds)}
    about_it = {rule.id for rule in load() if DRAGONFLY in rule.kinds}
    assert {"DFLY-SEC-001", "DFLY-OPS-001", "DFLY-TECH-001"} <= about_it <= judging


def test_nothing_in_it_is_only_for_the_engine() -> None:
    assert "pulumi" not in FILE.read_text()


def test_the_tenants_queue_is_kept_and_nobody_elses() -> None:
    [made] = [one for one in documents() if one["kind"] == "Dragonfly"]
    assert "--cache_mode=false" in made["spec"]["args"]
    assert made["spec"]["pdb"] == {"minAvailable": 2}
    assert made["metadata"]["annotations"]["seawall.dev/clients"] == '{"this":["gitlab-system"]}'


def test_making_it_needs_no_engine() -> None:
    imported = {
        node.module for node in ast.walk(ast.parse(inspect.getsource(example))) if isinstance(node, ast.ImportFrom)
    }
    assert not any(module and module.startswith("pulumi") for module in imported)
