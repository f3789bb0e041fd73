"""Which files are mutated: everything of the pack that decides what is found."""

from pathlib import Path

NOT_OURS = {
    "__init__.py": "loads; has no verdict",
    "policy/__main__.py": "starts the server",
    "policy/report/": "writes what was found",
    "policy/reachability/matrix_text.py": "writes what was found",
    "policy/serving.py": "the engine's protocol",
    "policy/collector.py": "the garbage collector's settings",
    "policy/checking.py": "the command line's side",
    "policy/acceptance/configuration.py": "reads levels; blocks or not, finds the same",
    "policy/acceptance/baseline.py": "compares with an older run",
    "policy/acceptance/waivers.py": "what is excused, after it was found",
    "policy/acceptance/waiver_file.py": "what is excused, after it was found",
    "policy/estate/doors/": "read YAML, a stack's state, a cluster, the engine's messages",
    "policy/second_core.py": "runs the rules in two processes; they find the same",
    "policy/carrying.py": "carries what was found between two processes",
}
"""What is not mutated, by the end of its path or the folder that it is in, and what it is for."""


def files(root: Path) -> list[str]:
    """The files that are mutated, from the root of the repository."""
    found = (str(path.relative_to(root)) for path in sorted((root / "policy").rglob("*.py")))
    return [file for file in found if not any(file.startswith(each) or file.endswith(each) for each in NOT_OURS)]
