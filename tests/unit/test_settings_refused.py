"""Hostile settings: each is refused with the key, what is allowed, and the QA risk where one is behind it."""

import ast
import importlib
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import recorder
from stack_samples import CHECKOUT, GONE, changed, refusal

from seawall.components.problems import Problem
from seawall.components.settings import load

CACHE = "dragonfly.clusters.dragonfly"
QUEUE = "dragonfly.clusters.dragonfly-queue"
GIB = 1024**3

CASES: list[tuple[str, Any, str, str, str | None]] = [
    # (key changed, value, key reported, part of the message, risk)
    # who may connect
    (f"{CACHE}.clients", {}, f"{CACHE}.clients", "at least one namespace", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": []}, f"{CACHE}.clients", "at least one namespace", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": ["*"]}, f"{CACHE}.clients.this[0]", "admit everybody", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": [""]}, f"{CACHE}.clients.this[0]", "admit everybody", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": [None]}, f"{CACHE}.clients.this[0]", "admit everybody", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": ["harbor-*"]}, f"{CACHE}.clients.this[0]", "admit everybody", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": ["Harbor"]}, f"{CACHE}.clients.this[0]", "lower-case", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": "harbor"}, f"{CACHE}.clients.this", "must be a list", "DFLY-SEC-001"),
    (f"{CACHE}.clients", ["harbor"], f"{CACHE}.clients", "must be a mapping", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"this": ["a", "a"]}, f"{CACHE}.clients", "names a twice", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"aps": ["x"]}, f"{CACHE}.clients.aps", "did you mean `apps`?", "DFLY-SEC-001"),
    (f"{CACHE}.clients", {"infra": ["x"]}, f"{CACHE}.clients.infra", "write `this`", "DFLY-SEC-001"),
    (f"{CACHE}.clients", GONE, f"{CACHE}.clients", "is missing", "DFLY-SEC-001"),
    (
        "platform.observability.scraper_labels",
        {},
        "platform.observability.scraper_labels",
        "must not be empty",
        "DFLY-SEC-001",
    ),
    # the budget
    (f"{CACHE}.min_available", 3, f"{CACHE}.min_available", "must be 2 of 3", "DFLY-OPS-001"),
    (f"{CACHE}.min_available", 4, f"{CACHE}.min_available", "must be 2 of 3", "DFLY-OPS-001"),
    (f"{CACHE}.min_available", 1, f"{CACHE}.min_available", "must be 2 of 3", "DFLY-OPS-001"),
    (f"{CACHE}.min_available", 0, f"{CACHE}.min_available", "must be at least 1", "DFLY-OPS-001"),
    (f"{CACHE}.min_available", "67%", f"{CACHE}.min_available", "whole number", "DFLY-OPS-001"),
    (f"{CACHE}.replicas", 1, f"{CACHE}.replicas", "must be at least 2", "DFLY-OPS-001"),
    # numbers that are none
    (f"{CACHE}.replicas", 3.5, f"{CACHE}.replicas", "whole number", "DFLY-OPS-001"),
    (f"{CACHE}.replicas", True, f"{CACHE}.replicas", "must be a number", "DFLY-OPS-001"),
    (f"{CACHE}.replicas", "three", f"{CACHE}.replicas", "whole number", "DFLY-OPS-001"),
    (f"{CACHE}.replicas", None, f"{CACHE}.replicas", "whole number", "DFLY-OPS-001"),
    (f"{CACHE}.replicas", 10**300, f"{CACHE}.replicas", "must be at most", "DFLY-OPS-001"),
    ("dragonfly.namespace", "kube-system", "dragonfly.namespace", "must be a namespace of its own", None),
    ("cnpg.namespace", "default", "cnpg.namespace", "must be a namespace of its own", "CNPG-OPS-001"),
    ("platform.cni_version", "\u0661.\u0661\u0668", "platform.cni_version", "must be a version", None),
    (f"{CACHE}.resources.limits.memory", "\u0665Gi", f"{CACHE}.resources.limits.memory", "amount of bytes", None),
    (f"{CACHE}.global_service.name", "dragonfly", f"{CACHE}.global_service.name", "name of an instance", None),
    (f"{CACHE}.args", ["--masterauth=x"], f"{CACHE}.args[0]", "password in plain text", "DFLY-SEC-001"),
    (f"{CACHE}.replicas", [3], f"{CACHE}.replicas", "whole number", "DFLY-OPS-001"),
    (f"{CACHE}.maxmemory_bytes", "1.5Gi", f"{CACHE}.maxmemory_bytes", "whole number", None),
    (f"{CACHE}.cache_mode", "yes", f"{CACHE}.cache_mode", "true or false", None),
    (f"{CACHE}.cache_mode", 1, f"{CACHE}.cache_mode", "true or false", None),
    # placement
    (f"{CACHE}.replicas", 4, f"{CACHE}.replicas", "at most platform.nodes.count (3)", "DFLY-TECH-001"),
    ("platform.nodes.count", 2, f"{CACHE}.replicas", "at most platform.nodes.count (2)", "DFLY-TECH-001"),
    ("platform.nodes.count", 0, "platform.nodes.count", "must be at least 1", None),
    ("platform.nodes.zones", ["a", "a"], "platform.nodes.zones", "each zone once", None),
    ("platform.nodes.zones", ["a", "b", "c", "d"], "platform.nodes.zones", "the 3 nodes", None),
    # memory
    (f"{CACHE}.maxmemory_bytes", 2 * GIB, f"{CACHE}.maxmemory_bytes", "at most 1717986918", None),
    (f"{CACHE}.maxmemory_bytes", 400 * 1024**2, f"{CACHE}.maxmemory_bytes", "at least 536870912", None),
    (f"{CACHE}.threads", 4, f"{CACHE}.threads", "at most the CPU limit of 2", None),
    (f"{CACHE}.resources.limits.memory", "2GB", f"{CACHE}.resources.limits.memory", "amount of bytes", None),
    (f"{CACHE}.resources.limits.memory", "500m", f"{CACHE}.resources.limits.memory", "amount of bytes", None),
    (f"{CACHE}.resources.limits.memory", 2, f"{CACHE}.resources.limits.memory", "at least 1Mi", None),
    (f"{CACHE}.resources.limits.cpu", "2Gi", f"{CACHE}.resources.limits.cpu", "CPU cores", None),
    (f"{CACHE}.resources.limits.cpu", "0", f"{CACHE}.resources.limits.cpu", "more than 0", None),
    (f"{CACHE}.resources.limits.cpu", -1, f"{CACHE}.resources.limits.cpu", "CPU cores", None),
    (f"{CACHE}.resources.limits.cpu", "250m", f"{CACHE}.resources.requests.cpu", "at most the limit 250m", None),
    (f"{CACHE}.resources.requests.memory", "3Gi", f"{CACHE}.resources.requests.memory", "at most the limit", None),
    (f"{CACHE}.resources.limits", GONE, f"{CACHE}.resources.limits", "is missing", None),
    # cache or queue
    (f"{CACHE}.cache_mode", False, f"{CACHE}.cache_mode", "must be true for `purpose: cache`", None),
    (f"{QUEUE}.cache_mode", True, f"{QUEUE}.cache_mode", "a queue that evicts loses jobs", None),
    (f"{QUEUE}.snapshot", GONE, f"{QUEUE}.snapshot", "loses its jobs", None),
    (f"{CACHE}.purpose", "cahce", f"{CACHE}.purpose", "did you mean `cache`?", None),
    # schedules have five fields here
    (f"{CACHE}.snapshot.cron", "0 0 */6 * * *", f"{CACHE}.snapshot.cron", "has 6 fields, must have five", None),
    (f"{CACHE}.snapshot.cron", "0 */6 * *", f"{CACHE}.snapshot.cron", "has 4 fields, must have five", None),
    (f"{CACHE}.snapshot.cron", "@daily", f"{CACHE}.snapshot.cron", "macros are not accepted", None),
    (f"{CACHE}.snapshot.cron", "0 0 30 2 *", f"{CACHE}.snapshot.cron", "never fires", None),
    (f"{CACHE}.snapshot.cron", "61 * * * *", f"{CACHE}.snapshot.cron", "does not parse", None),
    (f"{CACHE}.snapshot.cron", "0 0 L * *", f"{CACHE}.snapshot.cron", "only numbers, names", None),
    (f"{CACHE}.snapshot.file", "../dump", f"{CACHE}.snapshot.file", "without folder", None),
    # arguments that belong to the operator, or have a setting
    (f"{CACHE}.args", ["--admin_nopass"], f"{CACHE}.args[0]", "`--admin_nopass` must not", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--port=6380"], f"{CACHE}.args[0]", "expect 6379", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--tls_cert_file=/x"], f"{CACHE}.args[0]", "spec.tlsSecretRef", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--requirepass=hunter2"], f"{CACHE}.args[0]", "password in plain text", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--maxmemory=3gb"], f"{CACHE}.args[0]", "maxmemory_bytes", None),
    (f"{CACHE}.args", ["--nocache_mode"], f"{CACHE}.args[0]", "purpose", None),
    (f"{CACHE}.args", ["--version_check=true"], f"{CACHE}.args[0]", "phone home", None),
    (f"{CACHE}.args", ["hz=100"], f"{CACHE}.args[0]", "must start with `--`", None),
    # images and versions
    (f"{CACHE}.image", "ghcr.io/dragonflydb/dragonfly", f"{CACHE}.image", "other than latest", "DFLY-TECH-002"),
    (f"{CACHE}.image", "ghcr.io/dragonflydb/dragonfly:latest", f"{CACHE}.image", "other than latest", "DFLY-TECH-002"),
    (f"{CACHE}.image", "dragonfly:v1.34.2", f"{CACHE}.image", "with its registry", "DFLY-TECH-002"),
    (f"{CACHE}.image", "ghcr.io/dragonflydb/dragonfly:v1.20.0", f"{CACHE}.image", "v1.34 to v1.39", "DFLY-TECH-002"),
    ("operators.dragonfly.version", "1.4.0", "operators.dragonfly.version", "known: 1.6.1", "DFLY-TECH-002"),
    ("operators.dragonfly.version", 1.6, "operators.dragonfly.version", "in quotes", "DFLY-TECH-002"),
    ("operators.dragonfly.replicas", 1, "operators.dragonfly.replicas", "must be at least 2", "DFLY-TECH-002"),
    ("operators.cnpg.version", "1.31.0", "operators.cnpg.version", "known: 1.30.0", None),
    ("operators.cnpg.plugin", "0.9.0", "operators.cnpg.plugin", "must go with operator 1.30.0", None),
    ("operators.cnpg.replicas", 1, "operators.cnpg.replicas", "must be at least 2", None),
    # names
    ("dragonfly.namespace", "Dragonfly_System", "dragonfly.namespace", "RFC 1123", None),
    ("dragonfly.namespace", "d" * 64, "dragonfly.namespace", "at most 63", None),
    ("dragonfly.namespace", "dragonfly-operator-system", "dragonfly.namespace", "operator's namespace", None),
    ("dragonfly.namespace", "databases", "dragonfly.namespace", "another namespace than cnpg.namespace", None),
    (
        "cnpg.clusters.shared-postgres.restore_drill.namespace",
        "dragonfly-system",
        "cnpg.clusters.shared-postgres.restore_drill.namespace",
        "not dragonfly.namespace",
        "CNPG-OPS-002",
    ),
    ("dragonfly.clusters.Cache_2", {}, "dragonfly.clusters.Cache_2", "the key must be a letter", None),
    (f"{CACHE}.clients", {1: ["x"]}, f"{CACHE}.clients[1]", "the key must be text", "DFLY-SEC-001"),
    ("dragonfly.clusters", {}, "dragonfly.clusters", "must not be empty", None),
    (f"{QUEUE}.global_service.name", "dragonfly-global", f"{QUEUE}.global_service.name", "of `dragonfly`", None),
    (f"{QUEUE}.auth_secret.name", "dragonfly-auth", f"{QUEUE}.auth_secret.name", "of its own", "DFLY-OPS-002"),
    (f"{CACHE}.auth_secret", "hunter2", f"{CACHE}.auth_secret", "must be a mapping", "DFLY-OPS-002"),
    (f"{CACHE}.auth_secret.path", GONE, f"{CACHE}.auth_secret.path", "is missing", "DFLY-OPS-002"),
    (f"{CACHE}.auth_secret.path", "", f"{CACHE}.auth_secret.path", "text", "DFLY-OPS-002"),
    # the mesh
    ("platform.peers", [], f"{CACHE}.clients.apps", "one of platform.peers (none)", "DFLY-SEC-001"),
    ("platform.peers", ["infra"], "platform.peers[0]", "another cluster than this one", None),
    ("platform.peers", ["this"], "platform.peers[0]", "another cluster than this one", None),
    ("platform.peers", ["apps", "apps"], "platform.peers", "each cluster once", None),
    ("platform.cni", "generic", "platform.peers", "must be empty with `cni: generic`", None),
    ("platform.cni", "generic", f"{CACHE}.clients.apps", "no policy can name another cluster", "DFLY-SEC-001"),
    ("platform.cni", "generic", f"{CACHE}.global_service", "needs `cni: cilium`", None),
    ("platform.cni", "calico", "platform.cni", "must be 'cilium' or 'generic'", None),
    (f"{CACHE}.global_service", GONE, f"{CACHE}.global_service", "other clusters find the service", None),
    (f"{CACHE}.global_service.exported_from", "apps", f"{CACHE}.global_service.exported_from", "split writes", None),
    # where it goes
    ("platform.context", GONE, "platform.context", "is missing", None),
    ("platform.context", "", "platform.context", "text", None),
    ("platform.cni_version", 1.18, "platform.cni_version", "in quotes", None),
    ("platform.cert_manager.present", False, "platform.cert_manager.present", "barman plugin", None),
    ("platform.secret_store.kind", "Vault", "platform.secret_store.kind", "(not shown)", None),
    # typos and shapes
    (f"{CACHE}.replica", 3, f"{CACHE}.replica", "did you mean `replicas`?", None),
    (f"{CACHE}.snapshot.schedule", "x", f"{CACHE}.snapshot.schedule", "unknown key", None),
    ("dragonfly.cluster", {}, "dragonfly.cluster", "did you mean `clusters`?", None),
    ("dragonfyl", {}, "dragonfyl", "did you mean `dragonfly`?", None),
    ("zzz", {}, "zzz", "known here: aws, cnpg, consumers, dragonfly, operators, platform", None),
    ("dragonfly", "cache", "dragonfly", "must be a mapping", None),
    ("dragonfly", None, "dragonfly", "must be a mapping", None),
    ("platform", GONE, "platform", "is missing", None),
    ("aws", GONE, "aws", "is missing", "CNPG-DATA-002"),
    ("cnpg", GONE, "aws", "is read only where the stack has `cnpg`", None),
    ("platform", {}, "platform.cluster", "is missing", None),
    (f"{CACHE}.auth_secret.path", {"secure": "v1:abc"}, f"{CACHE}.auth_secret.path", "encrypted", None),
]


