"""docs/verify.md says what is."""

import re

import pytest
from stack_samples import CHECKOUT

from seawall.qa.checks import Creates, all_checks
from seawall.qa.probes.__main__ import KINDS
from seawall.qa.verify import marks, pods
from seawall.qa.verify.leftovers import CHANGEABLE, CREATED

PAGE = (CHECKOUT / "docs" / "verify.md").read_text(encoding="utf-8")
RIGHTS = (CHECKOUT / "docs" / "examples" / "verify-rights.yaml").read_text(encoding="utf-8")


def test_the_rights_are_printed() -> None:
    assert f"```yaml\n{RIGHTS}```" in PAGE


def test_what_changes_something_is_listed() -> None:
    changed = PAGE.partition("## What is changed")[2].partition("## Rights")[0]
    for check in all_checks().values():
        assert (f"| {check.id} |" in changed) == (check.creates is Creates.DISRUPTIVE), check.id


@pytest.mark.parametrize(
    "word", [marks.RUN, marks.CHANGED, marks.UNDO, f"{marks.NON_PRODUCTION}=true", marks.MANAGED_BY, pods.IMAGE]
)
def test_marks_and_image_are_named(word: str) -> None:
    assert word in PAGE


def test_what_is_created_and_changed_can_be_cleaned_up_with_these_rights() -> None:
    plural = {"Pod": "pods", "ConfigMap": "configmaps", "Namespace": "namespaces", "ExternalSecret": "externalsecrets"}
    probes = RIGHTS.partition("name: seawall-verify-probes")[2].partition("---")[0]
    for _, kind in CREATED:
        assert plural[kind] in probes
    changes = RIGHTS.partition("name: seawall-verify-disruptions")[2]
    for _, kind in CHANGEABLE:
        assert re.search(rf"\b{kind.lower()}s\b", changes), kind


def test_every_outcome_of_a_connection_is_explained() -> None:
    from seawall.qa.probes import reach

    words = re.findall(r"^\| `([a-z-]+)` \|", reach.__doc__ or "", re.MULTILINE)
    assert "dropped" in words
    assert [word for word in words if f"| `{word}` |" not in PAGE] == []


def test_every_step_of_a_check_is_one_that_the_probe_knows() -> None:
    from verify_world import World

    asked: set[str] = set()
    for check in all_checks().values():
        world = World()
        answer = world._answer

        def note(probe, step, answer=answer):  # type: ignore[no-untyped-def]
            asked.add(step["kind"])
            return answer(probe, step)

        world._answer = note  # type: ignore[method-assign]
        running = world.running
        world.running = lambda probe, running=running: (asked.update(it["kind"] for it in probe.steps), running(probe))[
            1
        ]  # type: ignore[method-assign,misc]
        world.run_check(check.id)
    assert asked == set(KINDS)
