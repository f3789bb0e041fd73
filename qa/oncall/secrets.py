"""Are the secrets synced? By the External Secrets operator's word, and by the names of the keys that are there.

No value is asked for: the API server tells which fields each writer of a Secret has set, by name.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from seawall.operators.annotations import MANAGED_BY, MANAGED_BY_LABEL
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, EXTERNAL_SECRET, SECRET
from seawall.policy.report.text import plain
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.remarks import Remark, broken, fine, grave, page, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing, mappings, moment, span, texts
from seawall.qa.oncall.times import ago, from_the_future

NEEDED = (EXTERNAL_SECRET, CLUSTER, DRAGONFLY)
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LONGEST = 300
_SLACK = timedelta(minutes=10)


def ours(seen: Seen) -> list[Thing]:
    """The ExternalSecrets that belong to a service of ours: labelled so, or beside a Cluster or a Dragonfly."""
    beside = {it.namespace for kind in (CLUSTER, DRAGONFLY) for it in seen.of(kind)}
    return [
        it for it in seen.of(EXTERNAL_SECRET) if it.namespace in beside or it.labels.get(MANAGED_BY_LABEL) == MANAGED_BY
    ]


def answer(namespace: str, secrets: Iterable[Thing], seen: Seen) -> Answer:
    """The answer for one namespace."""
    mine = list(secrets)
    found = [remark for secret in mine for remark in _remarks(secret, seen)]
    missing = seen.missing(SECRET)
    if missing:
        found.append(told(f"by the operator's word alone: the Secrets themselves are not seen, {missing}"))
    count = f"all {len(mine)} are synced" if len(mine) > 1 else "it is synced"
    keys = "" if missing else ", with their keys" if len(mine) > 1 else ", with its keys"
    return weighed(
        Topic.SECRETS,
        namespace,
        found,
        command=f"{seen.kubectl} get externalsecrets -n {namespace}",
        summary=f"{count}{keys}",
        runbook=_page(namespace, seen),
    )


def _page(namespace: str, seen: Seen) -> str:
    if any(it.namespace == namespace for it in seen.of(CLUSTER)):
        return page("CnpgSecretNotSynced")
    if any(it.namespace == namespace for it in seen.of(DRAGONFLY)):
        return page("DragonflySecretNotSynced")
    return page("SharedServiceSecretNotSynced")


def _remarks(secret: Thing, seen: Seen) -> Iterator[Remark]:
    name, runbook = secret.name, _page(secret.namespace, seen)
    condition = secret.conditions.get("Ready")
    refreshed = secret.moment("status", "refreshTime")
    ahead = from_the_future(f"the last sync of {name}", refreshed, seen.now)
    target = list(_target(secret, seen, runbook))
    if condition is None:
        age = f" in {span(seen.now - secret.created)}" if secret.created is not None else ""
        yield unseen(f"{name}: the External Secrets operator has said nothing{age}; does it run?", runbook)
    elif condition.get("status") != "True":
        said = plain(f"{condition.get('reason', '')}: {condition.get('message', '')}")[:_LONGEST]
        since = moment(condition.get("lastTransitionTime"))
        when = f" since {ago(since, seen.now)}" if since is not None else ""
        yield broken(f"{name}: not synced{when}: {said}", runbook)
    elif ahead is not None:
        yield ahead
    else:
        yield _fresh(secret, refreshed, seen, runbook)
    yield from target


def _fresh(secret: Thing, refreshed: object, seen: Seen, runbook: str) -> Remark:
    """Whether the good word is young enough: an operator that is gone leaves its last word."""
    when, every = secret.moment("status", "refreshTime"), interval(secret.text("spec", "refreshInterval") or "1h")
    if when is None or refreshed is None:
        return fine(f"{secret.name}: synced; when, nobody says")
    late = every is not None and every > timedelta(0) and seen.now - when > 2 * every + _SLACK
    if late and secret.text("spec", "refreshPolicy") in ("", "Periodic"):
        return watch(
            f"{secret.name}: synced {ago(when, seen.now)}, should be every {span(every or 0)}: does the External "
            "Secrets operator run?",
            runbook,
        )
    return fine(f"{secret.name}: synced {ago(when, seen.now)}")


def _target(secret: Thing, seen: Seen, runbook: str) -> Iterator[Remark]:
    """Whether the Secret is there, with the keys that it should have."""
    if seen.missing(SECRET) or secret.text("spec", "target", "creationPolicy") == "None":
        return
    name = secret.text("spec", "target", "name") or secret.name
    there = seen.secret_keys.get((secret.namespace, name))
    if there is None:
        yield grave(f"{name}: the Secret is not there; pods that need it do not start", runbook)
        return
    wanted = _keys(secret)
    if wanted and not there:
        yield unseen(
            f"{name}: the Secret's keys are not seen, the API server does not remember who wrote them", runbook
        )
    elif lacking := sorted(wanted - there):
        yield grave(f"{name}: the Secret has no {', '.join(lacking)}", runbook)


def _keys(secret: Thing) -> set[str]:
    """The keys that the Secret should have, as far as they are written down."""
    data = {str(it.get("secretKey")) for it in mappings(secret.at("spec", "data"))}
    template = secret.at("spec", "target", "template")
    made = set(texts(template.get("data"))) if isinstance(template, dict) else set()
    if made and template.get("mergePolicy") != "Merge":
        return made
    return data | made


def interval(text: str) -> timedelta | None:
    """A length of time as Go writes it (`1h`, `1h30m0s`); None for any other."""
    if not re.fullmatch(r"([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h))+", text):
        return timedelta(0) if text == "0" else None
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)", text)
    return timedelta(seconds=min(sum(float(number) * _UNITS[unit] for number, unit in parts), 1e9))
