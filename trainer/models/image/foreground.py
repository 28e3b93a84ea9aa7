"""The foreground of a picture: which places show the part, learnt from good parts alone.

The cells at the frame's edge show what a part lies on, those in the middle show the part. A linear
discriminant (Fisher, Annals of Eugenics 7, 1936) of low features separates the two; then each good
picture's cells are sorted by it, what is not joined to the frame's edge counts as part, and it is
fitted again. A place that no good part leaves uncovered is always scored: a hole in a part, or a
piece that is missing, looks like the background there. A place far from where any part has been is
never scored, whatever lies there. Between them the look of the cell decides, and the neighbours of
the part are scored with it: what sticks out of a part, or lies beside it, is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.models.image.feature_maps import FEATURES, Floats

if TYPE_CHECKING:
    import keras

ForegroundChoice = Annotated[
    Literal["auto", "on", "off"],
    Field(
        description="score only where the part is: on, off, or where synthetic defects are found "
        "better so"
    ),
]

ROUNDS = 8
RIDGE = 0.01
"""Added to the covariance, as a share of its mean variance."""

MIDDLE = 0.2
"""Radii of the ellipse of cells that show the part for certain, as shares of the sides."""

LEAST_BACKGROUND = 0.2
"""Of the cells one step from the frame's edge. The outermost ones always differ, because beyond
them there is nothing.
"""

MOST_BACKGROUND = 0.9
ALWAYS = 0.995
"""Share of good parts that counts as all of them."""

GROWN = 1
"""Cells around the part in a picture, and around all places of good parts, that are scored too."""

AROUND = np.ones((2 * GROWN + 1,) * 2, np.uint8)

SOFT = 4.0
"""Log odds over which a cell goes from background to part."""

LOOK = f"{FLOAT_PREFIX}foreground_look"
PLACES = f"{FLOAT_PREFIX}foreground_places"
MASKED = f"{FLOAT_PREFIX}foreground_masked"
ABOVE, FLOOR = f"{FLOAT_PREFIX}foreground_above", f"{FLOAT_PREFIX}foreground_floor"


@dataclass(frozen=True)
class Ground:
    """What is background. kernel: (C,), bias: so that x kernel + bias are the log odds that a cell
    x shows the part; uncovered: (G, H) share of good parts that leave each place to the background.
    """

    kernel: Floats
    bias: float
    uncovered: Floats

    def look(self) -> tuple[Floats, np.float32]:
        """Kernel (C,) and bias that give 0 for background and 1 for part when cut at both."""
        return self.kernel / np.float32(SOFT), np.float32(0.5 + self.bias / SOFT)

    def places(self) -> Floats:
        """(G, H): 1 where every good part is, -1 where none is, 0 where the look says."""
        always, never = self.uncovered <= 1 - ALWAYS, self.uncovered >= ALWAYS
        return always.astype(np.float32) - never.astype(np.float32)

    def foreground(self, cells: Floats) -> Floats:
        """(N, G, H, C) -> 0 (background) to 1 (part, or GROWN cells beside it), (N, G, H)."""
        kernel, bias = self.look()
        part = np.clip(np.clip(cells @ kernel + bias, 0, 1) + self.places(), 0, 1)
        return np.stack([cv2.dilate(one, AROUND) for one in part]).astype(np.float32)

    def never_scored(self) -> float:
        """The share of places that are background in every picture."""
        return float(1 - self.scored().mean())

    def scored(self) -> NDArray[np.bool_]:
        """(G, H): the places that are scored in some picture."""
        near = cv2.dilate((self.places() >= 0).astype(np.float32), AROUND)
        return np.asarray(near > 0)


def learn_ground(cells: Floats) -> Ground | None:
    """The background of good parts by their low features (N, G, H, C); None where there is none:
    a surface fills the frame, or the edge shows what the middle shows.
    """
    steps = _steps_from_edge(cells.shape[1:3])
    flat = cells.reshape(-1, cells.shape[3]).astype(np.float32)
    mean, spread = flat.mean(axis=0), flat.std(axis=0) + np.float32(1e-3)
    rows = (flat - mean) / spread
    edge = np.broadcast_to(steps == 0, cells.shape[:3]).reshape(-1)
    middle = np.broadcast_to(_middle(steps.shape), cells.shape[:3]).reshape(-1)
    kernel, bias = _discriminant(rows[middle], rows[edge & ~middle])
    for _ in range(ROUNDS):
        part = _parts((rows @ kernel + bias).reshape(cells.shape[:3]) > 0)
        uncovered = 1 - part.mean(axis=0)
        seen = uncovered[steps == 1].mean(), uncovered.mean()
        if seen[0] < LEAST_BACKGROUND or seen[1] > MOST_BACKGROUND:
            return None
        kernel, bias = _discriminant(rows[part.reshape(-1)], rows[~part.reshape(-1)])
    kernel = kernel / spread
    return Ground(kernel, float(bias - mean @ kernel), uncovered.astype(np.float32))


def masked(heat: Floats, seen: Floats, floor: float) -> Floats:
    """Heat (N, G, H) where it is seen (N, G, H), 1 or 0 or between; elsewhere the floor."""
    return (heat - np.float32(floor)) * seen + np.float32(floor)


def foreground_of(taps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Taps, the lowest first -> 0 (background) to 1 (part, or GROWN cells beside it) at the
    coarsest tap's cells: (N, G, H, 1). `set_ground` gives the weights; before it all is part.
    """
    from keras import layers

    cells = low_cells(taps[0], taps[-1].shape[1])
    look = layers.Conv2D(1, 1, kernel_initializer="zeros", bias_initializer="ones", name=LOOK)(
        cells
    )
    look = layers.ReLU(1.0, name=f"{FLOAT_PREFIX}foreground_cut")(look)
    placed = layers.EinsumDense(
        "bhwc,cd->bhwd",
        output_shape=(*cells.shape[1:3], 1),
        bias_axes="hwd",
        kernel_initializer="ones",
        name=PLACES,
    )(look)
    part = layers.ReLU(1.0, name=f"{FLOAT_PREFIX}foreground_part")(placed)
    # Without a layer between, the converter to LiteRT would cut at 0 only after the product with
    # the heat: a place whose heat is below the floor would then be hot.
    name = f"{FLOAT_PREFIX}foreground_grown"
    return layers.MaxPooling2D(2 * GROWN + 1, 1, "same", name=name)(part)


