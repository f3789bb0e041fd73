"""Snapshots: to a volume of each pod or to a bucket, and what a bucket opens in the network."""

from typing import Any

import pytest
from dragonfly_samples import (
    BUCKET_SNAPSHOT,
    OWN_BUCKET_SNAPSHOT,
    ROLE_SNAPSHOT,
    WORLD_SNAPSHOT,
    args,
    bucket_snapshot,
    generic,
    problems,
)

from seawall.components.dragonfly import manifests, monitoring, network
from seawall.components.dragonfly.checks import clients
from seawall.components.dragonfly.settings import DragonflySettings

VOLUME = {"size": "10Gi", "storage_class": "local"}


def spec(**settings: Any) -> dict[str, Any]:
    made: dict[str, Any] = manifests.dragonfly(args(**settings))["spec"]
    return made


def test_by_default_they_go_to_a_claim() -> None:
    snapshot = spec()["snapshot"]
    assert snapshot == {
        "cron": "0 */6 * * *",
        "persistentVolumeClaimSpec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    assert "env" not in spec()


def test_in_a_bucket_only_the_master_writes_them() -> None:
    made = spec(snapshot=BUCKET_SNAPSHOT)
    assert made["snapshot"] == {
        "cron": "0 */6 * * *",
        "dir": "s3://cache-snapshots/infra/dragonfly",
        "enableOnMasterOnly": True,
    }
    assert "--dbfilename=dump" in made["args"]


def test_the_process_finds_the_bucket_by_its_environment() -> None:
    assert spec(snapshot=BUCKET_SNAPSHOT)["env"] == [
        {"name": "AWS_REGION", "value": "eu-central-1"},
        {
            "name": "AWS_ACCESS_KEY_ID",
            "valueFrom": {"secretKeyRef": {"name": "dragonfly-bucket", "key": "accessKey"}},
        },
        {
            "name": "AWS_SECRET_ACCESS_KEY",
            "valueFrom": {"secretKeyRef": {"name": "dragonfly-bucket", "key": "secretKey"}},
        },
    ]
    assert spec(snapshot=ROLE_SNAPSHOT)["env"] == [{"name": "AWS_REGION", "value": "eu-central-1"}]


def test_a_store_of_ones_own_is_named() -> None:
    assert "--s3_endpoint=s3.example.org:9000" in spec(snapshot=OWN_BUCKET_SNAPSHOT)["args"]
    assert not any("s3_endpoint" in arg for arg in spec(snapshot=BUCKET_SNAPSHOT)["args"])


def egress(made: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = made["spec"]["egress"]
    return rules


def test_without_a_bucket_nothing_goes_out() -> None:
    rules = egress(network.network_policy(args()))
    assert [sorted(rule) for rule in rules] == [["toEndpoints", "toPorts"], ["toEndpoints", "toPorts"]]
    assert "rules" not in rules[0]["toPorts"][0]


@pytest.mark.parametrize(
    ("snapshot", "hosts", "port"),
    [
        (BUCKET_SNAPSHOT, ["cache-snapshots.s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com"], "443"),
        (
            ROLE_SNAPSHOT,
            [
                "cache-snapshots.s3.eu-central-1.amazonaws.com",
                "s3.eu-central-1.amazonaws.com",
                "sts.eu-central-1.amazonaws.com",
            ],
            "443",
        ),
        (OWN_BUCKET_SNAPSHOT, ["cache-snapshots.s3.example.org", "s3.example.org"], "9000"),
        (
            bucket_snapshot(region="cn-north-1"),
            ["cache-snapshots.s3.cn-north-1.amazonaws.com.cn", "s3.cn-north-1.amazonaws.com.cn"],
            "443",
        ),
    ],
)
def test_with_a_bucket_exactly_its_hosts_are_reached(snapshot: dict[str, Any], hosts: list[str], port: str) -> None:
    dns, store, peers = egress(network.network_policy(args(snapshot=snapshot)))
    assert store == {
        "toFQDNs": [{"matchName": host} for host in hosts],
        "toPorts": [{"ports": [{"port": port, "protocol": "TCP"}]}],
    }
    assert dns["toPorts"][0]["rules"] == {"dns": [{"matchPattern": "*"}]}, "Cilium learns the addresses here"
    assert peers["toPorts"] == [{"ports": [{"port": "9999", "protocol": "TCP"}]}]


def test_the_world_is_open_on_the_stores_port_only_where_it_was_asked_for() -> None:
    assert egress(network.network_policy(args(snapshot=WORLD_SNAPSHOT)))[1] == {
        "toEntities": ["world"],
        "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}],
    }
    assert egress(network.network_policy(generic(snapshot=WORLD_SNAPSHOT)))[1]["ports"] == [
        {"protocol": "TCP", "port": 443}
    ]
    assert len(egress(network.network_policy(generic()))) == 2


def test_a_bucket_has_no_volume_that_could_fill() -> None:
    assert "DragonflyDiskNearFull" in {alert.name for alert in monitoring.alerts(args())}
    names = {alert.name for alert in monitoring.alerts(args(snapshot=BUCKET_SNAPSHOT))}
    assert "DragonflySnapshotFailed" in names
    assert "DragonflyDiskNearFull" not in names


@pytest.mark.parametrize(
    "cron",
    ["*/5 * * * *", "0,5 * * * *", "0 */6 * * *", "55,0 23,0 * * *", "0 0 29 2 *", "30 2 * * SUN", "3/5 * * * *"],
)
def test_schedules_that_leave_time(cron: str) -> None:
    assert spec(snapshot={"cron": cron, **VOLUME})["snapshot"]["cron"] == cron


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/4 * * * *",
        "0,4 3 * * *",
        "58,2 * * * *",
        "57,0 * * * *",
        "58,1 23,0 * * *",
        "58,1 23,0 1,15,16 * *",
        "58,1 23,0 1,31 1,12 *",
        "0-9 0 29 2 *",
        "*/7 * * * *",
    ],
)
def test_schedules_that_leave_no_time(cron: str) -> None:
    [problem] = problems(snapshot={"cron": cron, **VOLUME})
    assert "at least 5 minutes" in problem


