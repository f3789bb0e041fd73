"""What kustomizations say about the files of a folder, as far as it can be told without building them.

Sources of GitOps repositories often name no namespace: a `kustomization.yaml` gives it, or Flux's `targetNamespace`.
And some of their files are patches, parts of objects that look like whole ones. Building is left to `kustomize`.
"""

import os.path
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seawall.policy.estate.objects import KubeObject, Note
from seawall.policy.estate.projecting import RECONCILED

NAMES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_KUSTOMIZE = "kustomize.config.k8s.io"
_FLUX = "kustomize.toolkit.fluxcd.io"
_CHANGES = (
    *("patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "components", "helmCharts", "images"),
    *("namePrefix", "nameSuffix", "replicas", "secretGenerator", "configMapGenerator", "transformers", "labels"),
)
"""Fields by which a kustomization makes something else of the files that it names."""
_VARIABLE = re.compile(r"\$\{[A-Za-z_]")
_NAMED = 3
"""Objects that a note names; the others are counted."""


@dataclass
class Placed:
    """What kustomizations make of objects that were read."""

    objects: list[KubeObject]
    left_out: int = 0
    """Documents that were left out: parts of objects, and what is in no kustomization."""
    notes: list[Note] = field(default_factory=list)


def placed(things: list[KubeObject], unnamed: Mapping[str, Mapping[str, Any]], root: str) -> Placed:
    """The objects in the namespaces that kustomizations give them, without the patches.

    `unnamed` are the kustomizations that say neither `apiVersion` nor `kind`, by file; `root` is the folder.
    """
    own = {file: thing.manifest for thing in things if thing.group == _KUSTOMIZE and (file := thing.origin.file)}
    kustomizations = {_folder(file): content for file, content in {**unnamed, **own}.items()}
    flux = [thing for thing in things if thing.group == _FLUX and thing.kind == "Kustomization"]
    if not kustomizations and not flux:
        return Placed(things)
    tree = _Tree(kustomizations, {os.path.normpath(thing.origin.file) for thing in things if thing.origin.file})
    folders = {thing: list(_folders(_mapping(thing.manifest.get("spec")), tree, thing, root)) for thing in flux}
    tree.reached |= {folder for several in folders.values() for folder in several}
    for folder in sorted(kustomizations):
        if folder not in tree.reached:
            tree.enter(folder, None)
    tree.changed |= {
        thing.title for thing in flux if any(_mapping(thing.manifest.get("spec")).get(it) for it in _CHANGES)
    }
    for thing in sorted(flux, key=lambda one: _target(one) is None):
        for folder in folders[thing]:
            tree.enter(folder, _target(thing) or tree.namespace_of(thing))
    return _settle(things, tree)


def _target(thing: KubeObject) -> str | None:
    return _text(_mapping(thing.manifest.get("spec")).get("targetNamespace"))


def _settle(things: list[KubeObject], tree: "_Tree") -> Placed:
    made, several, nowhere, patches = Placed([]), [], [], 0
    unnamed: dict[str, KubeObject] = {}
    for thing in things:
        file = os.path.normpath(thing.origin.file or "")
        if file in tree.patches:
            made.left_out += 1
            patches += 1
            continue
        if tree.leaves_out(file):
            made.left_out += 1
            unnamed.setdefault(file, thing)
            continue
        given = tree.namespaces.get(file, set()) - {None}
        if thing.namespace and thing.group not in (_KUSTOMIZE, _FLUX):
            if len(given) == 1:
                thing = replace(thing, namespace=str(next(iter(given))))
            elif given and thing.group_kind in RECONCILED:
                several.append(thing)
            elif thing.group_kind in RECONCILED and not _names_one(thing):
                nowhere.append(thing)
        made.objects.append(thing)
    if tree.changed:
        made.notes.append(
            Note(
                f"what kustomizations change: {len(tree.changed)} of those here have patches, components or the like, "
                "which are not applied; check what `kustomize build` or `flux build` writes"
            )
        )
    if patches:
        several_patches = "1 patch" if patches == 1 else f"{patches} patches"
        made.notes.append(Note(f"{several_patches} of kustomizations: parts of objects, and left out"))
    if unnamed:
        names = ", ".join(list(unnamed)[:_NAMED])
        more = f" and {len(unnamed) - _NAMED} more" if len(unnamed) > _NAMED else ""
        made.notes.append(Note(f"what the kustomization of their folder does not name, left out: {names}{more}"))
    for found, why in (
        (several, "which several kustomizations put into different namespaces"),
        (nowhere, "which name no namespace, and no kustomization here gives them one"),
    ):
        if found:
            made.notes.append(Note(f"the namespace of {_listed(found)}, {why}: taken as {found[0].namespace}"))
    filled = [thing for thing in made.objects if _VARIABLE.search(thing.name)]
    if filled:
        made.notes.append(Note(f"what is substituted for ${{…}} in {_listed(filled)}: judged as written"))
    return made


class _Tree:
    """Which namespace each file gets, from the kustomizations that reach it."""

    def __init__(self, kustomizations: Mapping[str, Mapping[str, Any]], files: set[str]) -> None:
        self._kustomizations = kustomizations
        self._by_folder: dict[str, list[str]] = defaultdict(list)
        for file in files:
            self._by_folder[_folder(file)].append(file)
        for folder in kustomizations:
            self._by_folder.setdefault(folder, [])
        self._sorted = sorted(self._by_folder)
        self.namespaces: dict[str, set[str | None]] = defaultdict(set)
        self.reached: set[str] = set()
        """Folders that another kustomization names: they are no way in."""
        self.patches: set[str] = set()
        self.changed: set[str] = set()
        self._named: set[str] = set()
        for folder, content in kustomizations.items():
            self._note(folder, content)
        self._entered: set[tuple[str, str | None]] = set()

    def _note(self, folder: str, content: Mapping[str, Any]) -> None:
        named = set(_paths(folder, content))
        self._named |= named
        self.reached |= named & self._kustomizations.keys()
        if any(content.get(name) for name in _CHANGES):
            self.changed.add(folder)
        patches = [_text(entry) for entry in _list(content.get("patchesStrategicMerge"))]
        patches += [_text(_mapping(entry).get("path")) for entry in _list(content.get("patches"))]
        self.patches |= {_at(folder, path) for path in patches if path and "\n" not in path}

    def enter(self, folder: str, namespace: str | None) -> None:
        """A way in: a kustomization that is applied, or a folder that Flux applies."""
        waiting = [(folder, namespace)]
        while waiting:
            place = waiting.pop()
            if place in self._entered:
                continue
            self._entered.add(place)
            folder, namespace = place
            self.reached.add(folder)
            content = self._kustomizations.get(folder)
            if content is None:
                waiting += self._detect(folder, namespace)
                continue
            namespace = namespace or _text(content.get("namespace"))
            for path in _paths(folder, content):
                if path in self._kustomizations:
                    waiting.append((path, namespace))
                else:
                    self.namespaces[path].add(namespace)

    def _detect(self, folder: str, namespace: str | None) -> Iterator[tuple[str, str | None]]:
        """Flux takes every file of a folder without a kustomization, and the kustomizations inside it."""
        own: list[str] = []
        for place in self._below(folder):
            if own and place.startswith(f"{own[-1]}/"):
                continue
            if place in self._kustomizations:
                own.append(place)
                yield place, namespace
            else:
                for file in self._by_folder[place]:
                    self.namespaces[file].add(namespace)

    def _below(self, folder: str) -> Iterator[str]:
        """A folder, if it has files, and the folders inside it."""
        if folder in self._by_folder:
            yield folder
        for place in self._sorted[bisect_left(self._sorted, f"{folder}/") :]:
            if not place.startswith(f"{folder}/"):
                return
            yield place

    def namespace_of(self, thing: KubeObject) -> str | None:
        """The namespace that a Kustomization of Flux is given: where it names none for its objects, it is theirs.

        Repositories copy the one into the other with a replacement; without any namespace Flux would apply nothing.
        """
        given = self.namespaces.get(os.path.normpath(thing.origin.file or ""), set()) - {None}
        return next(iter(given)) if len(given) == 1 else None

    def leaves_out(self, file: str) -> bool:
        """Whether a file is beside a kustomization that lists others, as one that is commented out."""
        content = self._kustomizations.get(_folder(file))
        if content is None or not _list(content.get("resources")) or file in self._named:
            return False
        name = file.rpartition("/")[2]
        return name not in NAMES and not any(name in text for text in _texts(content))

    def knows(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return folder in self._kustomizations or next(self._below(folder), None) is not None


def _folders(spec: Mapping[str, Any], tree: _Tree, thing: KubeObject, root: str) -> Iterator[str]:
    """The folders that a Kustomization of Flux applies. Its path begins at the top of a repository, somewhere above."""
    path = os.path.normpath((_text(spec.get("path")) or ".").lstrip("/"))
    if path == ".":
        return
    parts = path.split("/")
    ways = [_at(top, path) for top in _above(thing.origin.file or "", root)]
    ways += [_at(root, *parts[first:]) for first in range(1, len(parts))]  # a part of a repository is checked
    folder = next((way for way in ways if tree.knows(way)), None)
    if folder is not None:
        yield folder
        for component in _list(spec.get("components")):
            yield _at(folder, _text(component) or ".")


def _above(file: str, root: str) -> Iterator[str]:
    """The folder that is checked, then those between it and a file."""
    root = os.path.normpath(root)
    yield root
    folder = _folder(file)
    while folder not in (root, "", ".", "/"):
        yield folder
        folder = folder.rpartition("/")[0]


def _at(*parts: str) -> str:
    return os.path.normpath("/".join(parts))


def _folder(file: str) -> str:
    return os.path.normpath(file.rpartition("/")[0] or ".")


def _paths(folder: str, content: Mapping[str, Any]) -> Iterator[str]:
    for name in ("resources", "bases", "components"):
        for entry in _list(content.get(name)):
            if isinstance(entry, str) and "://" not in entry:
                yield _at(folder, entry)


def _names_one(thing: KubeObject) -> bool:
    return _text(_mapping(thing.manifest.get("metadata")).get("namespace")) is not None


def _listed(things: Sequence[KubeObject]) -> str:
    named = ", ".join(f"{thing.kind} {thing.name}" for thing in things[:_NAMED])
    return f"{named} and {len(things) - _NAMED} more" if len(things) > _NAMED else named


def _texts(value: object) -> Iterator[str]:
    """Every text of a kustomization; it was read within the door's limits."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
