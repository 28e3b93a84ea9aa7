"""What a memory of good patches keeps, and how far it says that others are."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.patch_memory import (
    SHORT_LIST,
    choose_prototypes,
    fit_memory,
    mixing,
    nearest_distance,
)


def test_memories_stand_on_whitened_features() -> None:
    rng = np.random.default_rng(0)
    tangled = rng.normal(size=(6, 6)) * np.array([100, 10, 1, 1, 1, 1])
    cells = (rng.normal(size=(50, 8, 8, 6)) @ tangled).astype(np.float32)
    kernel, bias = mixing(cells.reshape(-1, 6), 4, seed=1)
    rows = (cells @ kernel + bias).reshape(-1, 4)
    np.testing.assert_allclose(np.cov(rows.T), np.eye(4), atol=0.2)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-2)


def test_more_dimensions_than_features_are_filled_with_nothing() -> None:
    cells = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    kernel, bias = mixing(cells, 8, seed=1)
    assert kernel.shape == (3, 8)
    assert not kernel[:, 3:].any()
    assert not bias[3:].any()


def test_a_remembered_patch_is_at_distance_nothing() -> None:
    cells = np.random.default_rng(0).normal(size=(4, 12, 5)).astype(np.float32)
    prototypes = choose_prototypes(cells.reshape(-1, 5), 48, seed=1)
    np.testing.assert_allclose(nearest_distance(cells, prototypes), 0, atol=1e-4)


def test_the_coreset_takes_the_farthest_patches_first() -> None:
    cells = np.zeros((16, 2), np.float32)
    cells[0], cells[15] = (10, 0), (0, 10)
    chosen = choose_prototypes(cells, 3, seed=0)
    assert {tuple(row) for row in chosen.tolist()} == {(0, 0), (10, 0), (0, 10)}


@pytest.mark.parametrize("kind", ["even", "clusters", "repeats"])
def test_the_coreset_is_the_greedy_one_where_cells_are_many(kind: str) -> None:
    rng = np.random.default_rng(3)
    cells = rng.normal(size=(4 * SHORT_LIST, 6)).astype(np.float32)
    if kind == "clusters":
        cells[: 3 * SHORT_LIST] = cells[: 3 * SHORT_LIST] / 50 + 4
    if kind == "repeats":
        cells = np.repeat(cells[:200], 20, axis=0)
    chosen = choose_prototypes(cells, 150, seed=5)
    kept = [int(np.flatnonzero((cells == chosen[0]).all(axis=1))[0])]
    nearest = np.full(len(cells), np.inf)
    for _ in range(149):
        nearest = np.minimum(nearest, np.square(cells - cells[kept[-1]]).sum(axis=1))
        kept.append(int(nearest.argmax()))
    np.testing.assert_allclose(chosen, cells[kept])


def test_fewer_cells_than_prototypes_are_repeated() -> None:
    cells = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    chosen = choose_prototypes(cells, 20, seed=0)
    assert chosen.shape == (20, 3)
    assert {tuple(row) for row in chosen.tolist()} == {tuple(row) for row in cells.tolist()}


def test_cells_in_half_precision_are_as_far() -> None:
    cells = np.random.default_rng(0).normal(size=(40, 4, 4, 5)).astype(np.float32)
    memory = fit_memory(cells, 5, 64, seed=1)
    halves = memory.heat(cells.astype(np.float16))
    np.testing.assert_allclose(halves, memory.heat(cells), rtol=0.02, atol=0.05)
