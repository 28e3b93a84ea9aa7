"""The report's contact sheet: training pictures as the network is given them, variation by row."""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.contracts.image.input import ImageInput
from trainer.data.augment import augment
from trainer.report.sections.mistakes import image_element
from trainer.run_folder.reading import read_inputs
from trainer.run_folder.run import Run

COLUMNS = 6
CELL_PX = 96


def contact_sheet(run: Run) -> str:
    """Six training pictures, as they are and under each variation; "" without pictures."""
    names = run.config.image.augment
    file = run.path / "calibration.npz"
    if not isinstance(run.spec.input, ImageInput) or not names or not file.is_file():
        return ""
    inputs, _ = read_inputs(file, run.spec.input.shape)
    if inputs.dtype != np.uint8 or not len(inputs):
        return ""
    places = np.linspace(0, len(inputs) - 1, COLUMNS).round().astype(int)
    taken = inputs[places]
    rng = np.random.default_rng(run.config.seed)
    rows = [("as taken", taken)]
    rows += [(name, augment(taken, [name], rng)) for name in names]
    rows += [("all together", augment(taken, names, rng)) for _ in range(2)]
    sheet = "".join(f"<tr><th>{name}</th><td>{_strip(batch)}</td></tr>" for name, batch in rows)
    said = (
        "Training pictures were varied like this, anew in every epoch. Each variation must leave "
        "the label true: if a person would call a part differently after one, take it out of "
        "<code>augment</code>."
    )
    return f"<h2>Variations in training</h2><p>{said}</p><table>{sheet}</table>"


def _strip(batch: np.ndarray) -> str:
    cells = [cv2.resize(image, (CELL_PX, CELL_PX)).reshape(CELL_PX, CELL_PX, -1) for image in batch]
    return image_element(np.hstack(cells))
