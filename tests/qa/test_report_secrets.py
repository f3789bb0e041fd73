"""No secret gets onto the page, wherever it is: in Secrets, in fields of others, in evidence, in answers."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from report_samples import answer, content, find, open_cache, outcome, platform

from seawall.qa.report.markdown import markdown
from seawall.qa.report.page import page

SECRET = "hunter2-Correct&Horse<Battery>"
"""Planted in a Secret, and everywhere else."""
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
"""Has the form of a secret, and is in no Secret."""


def _planted() -> list[dict[str, Any]]:
    manifests = platform(1)
    encoded = base64.b64encode(SECRET.encode()).decode()
    metadata = {"name": "cache-auth", "namespace": "t0000"}
    manifests.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"password": encoded}})
    policy = find(manifests, "NetworkPolicy", "cache-traffic")
    policy["spec"]["ingress"][0]["from"].append({"podSelector": {"matchLabels": {"pass": SECRET, "token": TOKEN}}})
    lines = find(manifests, "Cluster", "pg")["spec"]["postgresql"]["pg_hba"]
    lines.insert(0, f'host all all all ldap ldapserver=l.example.org ldapbindpasswd="{SECRET}"')
    find(manifests, "Dragonfly", "cache")["spec"]["args"].append(f"--requirepass={SECRET}")
    return manifests


@pytest.fixture(scope="module", params=[page, markdown], ids=["page", "markdown"])
def made(request: pytest.FixtureRequest) -> Iterator[str]:
    text = f"seen: {SECRET} and {TOKEN}"
    outcomes = [outcome("dragonfly", gate="FAIL", text=text)]
    yield request.param(content(_planted(), outcomes=outcomes, answers=[answer(text)]))


def _ways(secret: str) -> set[str]:
    return {
        secret,
        base64.b64encode(secret.encode()).decode().rstrip("="),
        quote(secret, safe=""),
        secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        secret.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        secret.replace("&", "&#38;").replace("<", "&#60;").replace(">", "&#62;"),
    }


def test_no_secret_is_shown_however_it_is_written(made: str) -> None:
    for way in _ways(SECRET) | {TOKEN}:
        assert way not in made
    for part in ("hunter2-Correct", "Horse<Battery", "Battery"):
        assert part not in made


def test_what_stood_around_it_is_shown(made: str) -> None:
    assert "[secret]" in made or "&#91;secret&#93;" in made
    assert "seen: " in made
    assert "ldapserver=l.example.org" in made


def test_a_name_is_no_secret_although_a_secret_is_called_so() -> None:
    """Names are in every URN and every message: blotting them out would tell that they are secrets."""
    manifests = [open_cache("shop")]
    metadata = {"name": "s", "namespace": "shop"}
    manifests.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": "shop"}})
    assert "Dragonfly shop/open" in page(content(manifests, outcomes=[]))
