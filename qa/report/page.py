"""The content as one HTML page that asks nobody for anything: style, script and data are in it; nothing else runs."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from seawall.qa.report import graph
from seawall.qa.report.content import Content
from seawall.qa.report.data import to_data
from seawall.qa.report.standings import WHAT_A_RISK_IS, WHAT_COUNTS

FOLDER = Path(__file__).parent / "page"
SCRIPTS = ("dom", "data", "panel", "matrix", "picture", "filter", "theme", "keys", "start")
"""Files of the page's script, in the order in which they are joined."""
STORES = 24
"""Stores whose matrix is there without a script; a script shows the others, as many at a time."""
BANDS = 24
"""Pictures that are there without a script."""
FINDINGS = 2000
"""Findings that are listed, the worst first; the others are counted."""
SHORT = 6
"""Stores on the first screen."""
NEXT = 2
"""What is to be done, of each gate, on the first screen; the rest is behind a click, with the reasons."""


def page(content: Content) -> str:
    """The page."""
    style = _joined(["page.css"])
    script = _joined([f"{name}.js" for name in SCRIPTS])
    drawn = graph.groups(content.reach)
    return (
        _environment()
        .get_template("page.html")
        .render(
            content=content,
            groups=drawn,
            graph=graph,
            limits={"stores": STORES, "bands": BANDS, "findings": FINDINGS, "short": SHORT, "next": NEXT},
            namespaces=_namespaces(content),
            what_counts=WHAT_COUNTS,
            what_a_risk_is=WHAT_A_RISK_IS,
            states={test.id: test.state for test in content.tests},
            risk_ids={risk.id for risk in content.risks},
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own files
            data=Markup(embedded(to_data(content, drawn))),  # noqa: S704 - cannot end the element that it is in
            policy=security_policy(style, script),
        )
    )


def security_policy(style: str, script: str) -> str:
    """The Content-Security-Policy: no request at all, and only this style and this script."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def embedded(data: Any) -> str:
    """JSON that stays JSON inside of an HTML element: nothing in it can end the element or begin another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def anchor(kind: str, name: str) -> str:
    """The id of what a link leads to: `risk=DFLY-SEC-001`."""
    return f"{kind}={quote(name.replace(' ', '/'), safe='/-._~:')}"


def shortened(text: str, letters: int) -> str:
    """A text that fits into a box of the picture."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def ticked(text: str) -> Markup:
    """A sentence whose `commands` are set as code; every other sign stays what it is.

    A command breaks between its words alone: a line that ends with `--` is hard to read and to type.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(_code(part) if at % 2 else escape(part) for at, part in enumerate(parts))


def _code(command: str) -> Markup:
    words = (Markup("<span>{}</span>").format(word) if "-" in word else escape(word) for word in command.split(" "))
    return Markup("<code>{}</code>").format(Markup(" ").join(words))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _joined(names: list[str]) -> str:
    return "".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def _namespaces(content: Content) -> list[str]:
    found = {store.namespace for store in content.reach.stores} | {each.namespace for each in content.findings}
    found |= {row.application.partition(" in ")[0] for store in content.reach.stores for row in store.rows}
    return sorted(found - {""})


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["anchor"] = lambda name, kind: anchor(kind, name)
    made.filters["shortened"] = shortened
    made.filters["ticks"] = ticked
    made.filters["service"] = lambda name: _SERVICES[name]
    made.filters["counted"] = lambda number, noun: f"{number:,} {noun}{'' if number == 1 else 's'}"
    return made


_SERVICES: Mapping[str, str] = {"dragonfly": "Dragonfly", "cnpg": "PostgreSQL", "platform": "platform"}
