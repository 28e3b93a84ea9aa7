"""The plan of a card: the disk as it is, the image, and what would be written. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.flash.bmap import Extent, read_bmap
from deploy.flash.disk import Disk, inspect_disk
from deploy.flash.image import check_file_sha256, image_head, image_size
from deploy.flash.refusal import refuse_unfit
from deploy.flash.write import Source
from edge_agent.contracts.core.errors import ConfigError


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for.

    file_sha256: of the image file as downloaded. image_bytes, image_sha256: of the unpacked image,
    0 and empty where nothing states them.
    """

    image: Path
    device: str
    serial: str = ""
    bmap: Path | None = None
    file_sha256: str = ""
    image_bytes: int = 0
    image_sha256: str = ""


@dataclass(frozen=True)
class Plan:
    """A disk that was found fit, the image for it, and the first MiB of that image."""

    disk: Disk
    source: Source
    head: bytes
    serial: str


def make_plan(wanted: Wanted) -> Plan:
    """Check disk and image; raises DeviceError, ConfigError or InputError, and writes nothing."""
    disk = inspect_disk(wanted.device)
    refuse_unfit(disk, 0, wanted.serial)
    head = image_head(wanted.image)
    if wanted.file_sha256:
        check_file_sha256(wanted.image, wanted.file_sha256)
    source = _source(wanted)
    refuse_unfit(disk, source.image_bytes, wanted.serial)
    return Plan(disk, source, head, wanted.serial)


def _source(wanted: Wanted) -> Source:
    if wanted.bmap is None:
        size = wanted.image_bytes or image_size(wanted.image)
        return Source(wanted.image, size, (Extent(0, size),), wanted.image_sha256)
    blocks = read_bmap(wanted.bmap)
    if wanted.image_bytes not in (0, blocks.image_bytes):
        raise ConfigError(
            f"is for an image of {blocks.image_bytes} bytes, not {wanted.image_bytes}",
            where=str(wanted.bmap),
            cure="name the block map of this image",
        )
    return Source(wanted.image, blocks.image_bytes, blocks.extents, wanted.image_sha256)
