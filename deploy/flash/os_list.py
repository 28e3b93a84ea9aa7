"""An image's entry in a list of images (os_list), as Raspberry Pi publishes it.

`init_format` states how the image is customised at first boot. Nothing in an image tells it
reliably, and a wrong one fails unseen on the board: so it is read here and never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from edge_agent.contracts.core.errors import ConfigError

InitFormat: TypeAlias = Literal[
    "systemd", "cloudinit", "cloudinit-rpi", "cloudinit-nocloud", "lineside"
]
"""systemd: firstrun.sh by the kernel's command line. cloudinit, cloudinit-rpi: user-data on the
boot partition. cloudinit-nocloud is ours, for Debian's images: the same, and the label CIDATA.
lineside: an appliance of `lineside-deploy image`, whose own unit runs the script."""


@dataclass(frozen=True)
class Entry:
    """extract_bytes, extract_sha256: of the unpacked image, 0 and empty where it does not state."""

    name: str
    init_format: InitFormat
    extract_bytes: int
    extract_sha256: str
    file_sha256: str


def find_entry(path: Path, image: Path) -> Entry:
    """The entry whose url ends in the image's file name; raises ConfigError."""
    try:
        entries = list(_entries(json.loads(path.read_bytes()).get("os_list", [])))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        cure = "a JSON file with os_list, as os_list_imagingutility_v4.json"
        raise ConfigError(f"no list of images ({error})", where=str(path), cure=cure) from error
    found = [one for one in entries if str(one.get("url", "")).rpartition("/")[2] == image.name]
    if len(found) != 1:
        raise ConfigError(
            f"has {len(found)} entries whose url ends in {image.name}, one is needed",
            where=str(path),
            cure="name the image as it was downloaded, with the list it came from",
        )
    return _entry(found[0], path)


def _entries(found: object) -> Iterator[dict[str, object]]:
    """The entries of the list and of every group in it."""
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict):
            yield one
            yield from _entries(one.get("subitems"))


def _entry(found: dict[str, object], path: Path) -> Entry:
    init = found.get("init_format", "none")
    known = next((name for name in get_args(InitFormat) if name == init), None)
    size = found.get("extract_size", 0)
    if known is None or not isinstance(size, int):
        raise ConfigError(
            f"init_format of {found.get('name')} is {init!r}: this image cannot be customised",
            where=str(path),
            cure=f"use an image with one of {', '.join(get_args(InitFormat))}",
        )
    sums = (str(found.get(name, "")) for name in ("extract_sha256", "image_download_sha256"))
    return Entry(str(found.get("name", "")), known, size, *sums)
