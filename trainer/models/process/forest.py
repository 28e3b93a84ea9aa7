"""A random forest as teacher of a small network: where it cuts, and what it says of rows unseen.

The network enters each number by pieces between the forest's commonest cuts, and learns the
forest's probabilities on training rows that were moved a little (distillation: Bucila et al.,
Model Compression, KDD 2006; Hinton et al., 2015; pieces: Gorishniy et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import Table
from trainer.models.process.features import raw_values

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

TREES = 300
SHARE_OF_FEATURES = 0.5
FINEST = 1e-3
"""Cuts nearer than this share of a feature's span are one cut."""


@dataclass(frozen=True)
class Jitter:
    """How training rows are varied: with noise of up to 4 x `share` of each tag's spread."""

    rows: int = 40_000
    share: float = 0.15
    rare: float = 0.5


def grow(rows: Numbers, targets: Labels, seed: int, trees: int = TREES) -> RandomForestClassifier:
    """A forest on unscaled features (N, F)."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        trees, max_features=SHARE_OF_FEATURES, random_state=seed, oob_score=trees == TREES
    )
    return forest.fit(rows, targets)


def cut_edges(
    forest: RandomForestClassifier, feature: int, values: Numbers, pieces: int
) -> list[float]:
    """At most `pieces` + 1 edges about the forest's cuts of one feature, ends at its range.

    Cuts are taken at weighted quantiles; one weighs what impurity it takes away, so they lie dense
    where the labels change. A cut gives two edges, the training values on either side of it: what
    steps between them steps in one piece, from 0 to 1.
    """
    low, high = float(values.min()), float(values.max())
    cuts, gains = _cuts(forest, feature)
    if not len(cuts) or pieces < 3:
        return [low, high]
    order = np.argsort(cuts)
    cuts, gains = cuts[order], gains[order]
    mass = (np.cumsum(gains) - gains / 2) / max(float(gains.sum()), 1e-30)
    count = pieces // 2
    chosen = np.interp((np.arange(count) + 0.5) / count, mass, cuts)
    return _spaced([low, *_neighbours(chosen, values), high])


def _neighbours(cuts: Numbers, values: Numbers) -> list[float]:
    """The training values next below and above each cut, at least FINEST of the span apart."""
    known = np.unique(values)
    index = np.clip(np.searchsorted(known, cuts, side="right"), 1, len(known) - 1)
    below, above = known[index - 1], known[index]
    narrow = np.maximum(FINEST * (known[-1] - known[0]) * 1.01 - (above - below), 0.0) / 2
    return [float(edge) for edge in np.unique(np.concatenate([below - narrow, above + narrow]))]


def moved_table(
    table: Table, spec: TabularInput, targets: Labels, jitter: Jitter, rng: np.random.Generator
) -> Table:
    """Training rows drawn and varied within each tag's range; rare labels are drawn oftener."""

    chosen = _drawn(targets, jitter, rng)
    step = jitter.share * rng.choice([0.0, 1.0, 2.0, 4.0], len(chosen))
    values = raw_values(table, spec.tags)
    columns: dict[str, Any] = {}
    for tag in spec.tags:
        if tag.categories:
            columns[tag.name] = table.columns[tag.name][chosen]
            continue
        known = values[tag.name]
        noise = rng.normal(size=len(chosen)) * step * known.std()
        columns[tag.name] = np.clip(known[chosen] + noise, known.min(), known.max())
    return Table(columns, table.source)


def _drawn(targets: Labels, jitter: Jitter, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of training rows: a share `rare` of them even over the labels, the rest as is."""
    counts = np.bincount(targets)
    even = 1.0 / (np.count_nonzero(counts) * np.maximum(counts, 1))
    plain = 1.0 / len(targets)
    chance = jitter.rare * even[targets] + (1 - jitter.rare) * plain
    return rng.choice(len(targets), jitter.rows, p=chance / chance.sum())


def _cuts(forest: RandomForestClassifier, feature: int) -> tuple[Numbers, Numbers]:
    cuts: list[Numbers] = []
    gains: list[Numbers] = []
    for estimator in forest.estimators_:
        tree = estimator.tree_
        nodes = np.flatnonzero(tree.feature == feature)
        weight = tree.weighted_n_node_samples * tree.impurity
        cuts.append(tree.threshold[nodes])
        gains.append(
            weight[nodes] - weight[tree.children_left[nodes]] - weight[tree.children_right[nodes]]
        )
    return np.concatenate(cuts), np.maximum(np.concatenate(gains), 0.0)


def _spaced(edges: Sequence[float]) -> list[float]:
    low, high = edges[0], edges[-1]
    least = FINEST * (high - low)
    spaced = [low]
    for edge in edges[1:-1]:
        if edge - spaced[-1] > least and high - edge > least:
            spaced.append(float(edge))
    return [*spaced, high]
