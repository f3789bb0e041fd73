"""The operators that are known, and which of them an image is."""

from collections.abc import Mapping
from typing import Literal

from seawall.operators import versions

Family = Literal["dragonfly", "cnpg", "barman"]
"""Dragonfly's operator, CloudNativePG and its barman plugin."""

TITLES: Mapping[Family, str] = {
    "dragonfly": "the Dragonfly operator",
    "cnpg": "the CloudNativePG operator",
    "barman": "the barman plugin",
}


def family_of_image(image: str) -> Family | None:
    """The operator whose image this is, wherever it is mirrored to; None when it is another image."""
    repository = image.partition("@")[0]
    head, _, last = repository.rpartition("/")
    return _IMAGES.get(f"{head.rpartition('/')[2]}/{last.partition(':')[0]}")


def _end(image: str) -> str:
    return "/".join(image.split("/")[-2:])


_IMAGES: Mapping[str, Family] = {
    _end(versions.DRAGONFLY_OPERATOR_IMAGE): "dragonfly",
    _end(versions.CNPG_OPERATOR_IMAGE): "cnpg",
    _end(versions.BARMAN_PLUGIN_IMAGE): "barman",
}
"""The last two parts of the images' names."""