@pytest.mark.parametrize(
    ("snapshot", "key", "message"),
    [
        ({"cron": "0 * * * *"}, "size", "is missing"),
        ({"cron": "0 * * * *", "size": "1Gi"}, "storage_class", "is missing"),
        ({**BUCKET_SNAPSHOT, "size": "1Gi"}, "size = '1Gi'", "absent with `bucket`"),
        ({**BUCKET_SNAPSHOT, "storage_class": "local"}, "storage_class = 'local'", "absent with `bucket`"),
        (bucket_snapshot(keys=None), "bucket.keys", "must be given, or `role_arn`"),
        (bucket_snapshot(role_arn="arn:aws:iam::123456789012:role/x"), "bucket.keys", "not both"),
        (
            bucket_snapshot(keys=None, role_arn="arn:aws:iam::123456789012:role/x", endpoint="s3.example.org"),
            "bucket.role_arn",
            "only AWS knows roles",
        ),
        (bucket_snapshot(egress="world"), "bucket.egress_reason", "is missing"),
        (bucket_snapshot(prefix="/x"), "bucket.prefix = '/x'", "joined by `/`"),
        (bucket_snapshot(prefix="a//b"), "bucket.prefix", "joined by `/`"),
        (bucket_snapshot(prefix="a/../b"), "bucket.prefix", "joined by `/`"),
        (bucket_snapshot(endpoint="http://s3.example.org"), "bucket.endpoint", "without http://"),
        (bucket_snapshot(endpoint="s3.example.org:"), "bucket.endpoint", "host name"),
        (bucket_snapshot(endpoint="s3.example.org:70000"), "bucket.endpoint", "host name"),
        (bucket_snapshot(endpoint="10.0.0.1"), "bucket.endpoint", "host name"),
        ({"cron": "0 * * * *", "file": "{timestamp}", **VOLUME}, "file", "must be a file name"),
    ],
)
def test_what_is_refused(snapshot: dict[str, Any], key: str, message: str) -> None:
    found = problems(snapshot=snapshot)
    assert any(problem.startswith(f"snapshot.{key}") and message in problem for problem in found), found


@pytest.mark.parametrize(("cni", "refused"), [("generic", True), ("cilium", False)])
def test_host_names_can_be_said_to_cilium_only(cni: str, refused: bool) -> None:
    for snapshot, expected in ((BUCKET_SNAPSHOT, refused), (WORLD_SNAPSHOT, False)):
        made = generic(snapshot=snapshot)
        platform = made.platform.model_copy(update={"cni": cni})
        settings = DragonflySettings(namespace="dragonfly-system", clusters={"dragonfly": made.settings})
        found = [str(problem) for problem in clients(platform, settings)]
        assert bool(found) is expected
        assert all("snapshot.bucket.egress" in one and "must be `world`" in one for one in found)
