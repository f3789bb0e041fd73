"""docs/kill-matrix.md: every case of the kill matrix, by rule. Run as a program it writes the page.

What the page says is asserted by `test_kill_matrix.py`, case by case.
"""

from collections import Counter
from importlib import import_module
from itertools import groupby
from pathlib import Path

from kill import Kill

from seawall.policy.rules import load

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "kill-matrix.md"
INTRO = """# Kill matrix
The stacks `infra` and `apps` are clean: no rule finds anything in them. Each line below breaks one of them in one
place, as people do, and names the rule that catches it. No other rule fires, except where a second one is right as
well; then the reason is given. Every line is a test (`tests/policy/test_kill_matrix.py`); this page is written by
`make kill-matrix`.
"""


def cases() -> list[Kill]:
    """The cases of all files `kill_<what>.py`, those of one rule together."""
    modules = sorted(path.stem for path in HERE.glob("kill_*.py") if path.stem != Path(__file__).stem)
    found = [case for module in modules for case in import_module(module).CASES]
    return sorted(found, key=lambda case: (case.rule, case.stack, case.what))


def page() -> str:
    """The page's text."""
    rules = {rule.id: rule for rule in load()}
    found = cases()
    stacks = Counter(case.stack for case in found)
    counted = " and ".join(f"{number} of `{stack}`" for stack, number in sorted(stacks.items()))
    lines = [INTRO, f"{len(found)} changes ({counted}), {len(rules)} rules.", ""]
    for rule, group in groupby(found, key=lambda case: case.rule):
        lines += [
            f"## [{rule}](rules/{rule}.md): {rules[rule].title}",
            "",
            "| stack | change | also caught by |",
            "|---|---|---|",
        ]
        for case in group:
            also = "; ".join(f"{other}: {reason}" for other, reason in sorted(case.also.items()))
            lines.append(f"| {case.stack} | {_cell(case.what)} | {_cell(also)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
