"""docs/licences.md lists every dependency, in the version that is locked, with a licence that allows this use."""

import re

import pytest

from seawall import paths
from seawall.tools.catalog import MODULES, TOOLS
from seawall.tools.licences import COPYLEFT

PAGE = (paths.checkout() / "docs/licences.md").read_text()
LOCKED = re.findall(
    r"^([\w.-]+)==(\S+) (?!.*sys_platform == 'win32')",
    (paths.checkout() / "requirements-dev.txt").read_text(),
    re.M,
)
ROWS = {
    re.sub(r"[-_.]+", "-", name).lower(): (version, licence)
    for name, version, licence in re.findall(r"^\| (\S+) \| (\S+) \| (.+?) \|$", PAGE, re.M)
}
ALLOWED = re.compile(r"MIT|Apache|BSD|ISC|PSF|Python Software Foundation|MPL|Mozilla Public License 2.0|Unlicense|CNRI")


def test_every_locked_package_is_listed_in_a_locked_version() -> None:
    locked: dict[str, set[str]] = {}  # more than one version where the newest needs a newer Python
    for name, version in LOCKED:
        locked.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    assert len(locked) > 50
    assert [name for name in locked if ROWS.get(name, ("",))[0] not in locked[name]] == [], "run `make licences`"


@pytest.mark.parametrize("module", [*TOOLS, *MODULES], ids=lambda module: module.name)
def test_every_go_module_is_listed_in_its_version(module: object) -> None:
    assert f"| {module.module} | {module.version} | {module.licence} |" in PAGE, "run `make licences`"  # type: ignore[attr-defined]


def _not_allowed() -> set[str]:
    heads = {"module", "package", "-"}
    return {name for name, (_, licence) in ROWS.items() if name not in heads and not ALLOWED.search(licence)}


def test_every_licence_allows_this_use() -> None:
    assert _not_allowed() == set(COPYLEFT)


@pytest.mark.parametrize("name", COPYLEFT)
def test_copyleft_is_for_development_only_and_the_page_says_why(name: str) -> None:
    assert f"{name}: {COPYLEFT[name]}" in PAGE, "run `make licences`"
    users = (paths.checkout() / "requirements.txt").read_text()
    assert not re.search(rf"^{re.escape(name)}==", users, re.M)
