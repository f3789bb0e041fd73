"""A project folder with a producer and a consumer, as the checkout's `infra` and `apps`, with things changed."""

import copy
from pathlib import Path
from typing import Any

import yaml
from stack_samples import changed

from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.consumers.services import consumed_services
from seawall.components.settings import SettingsError, StackSettings, load

Changes = tuple[tuple[str, Any], ...]


def project(folder: Path, *producer: tuple[str, Any]) -> Path:
    """The folder with `Pulumi.infra.yaml`, changed."""
    folder.mkdir(exist_ok=True)
    written = {"config": changed(*producer)}
    (folder / "Pulumi.infra.yaml").write_text(yaml.safe_dump(copy.deepcopy(written)))
    return folder


def consuming(folder: Path, producer: Changes = (), consumer: Changes = ()) -> StackSettings:
    """The consumer's settings, read with a changed producer beside it."""
    return load(changed(*consumer, stack="apps"), project(folder, *producer))


def refused(folder: Path, producer: Changes = (), consumer: Changes = ()) -> SettingsError:
    """The error that they give."""
    try:
        consuming(folder, producer, consumer)
    except SettingsError as error:
        return error
    raise AssertionError(f"{producer} and {consumer} were accepted")


def args(settings: StackSettings | None = None, **others: Any) -> SharedServiceConsumerArgs:
    """What the consumer side of `apps` is made from."""
    settings = settings or load(changed(stack="apps"))
    assert settings.producer is not None
    assert settings.consumers is not None
    given: dict[str, Any] = {
        "producer": settings.producer.platform.cluster,
        "platform": settings.platform,
        "services": consumed_services(settings.producer, settings.platform.cluster),
        "latency": settings.consumers.latency,
        **others,
    }
    return SharedServiceConsumerArgs(**given)