def low_cells(tap: keras.KerasTensor, rows: int) -> keras.KerasTensor:
    """The lowest tap as so many rows of cells (N, rows, columns, C)."""
    from keras import layers

    name = f"{FLOAT_PREFIX}foreground_cells"
    return layers.AveragePooling2D(tap.shape[1] // rows, name=name)(tap)


def seen_at(foreground: keras.KerasTensor, rows: int) -> keras.KerasTensor:
    """The foreground at so many rows of places, each seen where any of its cells is: (N, rows,
    columns, 1).
    """
    from keras import layers

    name = f"{FLOAT_PREFIX}foreground_seen"
    return layers.MaxPooling2D(foreground.shape[1] // rows, name=name)(foreground)


def masked_heat(heat: keras.KerasTensor, seen: keras.KerasTensor) -> keras.KerasTensor:
    """`masked` as layers; `set_floor` gives the floor."""
    from keras import layers

    above = layers.Conv2D(1, 1, name=ABOVE)(heat)
    return layers.Conv2D(1, 1, name=FLOOR)(layers.Multiply(name=MASKED)([above, seen]))


def set_ground(network: keras.Model, ground: Ground) -> None:
    """Put the background into a detector that was built with a foreground."""
    put_ground(network.get_layer(FEATURES), ground)


def put_ground(layers: keras.Model, ground: Ground) -> None:
    """The same into the layers of `foreground_of`."""
    kernel, bias = ground.look()
    layers.get_layer(LOOK).set_weights([kernel[None, None, :, None], np.array([bias])])
    one = np.ones((1, 1), np.float32)
    layers.get_layer(PLACES).set_weights([one, ground.places()[..., None]])


def set_floor(network: keras.Model, floor: float) -> None:
    """The heat of places that are not seen; no place of a good part is colder."""
    one = np.ones((1, 1, 1, 1), np.float32)
    network.get_layer(ABOVE).set_weights([one, np.array([-floor], np.float32)])
    network.get_layer(FLOOR).set_weights([one, np.array([floor], np.float32)])


def foreground_model(network: keras.Model) -> keras.Model | None:
    """Pixels -> where a detector scores (N, G, H, 1); None where it scores everywhere."""
    import keras

    if not any(layer.name == MASKED for layer in network.layers):
        return None
    return keras.Model(network.input, network.get_layer(MASKED).input[1])


def _discriminant(part: Floats, ground: Floats) -> tuple[Floats, np.float32]:
    """Kernel (C,) and bias of the log odds of two Gaussians of one covariance."""
    spread = (np.cov(part.T) + np.cov(ground.T)) / 2
    ridge = RIDGE * max(float(np.trace(spread)) / len(spread), 1e-6)
    first, second = part.mean(axis=0), ground.mean(axis=0)
    kernel = np.linalg.solve(spread + ridge * np.eye(len(spread)), first - second)
    bias = -(first + second) @ kernel / 2
    return kernel.astype(np.float32), np.float32(bias)


def _parts(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, G, H) with all cells that are not joined to background at the frame's edge."""
    return np.stack([~_joined_to_edge(~one) for one in part])


def _joined_to_edge(ground: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, pieces = cv2.connectedComponents(ground.astype(np.uint8), connectivity=4)
    edge = np.unique(pieces[_steps_from_edge(ground.shape) == 0])
    return np.isin(pieces, edge[edge > 0])


def _steps_from_edge(grid: tuple[int, ...]) -> NDArray[np.intp]:
    high, wide = grid
    rows, columns = np.mgrid[:high, :wide]
    nearest = np.minimum.reduce([rows, columns, high - 1 - rows, wide - 1 - columns])
    return np.asarray(nearest, np.intp)


def _middle(grid: tuple[int, ...]) -> NDArray[np.bool_]:
    high, wide = grid
    rows, columns = np.mgrid[:high, :wide].astype(np.float64)
    down = (rows - (high - 1) / 2) / max(MIDDLE * high, 1.0)
    across = (columns - (wide - 1) / 2) / max(MIDDLE * wide, 1.0)
    return np.asarray(np.hypot(down, across) < 1)
