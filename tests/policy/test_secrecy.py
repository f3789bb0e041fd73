"""No report shows a secret: what the engine keeps secret and what a Secret holds is blotted out of every text."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from check_samples import BAD, RULE, SCHEDULE
from engine_doubles import resource, secret

from seawall.policy import serving
from seawall.policy.estate.building import build
from seawall.policy.estate.doors import engine
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Finding, Rule, Violation
from seawall.policy.judging import judge, judge_alone
from seawall.policy.secrecy import SHOWN, secret_texts, without_secrets

PASSWORD = "hunter2-password"
SIGNATURE = "4dabf18193072939515e22adb298388d"


def telling(subject: KubeObject) -> Any:
    """A rule that quotes all that it sees, as none should."""
    said = json.dumps(subject.manifest, default=str)
    yield Violation(said, f"Mend {said}", facts={"all": said})


LOUD = Rule(RULE, (), "loud", 6, "why", "mend", SCHEDULE.kinds, alone=(telling,))


def estate(value: object, *others: dict[str, Any]) -> Estate:
    manifest = yaml.safe_load(BAD)
    manifest["spec"]["note"] = value
    return engine.estate(serving._resources([resource(manifest), *(resource(other) for other in others)]))


def text(findings: list[Finding]) -> str:
    return " ".join(f"{f.message} {f.mend} {dict(f.facts)} {serving.message(f)}" for f in findings)


@pytest.mark.parametrize(
    "value",
    [
        secret(PASSWORD),
        secret({"deep": [{"er": PASSWORD}]}),
        {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(PASSWORD)},
        {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "secret": True, "value": PASSWORD},
        {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": secret(PASSWORD)},
        secret(f"--requirepass={PASSWORD}"),
        secret(f"postgresql://app:{PASSWORD}@pg:5432/app"),
    ],
)
def test_what_the_engine_keeps_secret(value: object) -> None:
    made = estate(value)
    said = text(judge(made, [LOUD]))
    assert PASSWORD not in said
    assert SHOWN in said
    (subject,) = made.declared
    assert PASSWORD not in text(judge_alone(subject, [LOUD])), "before creation too"


@pytest.mark.parametrize("held", [f"DFLY_{PASSWORD}", PASSWORD.upper(), f"v{PASSWORD}"])
def test_a_secret_is_known_in_the_forms_in_which_rules_tell_it(held: str) -> None:
    """The flag of a variable, a word in small letters, a version without its v."""
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": secret(held)}}
    assert PASSWORD not in text(judge(estate(PASSWORD, other), [LOUD]))


def test_a_secret_of_another_resource() -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": secret(PASSWORD)}}
    assert PASSWORD not in text(judge(estate(PASSWORD, other), [LOUD]))


@pytest.mark.parametrize(
    "held",
    [
        {"stringData": {"password": PASSWORD}},
        {"data": {"password": base64.b64encode(PASSWORD.encode()).decode()}},
    ],
)
def test_what_a_secret_holds(held: dict[str, Any]) -> None:
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, **held}
    documents = yaml.safe_dump_all([yaml.safe_load(BAD.replace("shared", PASSWORD)), manifest])
    said = text(judge(build(read_text(documents, "x").objects), [LOUD]))
    assert PASSWORD not in said
    assert SHOWN in said


def test_what_is_no_secret_stays() -> None:
    said = text(judge(estate("plain words"), [LOUD]))
    assert "plain words" in said
    assert SHOWN not in said
    public = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "secret": False, "value": "plain words"}
    assert "plain words" in text(judge(estate(public), [LOUD]))


def test_names_and_what_is_too_short_stay() -> None:
    """Every URN shows the names; one sign is in every word."""
    made = estate(secret(["daily", "databases", "ab", PASSWORD]))
    assert secret_texts(made.declared) == (PASSWORD,)
    assert "databases/daily" in text(judge(made, [LOUD]))


def test_a_broken_secret_hides_nothing_else() -> None:
    odd = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": "text", "stringData": {"a": 3}}
    broken = build(read_text(yaml.safe_dump_all([yaml.safe_load(BAD), odd]), "x").objects)
    assert secret_texts(broken.declared) == ()
    undecodable = {**odd, "data": {"a": "%%%not-base64"}, "stringData": None}
    made = build(read_text(yaml.safe_dump_all([yaml.safe_load(BAD), undecodable]), "x").objects)
    assert secret_texts(made.declared)[0] == "%%%not-base64"


def held(**values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-swordfish"}, "stringData": values}


def test_words_that_everybody_knows_are_not_pointed_at() -> None:
    """To blot out a word of a sentence that everybody knows tells that it is a secret here."""
    secret_of_a_sample = held(
        username="clerk", password="password", superuser="postgres", token="swordfish", mode="verify-full"
    )
    made = build(read_text(yaml.safe_dump_all([yaml.safe_load(BAD), secret_of_a_sample]), "x").objects)
    assert secret_texts(made.declared) == ()


@pytest.mark.parametrize("others", [0, 200])
@pytest.mark.parametrize("told", ["hunter22", "hunter22 is told", "told is hunter22", "it is hunter22, told"])
def test_few_secrets_and_many_are_found_wherever_they_stand(told: str, others: int) -> None:
    [finding, *_] = judge(build(read_text(BAD, "x").objects), [LOUD])
    secrets = [f"{number:04}-other-secret" for number in range(others)]
    [blotted] = without_secrets([replace(finding, message=told)], [*secrets, "hunter22"])
    assert blotted.message == told.replace("hunter22", SHOWN)


def test_a_secret_word_is_blotted_out_as_a_word() -> None:
    bad = BAD.replace("shared", "quibble, note: the-quibble-x quibbles misquibble quibble2, other: quibble")
    made = build(read_text(yaml.safe_dump_all([*yaml.safe_load_all(bad), held(password="quibble")]), "x").objects)
    said = text(judge(made, [LOUD]))
    assert f"the-{SHOWN}-x quibbles misquibble {SHOWN}2" in said
    assert f'"other": "{SHOWN}"' in said
