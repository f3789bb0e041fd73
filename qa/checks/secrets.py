"""Checks of what a wrong path in the secret store does: it shows, it alerts, it goes when it is mended."""

from collections.abc import Iterator
from typing import Any

from seawall.components.cnpg.secrets import role_secrets
from seawall.components.dragonfly.secrets import external_secrets
from seawall.components.fields import duration
from seawall.components.kubernetes.external_secret import API_VERSION
from seawall.qa.checks.context import Context, Manifest
from seawall.qa.checks.looking import condition, kubectl, rules
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.evidence.model import Observation

KIND = "ExternalSecret"
WRONG = "seawall-verify-no-such-entry"
SYNCS_S = 180.0
"""What the External Secrets operator may take to look again after a change."""
ALERTS_S = 300.0
"""What scrape and evaluation may take beyond the time that an alert waits."""


def wrong_paths(manifest: Manifest) -> Manifest:
    """The change by which an ExternalSecret asks for an entry that there is not. Its Secret stays as it is."""
    data = [
        {**it, "remoteRef": {**it["remoteRef"], "key": f"{it['remoteRef']['key']}/{WRONG}"}}
        for it in manifest["spec"]["data"]
    ]
    return {"spec": {"data": data}}


def _state(context: Context, name: str, namespace: str) -> tuple[str, str]:
    found = context.api.find(API_VERSION, KIND, name, namespace) or {}
    reason = next(
        (it.get("reason") for it in (found.get("status") or {}).get("conditions") or [] if it.get("type") == "Ready"),
        "",
    )
    return condition(found, "Ready"), str(reason)


def _tried(context: Context, manifest: Manifest, alert: Manifest | None) -> Iterator[Observation]:
    """Breaks one declared ExternalSecret, looks, mends it, looks again."""
    metadata = manifest["metadata"]
    name, place = metadata["name"], metadata["namespace"]
    how = kubectl(context.api, "get", "-n", place, "externalsecret", name)
    state, reason = _state(context, name, place)
    if state != "True":
        raise UndecidedError(f"{place}/{name} is not synced before the test: {state} {reason}")
    what = f"{KIND} {place}/{name}"
    with context.disrupting.changed(API_VERSION, KIND, name, place, wrong_paths(manifest)):
        context.told(f"waits for {name} to fail")
        context.until(lambda: _state(context, name, place)[0] == "False", SYNCS_S)
        state, reason = _state(context, name, place)
        yield seen(f"{what} with a wrong path: Ready", "False", f"{state}, {reason}", state == "False", how)
        if alert is not None:
            yield from _fires(context, alert)
    context.until(lambda: _state(context, name, place)[0] == "True", SYNCS_S)
    state, reason = _state(context, name, place)
    yield seen(f"{what}, mended: Ready", "True", f"{state}, {reason}", state == "True", how)


def _fires(context: Context, alert: Manifest) -> Iterator[Observation]:
    expression = firing(alert)
    patience = duration(str(alert["for"])).total_seconds() + ALERTS_S
    context.told(f"waits up to {patience / 60:.0f} minutes for {alert['alert']}")
    found = context.until(lambda: context.prometheus.query(expression), patience, pause=15)
    yield seen(f"alert {alert['alert']}", "fires", "fires" if found else "does not", bool(found), expression)


def firing(alert: Manifest) -> str:
    """The series of an alert that fires."""
    labels: dict[str, Any] = {"alertname": alert["alert"], "alertstate": "firing"}
    labels |= {key: value for key, value in (alert.get("labels") or {}).items() if key.startswith("data_")}
    return "ALERTS{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def declared_alert(context: Context, name: str, target: str) -> Manifest:
    """An alert of the stack, about one target. Raises `UndecidedError` when there is none."""
    for rule in rules(context.stack.objects("PrometheusRule")):
        if rule.get("alert") == name and (rule.get("labels") or {}).get("data_target") == target:
            return dict(rule)
    raise UndecidedError(f"stack {context.stack.name} has no alert {name} about {target}")


def _dragonfly(context: Context) -> Iterator[Observation]:
    cache = context.stack.caches[0]
    secrets = {it["metadata"]["name"]: it for it in external_secrets(cache).values()}
    yield from _tried(context, secrets[cache.settings.auth_secret.name], None)


def _postgres(context: Context) -> Iterator[Observation]:
    postgres = context.stack.databases[0]
    first = postgres.applications[0]
    alert = declared_alert(context, "CnpgSecretNotSynced", f"{postgres.namespace}/{postgres.name}")
    yield from _tried(context, role_secrets(postgres)[first.name], alert)


CHECKS = (
    Check(
        "DFLY-INT-012",
        "has the ExternalSecret of one password ask for an entry that there is not, and puts it back; the Secret "
        "stays as it is",
        _dragonfly,
        Creates.DISRUPTIVE,
    ),
    Check(
        "DB.CNPG.SHARED-INT-012",
        "the same with one role's password, until the alert fires (some 20 minutes)",
        _postgres,
        Creates.DISRUPTIVE,
    ),
)
