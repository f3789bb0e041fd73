"""Mistakes of whoever calls `seawall verify`, and clusters that do not answer: one sentence, and nothing is done."""

import shlex
import socket
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import api_double
import pytest
import typer
import yaml
from rich.console import Console
from typer.testing import CliRunner
from verify_world import declared

from seawall.cli import verify as command
from seawall.errors import EnvironmentFailure, SeawallError, UserError
from seawall.qa.verify import api, asking

PLAN = ("--context", "infra", "--plan")
UID = {"metadata": {"name": "kube-system", "uid": "11111111-2222-3333-4444-555555555555"}}
DISCOVERY = {"resources": [{"name": "namespaces", "kind": "Namespace", "namespaced": False}]}
Refused = Callable[..., SeawallError]


@pytest.fixture(autouse=True)
def stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this checkout, rendered once."""
    monkeypatch.setattr(asking, "declared", lambda _, name: declared(name))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")


def kubeconfig(folder: Path, infra: int = 1, apps: int = 1) -> Path:
    """Contexts `infra` and `apps` on ports of loopback; nobody listens on port 1."""
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, port in (("infra", infra), ("apps", apps)):
        made["clusters"].append({"name": name, "cluster": {"server": f"http://127.0.0.1:{port}"}})
        made["users"].append({"name": name, "user": {"token": "open-sesame-42"}})
        made["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump({**made, "current-context": "infra"}))
    return file


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Calls the command, which must refuse; how."""

    def call(*words: str, **ports: int) -> SeawallError:
        given = () if "--kubeconfig" in words else ("--kubeconfig", str(kubeconfig(tmp_path, **ports)))
        result = CliRunner().invoke(command.app, [*words, *given])
        assert isinstance(result.exception, SeawallError), (result.exception, result.output)
        assert "open-sesame-42" not in str(result.exception) + result.output
        return result.exception

    return call


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--context", "infra", "--test", "DFLY-E2E-033"), "did you mean DFLY-E2E-003?"),
        (("--context", "infra", "--run", "x"), "give --cleanup as well"),
        (("--context", "infra", "--metrics-token", "x"), "give that as well"),
        (("--context", "infra", "--metrics", "nonsense"), "must be an address like"),
        (("--context", "infra", "--sign-with", "/nonexistent/key"), "/nonexistent/key"),
        (("--context", "infra", "--evidence", __file__), "must be a folder"),
        (("--context", "infra", "--s3-endpoint", "nonsense"), "--s3-endpoint nonsense"),
        (("--context", "infra", "--peer", "nowhere"), "stack apps is for the context apps"),
        (("--context", "staging"), "stack infra is for the context infra (platform.context)"),
        (("--context", "infra", "--kubeconfig", "/nonexistent/config"), "/nonexistent/config"),
        (("--context", "staging", "--cleanup"), "there are: apps, infra"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(words: tuple[str, ...], why: str, refused: Refused) -> None:
    error = refused(*words)

    assert isinstance(error, UserError)
    assert why in str(error)


def test_a_stack_of_another_cluster_is_not_looked_for_on_this_one(refused: Refused) -> None:
    error = refused(*PLAN, "--stack", "sandbox")

    assert isinstance(error, UserError)
    assert "--context infra: stack sandbox is for the context seawall-sandbox" in str(error)


@pytest.mark.parametrize("words", [PLAN, ("--context", "infra", "--cleanup", "--yes")], ids=["plan", "cleanup"])
def test_nobody_there(words: tuple[str, ...], refused: Refused) -> None:
    error = refused(*words)

    assert isinstance(error, EnvironmentFailure)
    assert "the API server of context infra (http://127.0.0.1:1) does not answer" in str(error)


def test_somebody_who_says_nothing(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(*PLAN, infra=silent.getsockname()[1])

    assert isinstance(error, EnvironmentFailure)
    assert "does not answer" in str(error)


@pytest.fixture
def server() -> Iterator[api_double.Server]:
    """An API server as no real one is."""
    with api_double.serving() as made:
        made.replies["/api/v1"] = (200, DISCOVERY)
        yield made


def test_a_web_page_in_place_of_an_api_server(refused: Refused, server: api_double.Server) -> None:
    server.replies.clear()
    server.other = (200, b"<!doctype html><title>Sign in</title>")

    error = refused(*PLAN, infra=server.server_address[1])

    assert isinstance(error, EnvironmentFailure)
    assert "what answers for context infra" in str(error)
    assert "a web page" in str(error)


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "does not allow GET /api/v1"), (403, "the rights are in docs/verify.md"), (500, "with 500")],
)
def test_an_api_server_that_tells_nothing(refused: Refused, server: api_double.Server, status: int, why: str) -> None:
    server.replies.clear()
    server.other = (status, {"kind": "Status", "message": "no"})

    error = refused(*PLAN, infra=server.server_address[1])

    assert isinstance(error, EnvironmentFailure)
    assert why in str(error)


def test_one_cluster_is_not_two(refused: Refused, server: api_double.Server) -> None:
    server.replies["/api/v1/namespaces/kube-system"] = (200, UID)
    server.replies["/version"] = (200, {"gitVersion": "v1.36.3"})
    port = server.server_address[1]

    error = refused(*PLAN, "--peer", "apps", infra=port, apps=port)

    assert isinstance(error, UserError)
    assert "--peer apps: is the same cluster as infra" in str(error)


def test_a_cluster_without_the_stack_is_told_instead_of_forty_failures(
    refused: Refused, server: api_double.Server
) -> None:
    server.replies["/api/v1/namespaces/kube-system"] = (200, UID)
    server.replies["/version"] = (200, {"gitVersion": "v1.36.3"})

    error = refused(*PLAN, infra=server.server_address[1])

    assert isinstance(error, UserError)
    assert "--context infra: nothing of stack infra is there" in str(error)


# What happens at the end, whatever came before it.


@pytest.mark.parametrize("answer", [False, typer.Abort()], ids=["no", "^C"])
def test_a_no_is_no_failed_test(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends as an interrupt does: exit code 1 says that a test failed."""

    def confirm(_: str) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)

    with pytest.raises(KeyboardInterrupt):
        command._agreed("Begin?")


def test_what_stays_is_told_after_an_interrupt_too() -> None:
    """A double of a run: the first outcome is ^C, and one thing cannot be removed."""

    def outcomes() -> Iterator[object]:
        raise KeyboardInterrupt
        yield

    double: Any = SimpleNamespace(outcomes=outcomes, finish=lambda: ["infra: Node node-1: conflict"], told=None)
    shown = StringIO()

    with pytest.raises(KeyboardInterrupt):
        command._run(double, Console(file=shown, width=80), lambda _: None)

    assert "stays: infra: Node node-1: conflict" in shown.getvalue()


def test_what_an_interrupt_names_is_a_command_for_the_same_clusters() -> None:
    seawall, verify, *words = shlex.split(command._cleaning("infra of shop", "apps", Path("/there/my config")))

    assert (seawall, verify) == ("seawall", "verify")
    with typer.main.get_command(command.app).make_context(verify, words) as context:
        given = context.params
    assert (given["context"], given["peer"], given["kubeconfig"]) == (
        "infra of shop",
        "apps",
        Path("/there/my config"),
    )
    assert given["cleanup"]
