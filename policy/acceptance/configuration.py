"""A stack's policy configuration: the level of each rule and the waivers, in the one file that Pulumi reads as well.

The file is Pulumi's own (`--policy-pack-config`): JSON, policy name → a level, or a mapping with `enforcementLevel` and
the policy's properties. The waivers are the properties of the policy `SEAWALL-WAIVERS`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seawall.errors import UserError
from seawall.policy.acceptance.waivers import Waivers, nearest
from seawall.policy.estate.model import Origin
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, WAIVERS_POLICY, Level
from seawall.policy.rules import load

ALL = "all"
"""Pulumi's name for every policy at once."""
_LEVELS = {"mandatory": Level.MANDATORY, "advisory": Level.ADVISORY, "disabled": Level.DISABLED}
_NOT_OURS = frozenset({"environments"})
"""Keys beside the policies' that Pulumi reads itself."""


@dataclass(frozen=True)
class Configuration:
    """What a stack says about the rules."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    """Policy → level, as written."""
    waivers: Waivers = field(default_factory=Waivers)

    def level(self, policy: str) -> Level | None:
        """The level that is set for a policy, None when the rule's own holds."""
        return self.levels.get(policy, self.levels.get(ALL))


def known_policies() -> tuple[str, ...]:
    """The names that a configuration may hold."""
    return (*(rule.id for rule in load()), NOT_EVALUATED_POLICY, DEFERRED_POLICY, WAIVERS_POLICY)


def read(file: Path, *, ours: bool = True) -> Configuration:
    """The configuration in a file. Raises `UserError` that names every mistake in it, malformed waivers included.

    `ours=False` checks the form only, for a pack with other policies.
    """
    content = _content(file)
    mistakes: list[str] = []
    levels: dict[str, Level] = {}
    known = known_policies() if ours else ()
    for policy, given in content.items():
        if policy in _NOT_OURS:
            continue
        if known and policy not in (*known, ALL):
            mistakes.append(f"{policy}: there is no such policy.{nearest(policy, (*known, ALL))}")
        written = given.get("enforcementLevel") if isinstance(given, dict) else given
        if written is not None:
            level = _LEVELS.get(written) if isinstance(written, str) else None
            if level is None:
                mistakes.append(f"{policy}: the level must be one of {', '.join(_LEVELS)}")
            elif policy == WAIVERS_POLICY and ours:
                mistakes.append(f"{policy}: is always mandatory; remove the level")
            else:
                levels[policy] = level
        elif not isinstance(given, dict):
            mistakes.append(f"{policy}: must be a level ({', '.join(_LEVELS)}) or a mapping")
        if ours:
            mistakes += _unread(policy, given)
    waivers = _waivers(content.get(WAIVERS_POLICY), str(file)) if ours else Waivers()
    mistakes += [f"{WAIVERS_POLICY}: {p.what}: {p.message}" for p in waivers.problems]
    if mistakes:
        raise UserError("\n".join([f"{file}: {len(mistakes)} mistakes; docs/policy-pack.md has the form", *mistakes]))
    return Configuration(levels, waivers)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except OSError as problem:
        raise UserError(f"{file}: {problem.strerror or type(problem).__name__}") from None
    except json.JSONDecodeError as problem:
        raise UserError(f"{file}:{problem.lineno}:{problem.colno}: not valid JSON: {problem.msg}") from None
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{file}: not valid JSON: {problem}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: must be a JSON object, policy → level")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{key} is given twice")
    return dict(pairs)


def _unread(policy: str, given: Any) -> Iterator[str]:
    """Properties that no policy of the pack reads."""
    read_ones: Iterable[str] = ("version", "waivers") if policy == WAIVERS_POLICY else ()
    for key in given if isinstance(given, dict) else ():
        if key not in ("enforcementLevel", *read_ones):
            yield f"{policy}: nothing reads {key}"


def _waivers(given: Any, file: str) -> Waivers:
    if not isinstance(given, dict):
        return Waivers()
    from seawall.policy.acceptance.waiver_file import parse

    properties = {key: value for key, value in given.items() if key != "enforcementLevel"}
    return parse(properties, lambda _: Origin(file=file))
