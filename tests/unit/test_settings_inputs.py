"""`Pulumi.infra.yaml` says every value of the real input; the models describe every key."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from schemas import SHARED
from stack_samples import CHECKOUT, changed

from seawall.components.settings import StackSettings, load

CLUSTER = "cnpg.clusters.shared-postgres"
CACHE = "dragonfly.clusters.dragonfly"
RENAMED = {
    # where the input says it → where the stack says it
    "clusters.this": "platform.cluster",
    "clusters.peer": "platform.peers.0",
    "clusters.cni": "platform.cni",
    "clusters.cni_version": "platform.cni_version",
    "aws": "aws",
    "nodes": "platform.nodes",
    "secret_store": "platform.secret_store",
    "cert_manager": "platform.cert_manager",
    "observability": "platform.observability",
    "dragonfly.namespace": "dragonfly.namespace",
    "dragonfly.operator": "operators.dragonfly",
    "dragonfly.auth_secret.store": "platform.secret_store.name",
    "dragonfly.flags_today": f"{CACHE}.flags",
    "dragonfly.queue_clients": "dragonfly.clusters.dragonfly-queue.clients",
    "dragonfly": CACHE,
    "cnpg.namespace": "cnpg.namespace",
    "cnpg.operator": "operators.cnpg",
    "cnpg.storage.class": f"{CLUSTER}.storage.storage_class",
    "cnpg.synchronous.maxStandbyNamesFromCluster": f"{CLUSTER}.synchronous.max_standby_names",
    "cnpg.synchronous.dataDurability": f"{CLUSTER}.synchronous.data_durability",
    "cnpg.backup.compression": f"{CLUSTER}.backup.compression.data",
    "cnpg.backup.aws.region": "aws.region",
    "cnpg.backup.aws.encryption": f"{CLUSTER}.backup.encryption",
    "cnpg.secrets.store": "platform.secret_store.name",
    "cnpg.secrets.paths": f"{CLUSTER}.secrets.roles",
    "cnpg.secrets.fields.0": f"{CLUSTER}.secrets.role_fields.username",
    "cnpg.secrets.fields.1": f"{CLUSTER}.secrets.role_fields.password",
    "cnpg.secrets.backup_fields.0": f"{CLUSTER}.secrets.backup_fields.access_key",
    "cnpg.secrets.backup_fields.1": f"{CLUSTER}.secrets.backup_fields.secret_key",
    "cnpg": CLUSTER,
}
OURS_TO_CHOOSE = ("_pool_size", "parameters.max_connections")
"""Pool sizes and `max_connections` of the input do not fit together; the stack chooses them and says why."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its path; a list is one value, unless its elements are said one by one elsewhere."""
    apart = isinstance(value, list) and f"{path}.0" in RENAMED
    if isinstance(value, dict) or apart:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def translated(path: str) -> str:
    longest = max((old for old in RENAMED if path == old or path.startswith(f"{old}.")), key=len)
    return RENAMED[longest] + path[len(longest) :]


def at(config: dict[str, Any], path: str) -> Any:
    """The value at a dotted path of which a key may itself hold dots; ("nothing",) when there is none."""
    first, _, rest = path.partition(".")

    def find(place: Any, rest: str) -> Any:
        if not rest:
            return place
        if isinstance(place, list):
            index, _, further = rest.partition(".")
            return find(place[int(index)], further) if int(index) < len(place) else ("nothing",)
        for key in place if isinstance(place, dict) else ():
            if rest == key or rest.startswith(f"{key}."):
                return find(place[key], rest[len(key) + 1 :])
        return ("nothing",)

    return find(config.get(f"seawall:{first}"), rest)


def test_infra_says_every_value_of_the_input() -> None:
    file = SHARED / "infra-inputs.yaml"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    given = yaml.safe_load(file.read_text())
    given["dragonfly"].pop("tenants")  # a question, answered by the queue instance
    cluster = given["cnpg"].pop("cluster")
    config = changed()
    assert list(config["seawall:cnpg"]["clusters"]) == [cluster]
    missing = {}
    for path, value in leaves(given):
        if path.endswith(OURS_TO_CHOOSE):
            continue
        said = at(config, translated(path))
        if said != value and str(said) != str(value):
            missing[path] = f"input {value!r}, stack {said!r} at {translated(path)}"
    assert missing == {}


def test_what_the_stack_chooses_itself_fits() -> None:
    cnpg = load(changed()).cnpg
    assert cnpg is not None
    parameters = cnpg.clusters["shared-postgres"].parameters
    assert int(parameters["max_connections"]) > 0


def test_keys_are_described_and_given_defaults_in_the_model_alone() -> None:
    assert "config" not in yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())
    for name, field in StackSettings.model_fields.items():
        assert field.description, name


def test_the_sandbox_has_names_of_its_own() -> None:
    infra, sandbox = load(changed()), load(changed(stack="sandbox"))

    def names(settings: StackSettings) -> set[str]:
        dragonfly, cnpg, aws = settings.dragonfly, settings.cnpg, settings.aws
        assert dragonfly is not None
        assert cnpg is not None
        assert aws is not None
        return {dragonfly.namespace, cnpg.namespace, *aws.buckets, settings.platform.context}

    assert names(infra).isdisjoint(names(sandbox))
    assert sandbox.platform.context == "seawall-sandbox"


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_every_stack_file_turns_default_providers_off(stack: str) -> None:
    assert changed(stack=stack)["pulumi:disable-default-providers"] == ["*"]
