"""Words that several reports share."""

import re

from seawall.policy.findings import Finding, Outcome

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, whatever is written around them."""


def plain(text: str) -> str:
    """Text of anybody's files without what moves a terminal's cursor, colours it, or begins a line of a log."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def sentence(text: str) -> str:
    """With a full stop where none is."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def count(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def labelled(finding: Finding) -> str:
    """The message, with the outcome in front when it is no violation, as one line."""
    label = "" if finding.outcome is Outcome.VIOLATED else f"{finding.outcome.value}: "
    return label + sentence(plain(finding.message))


def marked(finding: Finding) -> str:
    """Why a finding does not fail, for a person; empty when nobody has said so."""
    if finding.waived is not None:
        return plain(finding.waived.text)
    return "in the baseline: known, accepted by nobody" if finding.known else ""


def for_xml(text: str) -> str:
    """Text that an XML document can hold."""
    return _NO_XML.sub("\ufffd", text)
