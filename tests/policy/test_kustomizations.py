"""Sources of GitOps repositories: their kustomizations say in which namespace things are, and what is only a patch."""

from pathlib import Path

import pytest

from seawall.cli.doors import open_folder
from seawall.policy.estate.doors.folder import read_folder

CACHE = "apiVersion: dragonflydb.io/v1alpha1\nkind: Dragonfly\nmetadata: {name: cache}\nspec: {replicas: 2}\n"
POLICY = CACHE.replace("dragonflydb.io/v1alpha1", "networking.k8s.io/v1").replace("Dragonfly", "NetworkPolicy")
FLUX = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
    "metadata: {name: cache, namespace: flux-system}\nspec: {path: ./clusters/apps/cache%s}\n"
)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def titles(root: Path) -> list[str]:
    return sorted(thing.title for thing in read_folder(root).objects if "ustomiz" not in thing.kind)


def notes(root: Path) -> str:
    return "\n".join(note.text for note in open_folder(str(root)).estate.notes)


def kustomization(text: str, kind: str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n") -> str:
    return f"{kind}{text}\n"


@pytest.mark.parametrize("kind", ["apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", ""])
def test_a_kustomization_gives_its_files_a_namespace(tmp_path: Path, kind: str) -> None:
    files = {
        "kustomization.yaml": kustomization("namespace: caches\nresources: [a, b.yaml]", kind),
        "a/kustomization.yml": kustomization("namespace: other\nresources: [./c.yaml]", kind),
        "a/c.yaml": CACHE,
        "b.yaml": POLICY.replace("name: cache", "name: cache, namespace: elsewhere"),
        "d/d.yaml": CACHE,
    }
    write(tmp_path, files)
    assert titles(tmp_path) == ["Dragonfly caches/cache", "Dragonfly default/cache", "NetworkPolicy caches/cache"]
    said = notes(tmp_path)
    assert "the namespace of Dragonfly cache, which name no namespace" in said


@pytest.mark.parametrize("kustomized", [True, False])
def test_flux_gives_a_folder_a_namespace(tmp_path: Path, kustomized: bool) -> None:
    files = {
        "clusters/apps/ks.yaml": FLUX % ", targetNamespace: caches",
        "clusters/apps/kustomization.yaml": kustomization("namespace: apps\nresources: [ks.yaml]"),
        "clusters/apps/cache/cache.yaml": CACHE,
        "clusters/apps/cache/deeper/policy.yaml": POLICY,
        "clusters/apps/cache-of-others/cache.yaml": CACHE,
    }
    if kustomized:
        files["clusters/apps/cache/kustomization.yaml"] = kustomization("resources: [cache.yaml, deeper/policy.yaml]")
    write(tmp_path, files)
    assert titles(tmp_path) == ["Dragonfly caches/cache", "Dragonfly default/cache", "NetworkPolicy caches/cache"]


def test_the_namespace_of_a_kustomization_of_flux_is_copied(tmp_path: Path) -> None:
    files = {
        "clusters/all.yaml": (FLUX % "").replace("/cache}", "}"),
        "clusters/apps/caches/kustomization.yaml": kustomization("namespace: caches\nresources: [ks.yaml]"),
        "clusters/apps/caches/ks.yaml": (FLUX % "").replace("apps/cache", "apps/caches/cache"),
        "clusters/apps/caches/cache/a/cache.yaml": CACHE,
        "clusters/apps/caches/cache/b/kustomization.yaml": kustomization("resources: [policy.yaml]"),
        "clusters/apps/caches/cache/b/policy.yaml": POLICY,
        "clusters/apps/caches/cache/b/unused.yaml": CACHE.replace("name: cache", "name: unused"),
    }
    write(tmp_path, files)
    expected = ["Dragonfly caches/cache", "NetworkPolicy caches/cache"]
    assert titles(tmp_path) == expected


@pytest.mark.parametrize("checked", [".", "clusters", "clusters/apps", ".."])
def test_the_folder_that_is_checked_may_be_above_or_below_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked: str
) -> None:
    repository = tmp_path / "repositories" / "one"
    write(repository, {"clusters/apps/ks.yaml": FLUX % ", targetNamespace: caches"})
    write(repository, {"clusters/apps/cache/cache.yaml": CACHE})
    monkeypatch.chdir(repository)
    assert titles(Path(checked)) == ["Dragonfly caches/cache"]
    assert titles((repository / checked).resolve()) == ["Dragonfly caches/cache"]


