"""The page that lists every rule of the policy pack, and what the other pages say of rules."""

from collections.abc import Sequence

from seawall.pages import markdown
from seawall.pages.traceability import link
from seawall.policy.acceptance import waivers
from seawall.policy.findings import Rule

SOURCE = "policy/rules/"
_HEAD = ("rule", "what it demands", "severity", "by default", "risks", "looks at")
_SERVICES = {"DFLY": "Dragonfly", "CNPG": "CloudNativePG"}


def page(rules: Sequence[Rule]) -> str:
    """The page."""
    return markdown.page(
        SOURCE,
        "Rules",
        "What the policy pack finds; each page says what goes wrong, what is found, and how to mend it. Rules named "
        "after a risk of QA are that risk's; those with SW in their name are this project's own. A stack sets the "
        "level of each: [the policy pack](../policy-pack.md). What each catches in the stacks of this repository: "
        "[kill matrix](../kill-matrix.md).",
        *(
            part
            for prefix, service in _SERVICES.items()
            for part in (f"## {service}", _table([rule for rule in rules if rule.id.startswith(f"{prefix}-")]))
        ),
        "## The pack itself",
        _table([waivers.RULE]),
    )


def _table(rules: Sequence[Rule]) -> str:
    rows = [
        (
            f"[{rule.id}]({rule.id}.md)",
            rule.title,
            f"{rule.severity} ({rule.score})",
            "mandatory" if rule.mandatory else "advisory",
            ", ".join(link(risk, "../traceability.md") for risk in rule.risks),
            ", ".join(dict.fromkeys(kind.rpartition(":")[2] for _, kind in rule.kinds)),
        )
        for rule in rules
    ]
    return markdown.table(_HEAD, rows)
