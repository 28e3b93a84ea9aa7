"""The golden pictures of a bundle: what a fit frame of this line looks like."""

from __future__ import annotations

from pathlib import PurePosixPath

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.decode import IMAGE_SUFFIXES, decode_image
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import Bundle


def golden_pictures(bundle: Bundle) -> list[Image]:
    """The decoded pictures of the bundle's golden folder, by name; raises InputError."""
    taken = bundle.manifest.spec.input
    depth = taken.bit_depth if isinstance(taken, ImageInput) else None
    names = sorted(name for name in bundle.files if name.startswith("golden/"))
    return [
        decode_image(bundle.files[name], f"{bundle.title}: {name}", depth)
        for name in names
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    ]
