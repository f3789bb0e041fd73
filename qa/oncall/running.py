"""Does it run at all? The first thing that somebody asks, and what makes sense of the other answers."""

from collections.abc import Iterator

from seawall.operators import dragonfly
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POD, POOLER
from seawall.qa.oncall.drain_postgres import HEALTHY, postgres
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.places import Places, ready
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.remarks import Remark, broken, fine, grave, page, unseen, weighed
from seawall.qa.oncall.things import Thing


def cluster_answer(cluster: Thing, places: Places, seen: Seen) -> Answer:
    """The answer for one Cluster and its poolers."""
    missing = seen.missing(CLUSTER, POOLER, POD)
    found = [unseen(missing)] if missing else list(_postgres(cluster, places, seen))
    return weighed(
        Topic.RUNNING,
        cluster.full_name,
        found,
        command=f"{seen.kubectl} get clusters.postgresql.cnpg.io -n {cluster.namespace} {cluster.name}",
        runbook=page("CnpgInstancesMissing"),
    )


def _postgres(cluster: Thing, places: Places, seen: Seen) -> Iterator[Remark]:
    one = postgres(cluster, places)
    running = [pod for pod in one.instances if ready(pod)]
    phase, primary = cluster.text("status", "phase"), one.primary
    leader = next((pod for pod in one.instances if pod.name == primary), None)
    count = f"{len(running)} of {one.wanted} instances are ready"
    if not running:
        yield grave(f"no instance is ready ({phase or 'its operator says nothing'})", page("CnpgNoPrimary"))
    elif not primary:
        yield grave(f"nobody is the primary, {count}: {phase or 'its operator says nothing'}", page("CnpgNoPrimary"))
    elif leader is None or not ready(leader):
        yield grave(f"the primary, {primary}, is not ready; {count}", page("CnpgNoPrimary"))
    elif len(running) < one.wanted:
        yield broken(f"{count}, {primary} is the primary: {phase}", page("CnpgInstancesMissing"))
    elif phase != HEALTHY:
        yield broken(f"{count}, and the operator says: {phase}", page("CnpgInstancesMissing"))
    else:
        yield fine(f"{count}, {primary} is the primary")
    for pooler in seen.of(POOLER):
        if pooler.namespace == cluster.namespace and pooler.text("spec", "cluster", "name") == cluster.name:
            pods = [pod for pod in places.pooler_pods(pooler) if ready(pod)]
            wanted = pooler.number("spec", "instances")
            text = f"pooler {pooler.name}: {len(pods)} of {1 if wanted is None else wanted} pods are ready"
            if not pods:
                yield grave(f"{text}: its application has no database", page("CnpgPoolersMissing"))
            else:
                whole = len(pods) >= (1 if wanted is None else wanted)
                yield fine(text) if whole else broken(text, page("CnpgPoolersMissing"))


def cache_answer(resource: Thing, places: Places, seen: Seen) -> Answer:
    """The answer for one Dragonfly."""
    missing = seen.missing(DRAGONFLY, POD)
    found = [unseen(missing)] if missing else list(_dragonfly(resource, places))
    return weighed(
        Topic.RUNNING,
        resource.full_name,
        found,
        command=f"{seen.kubectl} get pods -n {resource.namespace} -l app={resource.name} -L role -o wide",
        runbook=page("DragonflyDown"),
    )


def _dragonfly(resource: Thing, places: Places) -> Iterator[Remark]:
    pods = places.dragonfly_pods(resource)
    running = [pod for pod in pods if ready(pod)]
    wanted = resource.number("spec", "replicas") or 0
    masters = [pod for pod in running if pod.labels.get(dragonfly.ROLE_LABEL) == "master"]
    count = f"{len(running)} of {wanted} pods are ready"
    if not running and wanted:
        said = resource.text("status", "phase") or "its operator says nothing"
        yield grave(f"no pod is ready ({said})", page("DragonflyDown"))
    elif len(masters) != 1 and wanted:
        yield grave(
            f"{len(masters) or 'none'} of them {'are' if masters else 'is'} the master; {count}",
            page("DragonflyNoPrimary"),
        )
    elif len(running) < wanted:
        yield broken(f"{count}, {masters[0].name} is the master", page("DragonflyReplicaCountLow"))
    elif wanted:
        yield fine(f"{count}, {masters[0].name} is the master")
    else:
        yield fine("it asks for no pods")
