"""A memory of good patches: how far a cell is from the nearest one that was seen on good parts.

PatchCore (Roth et al., CVPR 2022): the features of a cell are mixed down, and the distance to the
nearest of K prototypes is |g|^2 - max_k (2 g.c_k - |c_k|^2), which a 1x1 convolution computes. The
prototypes are a greedy coreset. Features are whitened over good parts first, so that no loud
direction decides alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.models.image.feature_maps import Floats, random_projection

MOST_CELLS, MOST_MIXED = 20_000, 100_000
"""Cells that a coreset chooses from, and those by which they are whitened; more only cost time."""

SHORT_LIST = 1_000
"""Cells among which the next prototypes are looked for before all are measured again."""

RIDGE = 0.01
"""Added to the covariance before whitening, as a share of its mean variance."""


@dataclass(frozen=True)
class Memory:
    """kernel (C, d), bias (d,): centring, mixing down and whitening; prototypes: (K, d)."""

    kernel: Floats
    bias: Floats
    prototypes: Floats

    def heat(self, cells: Tensor) -> Floats:
        """(N, G, H, C) -> (N, G, H): the squared distance to the nearest prototype.

        One picture after the other: cells may be kept in half precision.
        """
        heat = np.empty(cells.shape[:3], np.float32)
        for index, picture in enumerate(cells):
            mixed = picture.astype(np.float32) @ self.kernel + self.bias
            heat[index] = nearest_distance(mixed, self.prototypes)
        return heat


def fit_memory(cells: Tensor, dimensions: int, count: int, seed: int) -> Memory:
    """A memory of `count` patches of cells (N, G, H, C), drawn from all of them."""
    rng = np.random.default_rng(seed)
    flat = cells.reshape(-1, cells.shape[3])
    if len(flat) > MOST_MIXED:
        flat = flat[rng.choice(len(flat), MOST_MIXED, replace=False)]
    drawn = flat.astype(np.float32)
    kernel, bias = mixing(drawn, dimensions, seed)
    return Memory(kernel, bias, choose_prototypes(drawn @ kernel + bias, count, seed))


def mixing(cells: Floats, dimensions: int, seed: int) -> tuple[Floats, Floats]:
    """Kernel (C, d) and bias (d,) that centre, mix down and whiten features (M, C)."""
    mean, spread = cells.mean(axis=0), cells.std(axis=0) + 1e-3
    mixed = random_projection(len(mean), dimensions, seed) / spread[:, None]
    rows = (cells - mean) @ mixed
    covariance = (rows.T @ rows / len(rows)).astype(np.float64)
    ridge = RIDGE * max(float(np.trace(covariance)) / len(covariance), 1e-6)
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    kernel = (mixed @ np.linalg.cholesky(inverse)).astype(np.float32)
    kernel = np.pad(kernel, ((0, 0), (0, dimensions - kernel.shape[1])))
    return kernel, (-mean @ kernel).astype(np.float32)


def choose_prototypes(cells: Floats, count: int, seed: int) -> Floats:
    """Greedy k-centre coreset of cells (M, d): (count, d); repeats where there are fewer.

    Each next prototype is the cell farthest from all before (Sener and Savarese, ICLR 2018). A cell
    comes only nearer to what is chosen. So the next ones are looked for among the SHORT_LIST cells
    that were farthest, for as long as none of the others could be farther; then all are measured.
    """
    rng = np.random.default_rng(seed)
    if len(cells) > MOST_CELLS:
        cells = cells[rng.choice(len(cells), MOST_CELLS, replace=False)]
    lengths = np.square(cells).sum(axis=1)
    chosen = [int(rng.integers(len(cells)))]
    nearest, measured = np.full(len(cells), np.inf, np.float32), 0
    while len(chosen) < count:
        away = _squares_between(cells, lengths, chosen[measured:])
        nearest, measured = np.minimum(nearest, away.min(axis=1)), len(chosen)
        short = np.argsort(-nearest, kind="stable")[: SHORT_LIST + 1]
        least = nearest[short[-1]] if len(cells) > SHORT_LIST else -np.inf
        chosen += _farthest(cells, lengths, nearest, short[:SHORT_LIST], least, count - measured)
    return cells[chosen]


def _farthest(
    cells: Floats,
    lengths: Floats,
    nearest: Floats,
    short: NDArray[np.intp],
    least: float,
    most: int,
) -> list[int]:
    """The next cells to choose, of those in `short`: one, and more while none of the others, which
    were no farther than `least`, could be farther; nearest: of every cell.
    """
    rows, sizes, left = cells[short], lengths[short], nearest[short]
    found: list[int] = []
    while len(found) < most:
        at = int(left.argmax())
        if found and left[at] < least:
            break
        found.append(int(short[at]))
        left = np.minimum(left, _squares_between(rows, sizes, [at])[:, 0])
    return found


def _squares_between(cells: Floats, lengths: Floats, of: Sequence[int]) -> Floats:
    """(M, d), their squared lengths (M,) -> squared distances (M, len(of)) from the cells `of`."""
    between = cells @ (-2 * cells[of]).T
    between += lengths[:, None]
    between += lengths[of]
    return np.asarray(between, np.float32)


def nearest_distance(cells: Floats, prototypes: Floats) -> Floats:
    """(G, H, d) -> (G, H): the squared distance to the nearest prototype."""
    likeness = cells.reshape(-1, cells.shape[2]) @ (2 * prototypes).T
    likeness -= np.square(prototypes).sum(axis=1)
    lengths = np.square(cells).sum(axis=2)
    return np.asarray(lengths - likeness.max(axis=1).reshape(lengths.shape), np.float32)
