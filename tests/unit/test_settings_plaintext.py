"""Secrets written out are refused wherever they stand, and never shown; paths and names are not mistaken for them."""

from typing import Any

import pytest
from stack_samples import changed, refusal

from seawall.components import plaintext
from seawall.components.settings import load

CACHE = "dragonfly.clusters.dragonfly"
POSTGRES = "cnpg.clusters.shared-postgres"
WRITTEN_OUT = {  # doubles of secrets: made up, of the right form
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2": "PEM",
    "-----BEGIN CERTIFICATE----- MIIhunter2": "PEM",
    "AKIAIOSFODNN7HUNTER2": "AWS access key",
    "key=ASIAIOSFODNN7HUNTER2": "AWS access key",
    "postgres://harbor:hunter2@db.example.org/harbor": "address with a password",
    "redis://:hunter2@cache.example.org:6379/0": "address with a password",
    "https://user:hunter2@example.org": "address with a password",
    "password=hunter2": "password",
    "host=db user=harbor Password=hunter2": "password",
    "--requirepass=x,pwd=hunter2": "password",
    "aws_secret_access_key=hunter2": "password",
    "api_key=hunter2": "password",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2": "signed token",
    "ghp_hunter2hunter2hunter2hunter2hunter2h": "access token",
    "glpat-hunter2hunter2hunter2": "access token",
    "hvs.hunter2hunter2hunter2hunter2": "access token",
}
NO_SECRETS = [
    "kubernetes/infra/cloudnative-pg/{app}",
    "kubernetes/infra/dragonfly/auth",
    "kv/prod/password",
    "password",
    "secret/data/token",
    "{app}-password",
    "dragonfly-auth",
    "ghcr.io/dragonflydb/dragonfly:v1.34.2",
    "ghcr.io/o/n@sha256:" + "a" * 64,
    "https://s3.example.org:9000",
    "https://runbooks.example.org/seawall",
    "arn:aws:iam::123456789012:role/platform-admin",
    "--requirepass",
    "password=",
    "password=${PASSWORD}",
    "password=$(PASSWORD)",
    "password={app}",
    "password=<from the store>",
    "password_encryption=scram-sha-256",
    "log_token_usage=on",
    "AKIA",
    "AKIAIOSFODNN7",
    "passthrough=yes",
    "a compass=north",
    "SELECT count(*) FROM tokens WHERE token IS NOT NULL",
    "gh_actions",
    "user@example.org",
    "the password of harbor: see the store",
]


@pytest.mark.parametrize(("text", "what"), WRITTEN_OUT.items())
def test_each_form_is_recognised(text: str, what: str) -> None:
    assert what in str(plaintext.form(text))


@pytest.mark.parametrize("text", NO_SECRETS)
def test_paths_names_and_addresses_are_no_secrets(text: str) -> None:
    assert plaintext.form(text) is None


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_the_real_stacks_hold_none(stack: str) -> None:
    assert list(plaintext.written_out(changed(stack=stack))) == []


@pytest.mark.parametrize("text", WRITTEN_OUT)
@pytest.mark.parametrize(
    "key",
    [
        "platform.context",
        "platform.secret_store.name",
        "platform.observability.runbooks",
        f"{CACHE}.auth_secret.path",
        f"{CACHE}.auth_secret.property",
        f"{CACHE}.auth_secret",
        f"{CACHE}.image",
        f"{CACHE}.flags",
        f"{CACHE}.replicas",
        f"{POSTGRES}.secrets.backup_writer",
        f"{POSTGRES}.parameters.application_name",
        f"{POSTGRES}.nobody_knows_this",
        "aws.buckets.monosense-cnpg.kms_key",
    ],
)
def test_a_secret_where_a_reference_belongs_is_refused_and_not_shown(key: str, text: str) -> None:
    error = refusal((key, text))
    assert any(it.key == key and "looks like a secret itself" in it.message for it in error.problems), str(error)
    assert "hunter2" not in (str(error) + repr(error) + repr(error.problems)).lower()


def test_also_in_a_list_and_as_a_key() -> None:
    error = refusal((f"{CACHE}.args", ["--hz=10", "--x=postgres://u:hunter2@h"]))
    assert any(it.key == f"{CACHE}.args[1]" and "secret itself" in it.message for it in error.problems)
    assert "hunter2" not in str(error)
    error = refusal((f"{CACHE}.flags", {"password=hunter2": "x"}))
    assert "hunter2" not in str(error)


def test_the_value_stands_once_in_the_report() -> None:
    problems = [
        it for it in refusal(("platform.context", "password=hunter2\n")).problems if it.key == "platform.context"
    ]
    assert len(problems) == 1


def test_nesting_is_no_way_around_it() -> None:
    deep: Any = "password=hunter2"
    for _ in range(20_000):
        deep = [deep]
    [(path, what)] = plaintext.written_out({"a": deep})
    assert (len(path), what) == (20_001, "a password")


def test_references_are_accepted_in_every_place_of_theirs() -> None:
    path = "kv/data/prod/dragonfly/password"
    assert load(changed((f"{CACHE}.auth_secret.path", path))).dragonfly.clusters["dragonfly"].auth_secret.path == path