HERE = Path(__file__).parent
MAY_BE_SECRET = re.compile(r"pass|secret|token|auth|credential|key|BEGIN|://", re.IGNORECASE)


def collected() -> list[Any]:
    """The cases above and those of every `hostile_*.py` beside this file; `APPS_CASES` change the stack `apps`."""
    found = [("infra", "settings", case) for case in CASES]
    for file in sorted(HERE.glob("hostile_*.py")):
        module = importlib.import_module(file.stem)
        found += [("infra", file.stem, case) for case in module.CASES]
        found += [("apps", file.stem, case) for case in getattr(module, "APPS_CASES", [])]
    return [pytest.param(stack, case, id=f"{home}-{n}-{case[0]}") for n, (stack, home, case) in enumerate(found)]


ALL = collected()


@pytest.mark.parametrize(("stack", "case"), ALL)
def test_it_is_refused(stack: str, case: tuple[str, Any, str, str, str | None]) -> None:
    key, value, reported, message, risk = case
    error = refusal((key, value), stack=stack)
    text = str(error)
    assert error.exit_code == 2
    found = [problem for problem in error.problems if problem.key == reported and message in str(problem)]
    assert found, text
    assert found[0].risk == risk
    assert f"  seawall:{reported}" in text
    assert_readable(text, len(error.problems))
    assert "hunter2" not in (text + repr(error) + repr(error.problems)).lower()
    assert_shown_or_hidden(found[0], value)


