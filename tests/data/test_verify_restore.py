"""The register's tests of backups, by their ids, on a real archive and the report of a real restore.

Real: PostgreSQL, barman-cloud, the rendered drill with its runner, the API server. Doubles: the object store (moto) and
the kubelet of the restored instance (see `test_restore_drill.py`); so the evidence is marked as simulated.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import rendered
from data_tools import Tools
from drill_double import InstanceDouble, Objects
from drill_run import Drill
from drill_source import Source, archived
from object_store import ACCESS, REGION, ObjectStore

from seawall.qa.checks import all_checks
from seawall.qa.checks.context import Context
from seawall.qa.evidence import files
from seawall.qa.evidence.model import Environment, Evidence, Verdict
from seawall.qa.verify.api import KubeCluster
from seawall.qa.verify.store import S3Store
from seawall.sandbox.cluster import Sandbox

pytestmark = pytest.mark.timeout(300, func_only=True)

Workplace = Callable[[str], Path]
TESTS = ("DB.CNPG.SHARED-INT-003", "DB.CNPG.SHARED-INT-004", "DB.CNPG.SHARED-E2E-002")
COMMIT = "0" * 40


@pytest.fixture(scope="module")
def source(tools: Tools, module_store: ObjectStore, module_workplace: Workplace) -> Source:
    return archived(tools, module_store, module_workplace)


@pytest.fixture(scope="module")
def drilled(
    source: Source, sandbox: Sandbox, module_workplace: Workplace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Drill]:
    """A drill that has restored the archive and kept its report."""
    objects = Objects(sandbox.endpoints)
    drill = Drill(
        sandbox,
        objects,
        source.store,
        rendered.cluster(source.store, ("restore_drill.assertions", {})),
        tmp_path_factory.mktemp("drill"),
    )
    drill.deploy()
    try:
        with InstanceDouble(objects, drill.namespace, drill.cluster, source.archive, drill.port, module_workplace):
            outcome = drill.run()
        assert outcome.code == 0, outcome
        yield drill
    finally:
        drill.remove()


@pytest.fixture
def context(drilled: Drill, sandbox: Sandbox) -> Context:
    """The stack with the drill where it really is."""
    settings = drilled.args.settings
    assert settings.restore_drill is not None
    there = settings.restore_drill.model_copy(update={"namespace": drilled.namespace})
    args = replace(drilled.args, settings=settings.model_copy(update={"restore_drill": there}))
    stack: Any = SimpleNamespace(name="infra", databases=[args])
    session = boto3.Session(*ACCESS, region_name=REGION)
    return Context(
        stack=stack,
        checkout=Path(__file__).parents[2],
        cluster=KubeCluster(sandbox.endpoints.context, sandbox.endpoints.kubeconfig),
        store=S3Store(drilled.store.endpoint, REGION, session),
        now=lambda: datetime.now(UTC),
    )


@pytest.mark.parametrize("test", TESTS)
def test_backups_and_their_restore(test: str, context: Context, tmp_path: Path) -> None:
    found = list(all_checks()[test].run(context))

    assert [it for it in found if not it.ok] == []
    assert isinstance(context.cluster, KubeCluster)
    now = datetime.now(UTC)
    evidence = Evidence(
        test=test,
        verdict=Verdict.PASSED,
        environment=Environment.SIMULATED,
        cluster=context.cluster.seen,
        commit=COMMIT,
        dirty=True,
        started=now,
        finished=now,
        command="make test",
        observed=tuple(found),
    )
    assert files.read(files.write(tmp_path, evidence)).problem == ""


def test_a_backup_that_came_after_the_drill_does_not_make_its_report_wrong(
    context: Context, drilled: Drill, source: Source
) -> None:
    """What counts is what was the newest then. One that was there then and was not taken is another matter."""
    bucket, store = drilled.store.bucket, drilled.store.client()
    folder = f"{drilled.args.settings.backup.prefix}/{drilled.args.server_name}/base"
    [check] = [it for it in all_checks().values() if it.id == TESTS[2]]

    def put(identifier: str) -> bool:
        key = f"{folder}/{identifier}/backup.info"
        store.put_object(
            Bucket=bucket, Key=key, Body=b"status=DONE\n", ServerSideEncryption="aws:kms", SSEKMSKeyId=drilled.store.key
        )
        return all(it.ok for it in check.run(context))

    put_later = "20991231T000000"
    try:
        assert put(put_later)
    finally:
        store.delete_object(Bucket=bucket, Key=f"{folder}/{put_later}/backup.info")
