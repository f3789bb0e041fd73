"""What is there without end comes to an end: mistakes of one object, declarations, texts, secrets, digits."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import pytest
import yaml
from check_samples import BAD, SCHEDULE

from seawall.policy import judging, secrecy
from seawall.policy.estate import duplicates
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.quantities import quantity
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Finding, Outcome, Rule, Violation
from seawall.policy.judging import judge
from seawall.policy.secrecy import SHOWN, without_secrets


def estate(*documents: dict[str, Any]) -> Estate:
    return build(read_text(yaml.safe_dump_all([yaml.safe_load(BAD), *documents]), "x").objects)


def rule(violations: Iterable[int] = ()) -> Rule:
    def check(_: KubeObject) -> Iterator[Violation]:
        for number in violations:
            yield Violation(f"bad {number}", "mend")

    return Rule("X-1", (), "x", 6, "", "", SCHEDULE.kinds, alone=(check,))


def test_mistakes_without_end_are_cut_and_that_is_no_pass() -> None:
    found = judge(estate(), [rule(count())])
    assert Counter(it.outcome for it in found) == {Outcome.VIOLATED: judging.MOST, Outcome.NOT_EVALUATED: 1}
    more = [it.message for it in found if it.outcome is Outcome.NOT_EVALUATED]
    assert more == ["more than 1000 mistakes of one sort: the others are not listed"]
    assert len({it.fingerprint for it in found}) == len(found)


def test_as_many_as_are_listed_are_no_mistake_of_their_own() -> None:
    found = judge(estate(), [rule(range(judging.MOST))])
    assert Counter(it.outcome for it in found) == {Outcome.VIOLATED: judging.MOST}


def test_what_is_declared_without_end_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_UNJUDGED", 3)
    monkeypatch.setattr(duplicates, "FEWEST_VARIANTS", 2)
    monkeypatch.setattr(duplicates, "LARGEST_SHARE", 0)
    schedule = yaml.safe_load(BAD)
    many = [{**schedule, "spec": {**schedule["spec"], "schedule": f"0 0 {hour} * * *"}} for hour in range(24)]
    made = estate(*many)
    found = [it for it in judge(made, [rule()]) if "declared too often" in it.message]
    assert len(made.unjudged) > 3
    said = sorted(it.message.partition(": ")[2] for it in found)
    others = len(made.unjudged) - 3
    assert said == [
        f"this and {others} other declarations were not judged",
        "this declaration was not judged",
        "this declaration was not judged",
    ]


@pytest.mark.parametrize("quoted", ["message", "mend", "fact", "path"])
def test_a_text_without_end_is_cut_between_words(quoted: str) -> None:
    """Half of a secret would not be known as one."""
    long = "bad " * 990 + "x" * 30 + "swordfish-of-the-whole-crew and so on " * 9

    def check(subject: KubeObject) -> Iterator[Violation]:
        if quoted == "path":
            raise CannotEvaluateError(long)
        facts = {"all": long} if quoted == "fact" else {}
        yield Violation(long if quoted == "message" else "bad", long if quoted == "mend" else "mend", facts=facts)

    [found] = judge(estate(), [Rule("X-1", (), "x", 6, "", "", SCHEDULE.kinds, alone=(check,))])
    texts = [found.message, found.mend, *found.facts.values()]
    assert sum(len(it) > 3000 for it in texts) == 1
    assert max(map(len, texts)) <= judging.LONGEST + 2
    assert not any("xxx" in it for it in texts)


def finding(message: str) -> Finding:
    thing = KubeObject("", "ConfigMap", "a", "b", {}, read_text(BAD, "x").objects[0].origin)
    return Finding(rule(), Outcome.VIOLATED, thing, message, message, facts={"all": message})


def test_many_secrets_are_blotted_out_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    secrets = sorted(
        {"".join(draw.choices("abcd1-", k=draw.randint(3, 14))) for _ in range(400)}, key=lambda it: (-len(it), it)
    )
    texts = ["".join(draw.choices("abcd1-", k=draw.randint(0, 60))) for _ in range(100)]
    texts += [f"{it} and {it}" for it in secrets[::10]]
    many = without_secrets(map(finding, texts), secrets)
    monkeypatch.setattr(secrecy, "_FEW", len(secrets))
    few = without_secrets(map(finding, texts), secrets)
    assert [(it.message, it.mend, it.facts) for it in many] == [(it.message, it.mend, it.facts) for it in few]
    assert sum(SHOWN in it.message for it in many) > 50
    assert any(SHOWN not in it.message for it in many)


@pytest.mark.parametrize("text", ["9" * 2_000_000 + "Gi", "1" * 65, "0." + "0" * 70 + "1"])
def test_digits_without_end_are_no_quantity(text: str) -> None:
    with pytest.raises(CannotEvaluateError):
        quantity(View(text))
