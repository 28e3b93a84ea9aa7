"""The report's contact sheet: training pictures as the network gets them, augmentation by row."""

from __future__ import annotations

import math

import cv2
import numpy as np
from markupsafe import Markup

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.run_folder import files
from trainer.data.augment import augment
from trainer.models.architectures import architectures
from trainer.report.rendering import image_source, render
from trainer.run_folder.run import FittedRun

COLUMNS = 6
CELL_PX = 96
"""Side of the square with as many pixels as a picture of the sheet."""


def augmentations(run: FittedRun) -> Markup:
    """Six training pictures, as they are and under each augmentation; nothing of a model that
    learns them as they are.
    """
    names, inputs = run.config.image.augment, shown_inputs(run)
    if inputs is None or not len(inputs):
        return Markup()
    taken = inputs[np.linspace(0, len(inputs) - 1, COLUMNS).round().astype(int)]
    rng = np.random.default_rng(run.config.seed)
    batches = [("as taken", taken)]
    batches += [(name, augment(taken, [name], rng)) for name in names]
    batches += [("all together", augment(taken, names, rng)) for _ in range(2)]
    return render("augmentations.html", rows=[(name, _strip(batch)) for name, batch in batches])


def shown_inputs(run: FittedRun) -> Tensor | None:
    """The training pictures that the sheet is made of; None where there is no sheet."""
    model = architectures().get(run.config.model)
    varied = run.config.image.augment and (model is None or model.augments)
    is_image = isinstance(run.spec.input, ImageInput)
    there = (run.path / files.CALIBRATION).is_file()
    return run.calibration if is_image and varied and there else None


def _strip(batch: Tensor) -> str:
    narrow = math.sqrt(batch.shape[1] / batch.shape[2])
    wide, high = round(CELL_PX / narrow), round(CELL_PX * narrow)
    cells = [cv2.resize(image, (wide, high)).reshape(high, wide, -1) for image in batch]
    return image_source(np.hstack(cells))
