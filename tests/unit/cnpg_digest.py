"""A digest of what the real CloudNativePG operator and its barman plugin made of some cases, for tests without them.

The sandbox's fidelity test holds the digest against the real operator, so it cannot fall behind.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml
from cnpg_table import NOT_COMPARED, NOT_MADE_HERE, NOT_PROJECTED
from fidelity_cases import CASES
from fidelity_walk import Comparison, Key, Manifest, pruned
from stack_samples import CHECKOUT

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.model import Origin

FILE: Final = CHECKOUT / "tests" / "data" / "cloudnative-pg-1.30.0.yaml"
NAMESPACE: Final = "databases"
"""Stands for the namespace that a case had."""
DIGESTED: Final = (
    "services",
    "archive",
    "restore drill",
    "superuser and secrets of one's own",
    "monitored",
    "two poolers",
)
_HEAD: Final = """\
# What CloudNativePG 1.30.0 and the barman plugin 0.14.0 made on a real API server, without what no rule reads.
# Written by `make test`'s fidelity test, which says where the file is when this one is out of date.
"""


def key_of(manifest: Manifest) -> Key:
    """Kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]


def projected(manifests: Iterable[Manifest]) -> dict[Key, Manifest]:
    """What the estate says that the operator will make of these objects."""
    objects = [kube_object(manifest, Origin()) for manifest in manifests]
    estate = build(it for it in objects if it is not None)
    return {(made.kind, made.name): dict(made.manifest) for it in estate.declared for made in estate.made_of(it)}


def comparison() -> Comparison:
    """An empty comparison by the tables for CloudNativePG."""
    return Comparison(NOT_COMPARED, NOT_PROJECTED, NOT_MADE_HERE)


def digest(real: Mapping[Key, Manifest], namespace: str) -> list[Manifest]:
    """The objects of a case as the digest has them: no values of Secrets, nothing that is left out anyhow."""
    made = []
    for key in sorted(real):
        if any(entry.matches(key) for entry in NOT_PROJECTED):
            continue
        kept = pruned(real[key], NOT_COMPARED)
        if key[0] == "Secret":
            kept["data"] = dict.fromkeys(sorted(real[key]["data"]))
        if key == ("Role", "pg-barman-cloud"):
            kept["rules"] = real[key]["rules"]
        made.append(json.loads(json.dumps(kept).replace(f'"{namespace}"', f'"{NAMESPACE}"')))
    return made


def write(cases: Mapping[str, list[Manifest]]) -> str:
    """The text of the file."""
    documents = [{"case": name, "made": cases[name]} for name in DIGESTED]
    return _HEAD + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=118, default_flow_style=None)


def read() -> dict[str, dict[Key, Manifest]]:
    """Case → the objects that the real operator made."""
    documents = yaml.load_all(FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {it["case"]: {key_of(made): made for made in it["made"]} for it in documents}


def given(case: str) -> list[Manifest]:
    """The objects of a case, in the digest's namespace."""
    return [{**it, "metadata": {**it["metadata"], "namespace": NAMESPACE}} for it in CASES[case]]


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Equal parts are written out, so that a difference stands in one place."""
        return True
