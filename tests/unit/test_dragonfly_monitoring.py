"""Scraping and alerts of a Dragonfly instance."""

from dragonfly_samples import args

from seawall.components.dragonfly.monitoring import alerts, rules, scrape

NINE = {
    "DragonflyDown",
    "DragonflyNoPrimary",
    "DragonflyReplicaCountLow",
    "DragonflyMemoryHigh",
    "DragonflyMemoryCritical",
    "DragonflyDiskNearFull",
    "DragonflyCommandRateHigh",
    "DragonflyReplicationLagHigh",
    "DragonflyReplicationBroken",
}


def expressions(**settings: object) -> dict[str, str]:
    return {alert.name: alert.expression for alert in alerts(args(**settings))}


def test_the_nine_alerts_and_secret_sync_are_there() -> None:
    names = [alert.name for alert in alerts(args())]
    assert set(names) == NINE | {"DragonflySnapshotFailed", "DragonflySecretNotSynced"}
    assert len(names) == len(set(names))


def test_each_alert_says_what_it_means_and_where_its_runbook_is() -> None:
    [group] = rules(args())["spec"]["groups"]
    for rule in group["rules"]:
        noted = rule["annotations"]
        assert noted["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert noted["summary"]
        assert noted["description"].endswith(".")
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_expression_is_about_this_instance() -> None:
    found = expressions()
    for name in NINE - {"DragonflyDiskNearFull"}:
        assert '{namespace="dragonfly-system",app="dragonfly"}' in found[name]
    assert 'persistentvolumeclaim=~"df-dragonfly-[0-9]+"' in found["DragonflyDiskNearFull"]
    assert 'name=~"dragonfly-auth"' in found["DragonflySecretNotSynced"]


def test_no_master_at_all_fires_too() -> None:
    assert "or absent(dragonfly_master" in expressions()["DragonflyNoPrimary"]


def test_a_full_cache_is_normal_and_a_full_queue_is_not() -> None:
    assert "dragonfly_memory_max_bytes" not in expressions()["DragonflyMemoryHigh"]
    queue = expressions(purpose="queue")
    assert "dragonfly_memory_max_bytes" in queue["DragonflyMemoryHigh"]
    assert "dragonfly_memory_max_bytes" in queue["DragonflyMemoryCritical"]


def test_without_a_volume_there_is_no_alert_about_it() -> None:
    assert not {"DragonflyDiskNearFull", "DragonflySnapshotFailed"} & expressions(snapshot=None).keys()


def test_metrics_are_read_from_the_admin_port_by_the_pods_own_labels() -> None:
    spec = scrape(args())["spec"]
    assert spec["selector"]["matchLabels"]["app"] == "dragonfly"
    assert "role" not in spec["selector"]["matchLabels"]
    assert spec["podTargetLabels"] == ["app"]
    [endpoint] = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
