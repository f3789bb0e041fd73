"""The Jobs that close each application's database to every other role, as plain data.

Whoever owns a database may say who connects to it, and PostgreSQL lets PUBLIC until the owner says otherwise; no field
of Cluster, Database or DatabaseRole does. The wall is `pg_hba`; this is the second one, and it holds inside PostgreSQL.
"""

import hashlib
import json

from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.operators import annotations
from seawall.operators.cnpg import CA_KEY, METRICS_ROLE, POSTGRES_PORT, UID, authority_secret, service_names

MOUNT = "/etc/seawall"

TIMEOUT_SECONDS = 600
"""For all tries together: the image may have to be pulled, and a failover may be under way."""
TRIES = 5

RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}

RUN_AGAIN = {"pulumi.com/replaceUnready": "true"}
"""A Job that has failed is made anew by the next update; without this it would stay as it is."""
NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""The provider awaits that a Job has succeeded, which never comes where nothing really runs."""

_LONGEST_NAME = 63


def job_names(args: CnpgSharedClusterArgs) -> dict[str, str]:
    """Application → the name of its Job, as it is now: every change of what a Job runs changes its name."""
    return {application.name: job_name(application) for application in args.applications}


def job_name(application: ApplicationArgs) -> str:
    """`<cluster>-isolation-<application>-<hash>`, cut where it would be too long.

    A Job's pods cannot be changed, so that each change makes another Job; the hash is of what it runs.
    """
    run = json.dumps([application.name, _pod(application)], sort_keys=True)
    ending = f"-{hashlib.sha256(run.encode()).hexdigest()[:8]}"
    start = f"{application.cluster.name}-isolation-{application.name}"
    return start[: _LONGEST_NAME - len(ending)].rstrip("-") + ending


def jobs(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """Application → its Job: SQL as the owner of its database, over verified TLS, with no right in Kubernetes."""
    return {application.name: _job(application) for application in args.applications}


def statements(application: ApplicationArgs) -> tuple[str, ...]:
    """What the owner says, in one transaction.

    The owner's own right to connect survives the first statement; the second says so, and makes it independent of who
    owns the database later. The operator's metrics role, where the operator has one, came in as PUBLIC and would
    silently lose the database. A REVOKE by somebody who is not the owner only warns, so the result is looked at.
    """
    database, role = _quoted(application.database), _quoted(application.role)
    return (
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        f"""DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{METRICS_ROLE}') THEN
    GRANT CONNECT ON DATABASE {database} TO {METRICS_ROLE};
  END IF;
END $$""",
        f"""DO $$ DECLARE others text; BEGIN
  IF pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'CONNECT') THEN
    RAISE EXCEPTION 'PUBLIC may still connect to %: % does not own it', pg_catalog.current_database(), current_user;
  END IF;
  SELECT pg_catalog.string_agg(rolname, ', ' ORDER BY rolname) INTO others FROM pg_catalog.pg_roles
    WHERE rolcanlogin AND NOT rolsuper AND rolname NOT IN (current_user, '{METRICS_ROLE}')
    AND pg_catalog.has_database_privilege(oid, pg_catalog.current_database(), 'CONNECT');
  IF others IS NOT NULL THEN
    RAISE EXCEPTION 'these roles may connect to % as well: %', pg_catalog.current_database(), others;
  END IF;
END $$""",  # noqa: S608 - of the two names in it one is constant, and the other is quoted
    )


def _quoted(name: str) -> str:
    """An SQL identifier. The settings allow no quotes in names, and this does not rely on it."""
    return '"' + name.replace('"', '""') + '"'


def _job(application: ApplicationArgs) -> Manifest:
    args = application.cluster
    says = {annotations.REVOKES_CONNECT: annotations.revokes_connect(cluster=args.name, database=application.database)}
    awaited = NOT_AWAITED if args.platform.simulated else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(
            job_name(application),
            args.namespace,
            labels=args.labels,
            annotations={**says, **RUN_AGAIN, **awaited},
        ),
        "spec": {
            "activeDeadlineSeconds": TIMEOUT_SECONDS,
            "backoffLimit": TRIES,
            # It is kept when it is done: that it has succeeded is what shows that the database is closed.
            "template": {"metadata": {"labels": args.isolation_pods}, "spec": _pod(application)},
        },
    }


def _pod(application: ApplicationArgs) -> Manifest:
    args = application.cluster
    commands = [part for statement in statements(application) for part in ("-c", statement)]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security_context(UID),
        "containers": [
            {
                "name": "revoke",
                "image": args.settings.image,
                # No shell; -X: no start-up file; -1: all or nothing.
                "command": ["psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", *commands],
                "env": [{"name": name, "value": value} for name, value in _connection(application).items()]
                + [
                    {"name": name, "valueFrom": {"secretKeyRef": {"name": application.role_secret, "key": key}}}
                    for name, key in (("PGUSER", "username"), ("PGPASSWORD", "password"))
                ],
                "resources": RESOURCES,
                "securityContext": container_security_context(UID),
                "volumeMounts": [{"name": "ca", "mountPath": MOUNT, "readOnly": True}],
            }
        ],
        "volumes": [
            {
                "name": "ca",
                # Only the certificate: the same Secret holds the authority's private key.
                "secret": {
                    "secretName": authority_secret(args.name),
                    "items": [{"key": CA_KEY, "path": CA_KEY}],
                },
            }
        ],
    }


def _connection(application: ApplicationArgs) -> dict[str, str]:
    """libpq's settings: straight to the primary, past the pooler, whose server connections are the application's."""
    return {
        "PGHOST": service_names(application.cluster.name)["rw"],
        "PGPORT": str(POSTGRES_PORT),
        "PGDATABASE": application.database,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": f"{MOUNT}/{CA_KEY}",
        "PGTARGETSESSIONATTRS": "read-write",
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "seawall-isolation",
    }
