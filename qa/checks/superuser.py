"""The check of the superuser: shut out from everywhere, let in by break-glass, shut out again."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.components.cnpg import manifests, secrets
from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.probes.certificates import pod_labels
from seawall.operators.cnpg import API_VERSION, POSTGRES_PORT, dns_forms, service_names
from seawall.qa.checks.context import Context, Entry, Probe, Where
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.checks.reach import told
from seawall.qa.evidence.model import Observation

ROLE = "postgres"
OPENS_S = 300.0
"""What the operator may take until a change of the resource is in force on the primary."""


def _superuser(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        if postgres.settings.superuser_access:
            raise UndecidedError(f"superuser_access of {postgres.name} is on: break-glass is in use")
        yield from _shut(context, postgres)
        yield from _break_glass(context, postgres)


def _authority(postgres: CnpgSharedClusterArgs) -> dict[str, Entry]:
    path = postgres.settings.secrets.ca
    if path is None:
        raise UndecidedError(f"the secret store has no entry with the authority of {postgres.name} (secrets.ca)")
    return {"AUTHORITY": Entry(path, "ca.crt")}


def _inside(context: Context, postgres: CnpgSharedClusterArgs) -> Where:
    """The one place that reaches an instance and is no part of the cluster: that of the certificate probe."""
    return Where(context.stack.cluster, postgres.namespace, pod_labels(postgres.name))


def _step(host: str, **more: object) -> dict[str, Any]:
    return {"kind": "postgres", "host": host, "port": POSTGRES_PORT, "database": ROLE, "user": ROLE, **more}


def _shut(context: Context, postgres: CnpgSharedClusterArgs) -> Iterator[Observation]:
    """Whoever gets as far as the server is turned away before any password is asked for."""
    instance = dns_forms(service_names(postgres.name)["rw"], postgres.namespace)[-1]
    poolers = [it.host for it in postgres.applications]
    authority = _authority(postgres)
    connections = context.stack.database_connections()
    probes = [Probe(_inside(context, postgres), [_step(it, ca="AUTHORITY") for it in (instance, *poolers)], authority)]
    for place in dict.fromkeys((it.cluster, it.namespace) for it in connections):
        mine = [it.host for it in connections if (it.cluster, it.namespace) == place]
        probes.append(Probe(Where(*place), [_step(it, ca="AUTHORITY") for it in mine], authority))
    fresh = Where(context.stack.cluster, context.probes.fresh(context.stack.cluster))
    probes.append(Probe(fresh, [_step(it, ca="AUTHORITY") for it in (instance, *poolers)], authority))
    for probe, results in zip(probes, context.probes.run(probes), strict=True):
        for step, result in zip(probe.steps, results, strict=True):
            yield _turned_away(str(step["host"]), probe.where, result, admitted=probe.where != fresh)


def _turned_away(host: str, where: Where, result: Mapping[str, Any], *, admitted: bool) -> Observation:
    rejected = result["outcome"] == "rejected" and not result.get("asked")
    closed = result["outcome"] in ("refused", "dropped", "unreachable")
    expected = "turned away before a password is asked for" if admitted else "turned away, or not reached"
    if result["outcome"] in ("unresolved", "broken", "untrusted") or (admitted and closed):
        raise UndecidedError(f"{ROLE} at {host} from {where}: {told(result)}; nothing was asked of the server")
    return seen(f"{ROLE} at {host} from {where}", expected, told(result), rejected or (not admitted and closed))


def _break_glass(context: Context, postgres: CnpgSharedClusterArgs) -> Iterator[Observation]:
    """What the stack would render with `superuser_access: true`, for as long as it takes to sign in once."""
    if postgres.settings.secrets.superuser is None:
        raise UndecidedError(f"{postgres.name} names no secrets.superuser: break-glass cannot be tried")
    disrupting = context.disrupting
    opened = postgres.settings.model_copy(update={"superuser_access": True, "superuser_reason": "tried by verify"})
    args = CnpgSharedClusterArgs(
        postgres.name, postgres.namespace, opened, postgres.platform, postgres.operator, postgres.target
    )
    spec = manifests.cluster(args)["spec"]
    change = {
        "spec": {
            "enableSuperuserAccess": spec["enableSuperuserAccess"],
            "superuserSecret": spec["superuserSecret"],
            "postgresql": {"pg_hba": spec["postgresql"]["pg_hba"]},
        }
    }
    path, fields = postgres.settings.secrets.superuser, postgres.settings.secrets.role_fields
    given = {**_authority(postgres), "PASSWORD": Entry(path, fields.password)}
    step = _step(dns_forms(service_names(postgres.name)["rw"], postgres.namespace)[-1], ca="AUTHORITY")
    probe = Probe(_inside(context, postgres), [{**step, "password": "PASSWORD"}], given)

    def tried() -> Mapping[str, Any]:
        [[result]] = context.probes.run([probe])
        return result

    last: list[Mapping[str, Any]] = []

    def becomes(outcome: str) -> bool:
        last[:] = [tried()]
        return bool(last[0]["outcome"] == outcome)

    name = f"{postgres.namespace}/{postgres.name}"
    with disrupting.created(secrets.other_secrets(args)["break-glass"]):
        with disrupting.changed(API_VERSION, "Cluster", postgres.name, postgres.namespace, change):
            good = bool(context.until(lambda: becomes("signed-in"), OPENS_S, pause=10))
            yield seen(f"{ROLE} at {name} with break-glass", "signs in", told(last[0]), good)
        shut = bool(context.until(lambda: becomes("rejected"), OPENS_S, pause=10))
        yield seen(f"{ROLE} at {name} after break-glass", "rejected", told(last[0]), shut)


CHECKS = (
    Check(
        "SW-CNPG-001",
        "tries to sign in as postgres at every pooler and instance from every client namespace, from a new one and "
        "from beside the data; turns break-glass on as the stack would, signs in once, turns it off, tries again",
        _superuser,
        Creates.DISRUPTIVE,
        peer=True,
    ),
)
