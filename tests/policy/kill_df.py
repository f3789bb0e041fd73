"""What people get wrong with Dragonfly, done to `infra`, and with its consumers, done to `apps`: the QA risks."""

from dragonfly_changes import (
    HOSTNAME,
    PROBE,
    REMOTE_PROBE,
    annotation,
    anti_affinity,
    arguments,
    infra,
    preferred,
    selecting,
    spec,
    spread,
)
from kill import Change, Kill, Properties, add, drop, edit

SECOND_BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "dragonfly-pdb", "namespace": "dragonfly-system"},
    "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "dragonfly"}}},
}
LATENCY_RULES = ("PrometheusRule", "harbor/dragonfly-latency")


def budget(**pdb: object) -> Change:
    return spec(lambda it: it.update(pdb=pdb))


def schedule(cron: str) -> Change:
    return edit(*PROBE, lambda it: it["spec"].update(schedule=cron))


def only_recordings(it: Properties) -> None:
    [group] = it["spec"]["groups"]
    group["rules"] = [one for one in group["rules"] if "record" in one]


CASES: list[Kill] = [
    *infra(
        "DFLY-OPS-001",
        ("a second budget beside the operator's", add(SECOND_BUDGET)),
        ("budget that lets no pod go", budget(minAvailable=3)),
        ("budget that lets two of three go", budget(maxUnavailable=2)),
        ("67 % of 3 must stay, which is all", budget(minAvailable="67%")),
        ("a single replica", spec(lambda it: it.update(replicas=1, pdb={"maxUnavailable": 1}))),
    ),
    *infra(
        "DFLY-TECH-001",
        ("no affinity and no spread", spec(lambda it: it.pop("affinity"))),
        ("preferred anti-affinity", spec(preferred)),
        ("anti-affinity that selects other pods", selecting(app="redis")),
        ("anti-affinity on instance, which pods lack", selecting(**{"app.kubernetes.io/instance": "dragonfly"})),
        ("anti-affinity on role, which comes later", selecting(app="dragonfly", role="master")),
        ("anti-affinity that repels the queue as well", selecting(**{"app.kubernetes.io/name": "dragonfly"})),
        ("anti-affinity without a selector", anti_affinity(lambda it: it.pop("labelSelector"))),
        ("anti-affinity over a misspelt node label", anti_affinity(lambda it: it.update(topologyKey=f"{HOSTNAME}s"))),
        ("anti-affinity in another namespace", anti_affinity(lambda it: it.update(namespaces=["harbor"]))),
        (
            "anti-affinity by revision",
            anti_affinity(lambda it: it.update(matchLabelKeys=["controller-revision-hash"])),
        ),
        ("spread with ScheduleAnyway", spread(whenUnsatisfiable="ScheduleAnyway", minDomains=None)),
        ("spread without minDomains", spread(minDomains=None)),
        ("spread with maxSkew 2", spread(maxSkew=2)),
        ("spread over zones only", spread(topologyKey="topology.kubernetes.io/zone", minDomains=None)),
    ),
    *infra(
        "DFLY-PERF-001",
        ("no latency probe of an instance that both clusters use", drop(*PROBE)),
        ("latency probe suspended", edit(*PROBE, lambda it: it["spec"].update(suspend=True))),
        ("latency probe on 30 February", schedule("0 0 30 2 *")),
        ("latency probe once a day", schedule("0 2 * * *")),
        ("latency recorded without an alert", edit(*LATENCY_RULES, only_recordings)),
        ("latency neither recorded nor alerted on", drop(*LATENCY_RULES)),
        ("latency probe that nothing scrapes", drop("PodMonitor", "harbor/dragonfly-latency")),
    ),
    Kill("apps", "DFLY-PERF-001", "no latency probe of an imported queue", drop(*REMOTE_PROBE)),
    Kill(
        "apps",
        "DFLY-PERF-001",
        "latency probe of an imported queue suspended",
        edit(*REMOTE_PROBE, lambda it: it["spec"].update(suspend=True)),
    ),
    Kill(
        "apps",
        "DFLY-PERF-001",
        "latency probe of what is not imported",
        annotation("seawall.dev/measures", "elsewhere/cache", REMOTE_PROBE),
    ),
    *infra(
        "DFLY-SEC-002",
        ("no TLS, and nobody said why", annotation("seawall.dev/plaintext-clients", None)),
        ("no TLS, for an empty reason", annotation("seawall.dev/plaintext-clients", " ")),
        ("TLS by hand", arguments(lambda given: [*given, "--tls_cert_file=/etc/tls/tls.crt"])),
    ),
    Kill(
        "infra",
        "DFLY-SEC-002",
        "client certificates without TLS",
        spec(lambda it: it["authentication"].update(clientCaCertSecret={"name": "clients", "key": "ca.crt"})),
        also={"DFLY-OPS-002": "nobody provides that Secret"},
    ),
    Kill(
        "infra",
        "DFLY-SEC-002",
        "TLS without a password: the process does not start",
        spec(lambda it: (it.update(tlsSecretRef={"name": "cache-tls"}), it.pop("authentication"))),
        also={
            "DFLY-SW-002": "without the password the port is open as well",
            "DFLY-OPS-002": "nobody provides the certificate's Secret",
        },
    ),
]