def assert_readable(text: str, problems: int) -> None:
    """One line for each mistake, without control characters and without the insides of the program."""
    lines = text.splitlines()
    assert len(lines) == problems + 1
    assert all(line.isprintable() for line in lines)
    assert not any(word in text for word in ("Traceback", "pydantic", "Error(", " object at 0x", ".[key]", "function-"))


def assert_shown_or_hidden(problem: Problem, value: Any) -> None:
    """A value that is complained about stands beside its key, shortened; one that may be a secret does not."""
    text = str(problem)
    if " = (a number of many digits)" in text:
        assert isinstance(value, int) and value > 10**30
    elif " = (not shown)" in text:
        assert MAY_BE_SECRET.search(f"{problem.key} {value}")
    elif problem.value is value and isinstance(value, str | int | float) and not isinstance(value, bool):
        assert f" = {repr(value)[:60]}" in text


def test_there_are_enough_of_them() -> None:
    assert len({(it.values[0], it.values[1][0], repr(it.values[1][1])) for it in ALL}) >= 150


REGISTERED = [
    (f"{CACHE}.replicas", 3.5),
    (f"{CACHE}.clients", {"this": ["*"]}),
    ("cnpg.clusters.shared-postgres.backup.schedule", "0 2 * * *"),
    ("platform.context", "password=hunter2"),
    ("aws.credentials", "irsa"),
    ("nobody_knows_this", {}),
]


