"""Where in the frame an image model looks: alignment, region, part and tiles, as configured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.image.alignment import make_alignment
from edge_agent.contracts.image.input import ImageInput, Region, Tiling, prepare_image
from trainer.config.fit import FitConfig
from trainer.data.image.lying import most_alike
from trainer.data.image.part_boxes import box_of_good
from trainer.data.prepare import InputSpec, read_picture
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split

LOOKED_AT = 60
"""Good training images of which the most typical becomes the reference."""

SMALL_TURN_DEG = 30.0
"""Up to that turn the mean of good parts still shows the part."""

THUMBNAIL = ImageInput(width_px=32, height_px=32, channels=1)


def framed(spec: InputSpec, split: Split, config: FitConfig) -> InputSpec:
    """`spec` with the region, tiles, alignment and box of the configuration; others as they are.

    Raises ConfigError where tiles would inherit the label of a part that they do not show, and
    where no part can be cut out.
    """
    if not isinstance(spec, ImageInput):
        return spec
    table = config.image
    tiles = Tiling(rows=table.tile_rows, columns=table.tile_columns, overlap=table.tile_overlap)
    if tiles.count > 1 and not split.dataset.config.good_only:
        raise ConfigError(
            "most tiles of a defective part show no defect",
            where="[image] tile_rows, tile_columns",
            cure='train on good parts only (task = "image-anomaly"), or take --model local: it '
            "keeps the aspect, scores cells of 8 px, and the worst one counts",
        )
    update: dict[str, object] = {
        "region": region_of(config),
        "tiles": tiles,
        "bit_depth": split.dataset.config.image.bit_depth,
    }
    if table.align:
        reference = read_picture(split.dataset, _reference(split, table.align_turn_deg))
        update["align"] = make_alignment(reference, table.align_turn_deg, table.align_shift)
    elif table.cut_out:
        update["cut_out"] = box_of_good(split.dataset, good_training(split), region_of(config))
    return spec.model_copy(update=update)


def region_of(config: FitConfig) -> Region:
    """The rectangle of the frame that is configured."""
    left, top, width, height = config.image.region
    return Region(left=left, top=top, width=width, height=height)


def typical(split: Split) -> int:
    """The good training image nearest to the mean of all of them, as small grey pictures."""
    good = good_training(split)
    chosen = good[:: max(1, len(good) // LOOKED_AT)]
    small = np.stack([_thumbnail(split.dataset, int(index)) for index in chosen])
    away = np.square(small - small.mean(axis=0)).sum(axis=(1, 2, 3))
    return int(chosen[int(away.argmin())])


def _reference(split: Split, turn_deg: float) -> int:
    """The mean of parts at any angle is a blur, and so would be the part that is nearest to it."""
    if turn_deg > SMALL_TURN_DEG:
        return most_alike(split.dataset, good_training(split))
    return typical(split)


def good_training(split: Split) -> Indices:
    """The good training samples; all of them where no label is good."""
    return good_of(split.dataset, split.train)


def good_of(dataset: Dataset, indices: Indices) -> Indices:
    """The good ones of these samples; all of them where none is good."""
    good = indices[~dataset.is_bad()[indices]]
    return good if len(good) else indices


def _thumbnail(dataset: Dataset, index: int) -> NDArray[np.float32]:
    return prepare_image(read_picture(dataset, index), THUMBNAIL).astype(np.float32)