def test_two_namespaces_are_said(tmp_path: Path) -> None:
    files = {
        f"{place}/kustomization.yaml": kustomization(f"namespace: {place}\nresources: [../base]") for place in "ab"
    }
    files["base/kustomization.yaml"] = kustomization("resources: [cache.yaml]")
    files["base/cache.yaml"] = CACHE
    write(tmp_path, files)
    assert titles(tmp_path) == ["Dragonfly default/cache"]
    assert "the namespace of Dragonfly cache, which several kustomizations put into different" in notes(tmp_path)


@pytest.mark.parametrize("field", ["patches: [{path: patch.yaml}]", "patchesStrategicMerge: [patch.yaml]"])
def test_a_patch_is_no_object(tmp_path: Path, field: str) -> None:
    patch = CACHE.replace("replicas: 2", "replicas: 1")
    write(tmp_path, {"base/cache.yaml": CACHE, "over/patch.yaml": patch, "over/not.json": "[{}]"})
    write(tmp_path, {"base/kustomization.yaml": kustomization("resources: [cache.yaml]")})
    write(tmp_path, {"over/kustomization.yaml": kustomization(f"resources: [../base]\n{field}")})
    (cache,) = (thing for thing in read_folder(tmp_path).objects if thing.kind == "Dragonfly")
    assert cache.at("spec", "replicas").integer() == 2
    said = notes(tmp_path)
    assert "1 patches" not in said and "1 patch of kustomizations" in said
    assert "what kustomizations change: 1 of those here" in said


def test_the_patches_of_flux_are_said(tmp_path: Path) -> None:
    write(tmp_path, {"apps/cache.yaml": CACHE})
    flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux}\n"
    write(tmp_path, {"flux.yaml": f"{flux}spec: {{path: ./apps, targetNamespace: a}}\n"})
    assert "what kustomizations change" not in notes(tmp_path)
    patch = "{patch: '[{op: remove, path: /spec/replicas}]', target: {kind: Dragonfly}}"
    write(tmp_path, {"flux.yaml": f"{flux}spec: {{path: ./apps, targetNamespace: a, patches: [{patch}]}}\n"})
    assert "what kustomizations change: 1 of those here" in notes(tmp_path)


def test_a_file_that_is_commented_out_is_not_applied(tmp_path: Path) -> None:
    write(tmp_path, {"kustomization.yaml": kustomization("resources: [a.yaml, ../x]\ncrds: [./c.yaml]\n# - b.yaml")})
    write(tmp_path, {name: CACHE.replace("name: cache", f"name: {name[0]}") for name in ("a.yaml", "b.yaml", "c.yaml")})
    write(
        tmp_path, {"sub/d.yaml": CACHE.replace("name: cache", "name: d"), "s/kustomization.yaml": kustomization("x: y")}
    )
    write(tmp_path, {"s/e.yaml": CACHE.replace("name: cache", "name: e")})
    assert titles(tmp_path) == [f"Dragonfly default/{name}" for name in "acde"]
    assert f"what the kustomization of their folder does not name, left out: {tmp_path}/b.yaml" in notes(tmp_path)


def test_two_kustomizations_that_name_each_other_lose_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a/kustomization.yaml": kustomization("resources: [../b, a.yaml]"), "a/a.yaml": CACHE})
    write(tmp_path, {"b/kustomization.yaml": kustomization("resources: [../a, b.yaml]"), "b/b.yaml": POLICY})
    assert titles(tmp_path) == ["Dragonfly default/cache", "NetworkPolicy default/cache"]


def test_variables_of_flux_are_said(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": CACHE.replace("name: cache", 'name: "${APP}-cache"')})
    write(tmp_path, {"kustomization.yaml": kustomization("namespace: a\nresources: [a.yaml]")})
    assert "what is substituted for ${…} in Dragonfly ${APP}-cache" in notes(tmp_path)


def test_junk_in_kustomizations_and_circles(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "kustomization.yaml": kustomization("resources: [., a, 3, {}]\npatches: [3, {path: 3}]\nnamespace: [x]"),
            "a/kustomization.yaml": kustomization("resources: ['..', https://example.org/x]\npatches: no"),
            "b/kustomization.yaml": "[]",
            "b/a.yaml": CACHE,
            "ks.yaml": (FLUX % "").replace("spec: {path: ./clusters/apps/cache}", "spec: []"),
            "ks2.yaml": (FLUX % "").replace("./clusters/apps/cache", "/../../etc"),
        },
    )
    assert titles(tmp_path) == ["Dragonfly default/cache"]


def test_a_folder_without_kustomizations_is_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": CACHE})
    assert titles(tmp_path) == ["Dragonfly default/cache"]
    assert "kustomization" not in notes(tmp_path)