@pytest.mark.parametrize(("key", "value"), REGISTERED)
def test_nothing_is_registered_before_the_refusal(key: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[recorder.Recorder] = []
    make = recorder.Recorder

    def kept() -> recorder.Recorder:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(recorder, "Recorder", kept)
    config = {it: said if isinstance(said, str) else json.dumps(said) for it, said in changed((key, value)).items()}
    with pytest.raises(Exception, match="in the settings") as refused:
        recorder.run(lambda: runpy.run_path(str(CHECKOUT / "__main__.py"), run_name="__main__"), config=config)
    assert "hunter2" not in str(refused.value)
    assert [it.requests for it in made] == [{}]


def test_the_program_loads_its_settings_before_it_deploys_anything() -> None:
    """So no other way of being wrong, either, comes after the first resource."""
    tree = ast.parse((CHECKOUT / "__main__.py").read_text())
    top = [it for it in tree.body if not isinstance(it, ast.Import | ast.ImportFrom | ast.FunctionDef)]
    assert {type(it) for it in top} <= {ast.Expr, ast.Assign, ast.AnnAssign, ast.If}
    deploys = [it for it in ast.walk(tree) if isinstance(it, ast.Call) and getattr(it.func, "id", "") == "deploy"]
    [call] = deploys
    [argument] = call.args
    assert isinstance(argument, ast.Call)
    assert getattr(argument.func, "id", "") == "load"


@pytest.mark.parametrize("value", [3, 3.0, "3"])
def test_whole_numbers_may_have_been_retyped(value: object) -> None:
    assert load(changed((f"{CACHE}.replicas", value))).dragonfly.clusters["dragonfly"].replicas == 3


@pytest.mark.parametrize("value", [True, "true"])
def test_flags_may_have_been_retyped(value: object) -> None:
    assert load(changed((f"{CACHE}.cache_mode", value))).dragonfly.clusters["dragonfly"].cache_mode is True


def test_every_mistake_is_reported_at_once_also_between_fields_beside_a_wrong_one() -> None:
    error = refusal(
        (f"{CACHE}.image", "dragonfly:latest"),
        (f"{CACHE}.min_available", 3),
        (f"{CACHE}.replica", 3),
        (f"{CACHE}.clients", {"this": ["*"]}),
        (f"{QUEUE}.clients", {"aps": ["gitlab-system"]}),
        (f"{QUEUE}.snapshot.cron", "@hourly"),
        ("operators.dragonfly.version", "0.1.0"),
        ("platform.nodes.count", 2),
        ("platform.nodes.zone", []),
        ("cnpg.clusters.shared-postgres.backup.schedule", "0 2 * * *"),
    )
    assert {problem.key for problem in error.problems} >= {
        f"{CACHE}.image",
        f"{CACHE}.min_available",
        f"{CACHE}.replica",
        f"{CACHE}.clients.this[0]",
        f"{CACHE}.replicas",
        f"{QUEUE}.clients.aps",
        f"{QUEUE}.snapshot.cron",
        f"{QUEUE}.replicas",
        "operators.dragonfly.version",
        "platform.nodes.zone",
        "cnpg.clusters.shared-postgres.backup.schedule",
    }
    assert {problem.risk for problem in error.problems} >= {"DFLY-OPS-001", "DFLY-SEC-001", "CNPG-DATA-001"}
    assert str(error).startswith(f"{len(error.problems)} mistakes in the settings:")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{CACHE}.password", "hunter2"),
        (f"{CACHE}.passwort", "hunter2"),
        (f"{CACHE}.auth_secret", "hunter2"),
        (f"{CACHE}.auth_secret.name", "Hunter2 hunter2"),
        (f"{CACHE}.auth_secret.value", "hunter2"),
        (f"{CACHE}.args", ["--requirepass=hunter2", "--masterauth hunter2", "password=hunter2"]),
        (f"{CACHE}.image", "https://user:hunter2@ghcr.io/x"),
        (f"{CACHE}.args", ["--masterauth=hunter2"]),
        (f"{CACHE}.flags.default_lua_flags", "pass=hunter2"),
        ("platform.secret_store.token", "hunter2"),
        ("platform.secret_store.name", "token hunter2"),
        ("aws.credentials", "hunter2"),
    ],
)
def test_no_error_shows_what_may_be_a_secret(key: str, value: object) -> None:
    error = refusal((key, value))
    assert "hunter2" not in str(error).lower()
    assert "hunter2" not in repr(error).lower()


def test_keys_of_others_are_not_read() -> None:
    theirs = {"pulumi:tags": {"a": "b"}, "aws:region": "x", "kubernetes:context": "y"}
    assert load({**changed(), **theirs}) == load(changed())


@pytest.mark.parametrize(("key", "meant"), [("dragonfly", "seawall:dragonfly"), ("seewall:cnpg", "seawall:cnpg")])
def test_a_key_outside_our_namespace_that_is_meant_for_us(key: str, meant: str) -> None:
    config = {**changed(), key: {}}
    with pytest.raises(Exception, match=f"did you mean `{meant}`"):
        load(config)
