"""What the two stories of QA ask for: where it is made, how it is checked, what is decided and what is open."""

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.operators.annotations import THIS_CLUSTER
from seawall.pages import commands, markdown
from seawall.pages.recording import Registered
from seawall.pages.stacks import Stack
from seawall.pages.traceability import decisions, link
from seawall.qa.register import Register, Service, service

TRACEABILITY = "../traceability.md"
NOBODY = "default"
"""A namespace that is nobody's client."""


def page(which: Service, title: str, register: Register, *parts: str) -> str:
    """A story: its own parts, then what both have: what is built instead, decisions, tests, gate."""
    return markdown.page(
        "the stack files, the rendered stacks and qa/register.yaml",
        title,
        *parts,
        "## Built instead of what was proposed",
        "Where the proposed fix would not do what it is for, its intent is built:",
        instead(which, register),
        "## Decisions",
        "A decision that nobody has signed is open; what is chosen is built until somebody decides otherwise.",
        decisions({name: it for name, it in register.decisions.items() if which in it.services}, TRACEABILITY),
        "## Tests",
        tests(which, register),
        f"Gate: {register.gate.rule}",
    )


def instead(which: Service, register: Register) -> str:
    """The risks of a service whose proposed fix was replaced."""
    rows = [
        (link(name, TRACEABILITY), risk.title, risk.instead or "", risk.why_instead or "")
        for name, risk in register.risks.items()
        if service(name) == which and risk.instead
    ]
    return markdown.table(("risk", "what goes wrong", "built", "why"), rows)


def tests(which: Service, register: Register) -> str:
    """The tests of a service."""
    rows = [
        (link(name, TRACEABILITY), test.priority, ", ".join(test.needs), test.expect)
        for name, test in register.tests.items()
        if service(name) == which
    ]
    return markdown.table(("test", "priority", "needs", "what must be seen"), rows)


def links(stack: Stack, rows: Sequence[tuple[str, str, str, str]]) -> str:
    """Where each file that was proposed has gone: (proposal, object, component, its section of the reference)."""
    return "\n\n".join(
        [
            f"`make render STACK={stack.name}` writes every object as a file; `Pulumi.{stack.name}.yaml` decides what "
            "is in it.",
            markdown.table(
                ("proposed", "made as", "by", "decided in"),
                [
                    (
                        proposed,
                        made,
                        f"[{component}](../components/{component}.md)",
                        f"[seawall:{section}](../reference/{section}.md)",
                    )
                    for proposed, made, component, section in rows
                ],
            ),
        ]
    )


def shown(stack: Stack, kind: str, name: str) -> str:
    """An object as it is rendered."""
    return markdown.yaml_block(found(stack, kind, name).inputs)


def found(stack: Stack, kind: str, name: str) -> Registered:
    """The object of that kind and name. Raises `LookupError` when the stack does not make it."""
    for it in stack.recording.resources:
        if it.kind == kind and it.object_name == name:
            return it
    raise LookupError(f"the stack {stack.name} makes no {kind}/{name}")


def walls(
    clients: Mapping[str, Sequence[str]],
    strangers: Mapping[str, Sequence[str]],
    host: str,
    port: int,
    known: Mapping[str, str],
) -> str:
    """Commands from every client namespace, which must connect, and from others, which must not.

    `clients` and `strangers` are namespaces by cluster, `known` the clusters' contexts.
    """
    lines: list[str] = []
    for heading, groups in (("must connect", clients), ("must not connect", strangers)):
        tried = [
            commands.connects(commands.context(cluster, known), namespace, host, port)
            for cluster, namespaces in groups.items()
            for namespace in namespaces
        ]
        lines += [f"# {heading}", *tried] if tried else []
    return markdown.block("\n".join(lines), "sh")


def alerts(stack: Stack, rule: str) -> str:
    """The alerts of a PrometheusRule, each with its runbook page."""
    groups: list[dict[str, Any]] = found(stack, "PrometheusRule", rule).inputs["spec"]["groups"]
    rows = [
        (
            f"[{it['alert']}](../runbooks/{it['alert']}.md)",
            it["labels"]["severity"],
            it.get("for", "0m"),
            it["annotations"]["summary"],
        )
        for group in groups
        for it in group["rules"]
        if "alert" in it
    ]
    return markdown.table(("alert", "severity", "after", "says"), rows)


Clients = Mapping[str, Sequence[str]]
"""Cluster → namespaces."""


def by_cluster(clients: Clients, here: str) -> dict[str, Sequence[str]]:
    """Clients with their cluster's name in the mesh, `this` spelt out, the own cluster first."""
    spelt = {here if cluster == THIS_CLUSTER else cluster: namespaces for cluster, namespaces in clients.items()}
    return dict(sorted(spelt.items(), key=lambda pair: pair[0] != here))


def strangers(clients: Clients, others: Sequence[Clients], clusters: Sequence[str]) -> dict[str, Sequence[str]]:
    """Who must not get in: the clients of the other services that are not clients of this one, and a namespace on each
    cluster that is nobody's client. All with their clusters' names in the mesh."""
    found: dict[str, list[str]] = {cluster: [NOBODY] for cluster in clusters}
    for other in others:
        for cluster, namespaces in other.items():
            here = found.setdefault(cluster, [])
            here += [it for it in namespaces if it not in here and it not in clients.get(cluster, ())]
    return dict(found)
