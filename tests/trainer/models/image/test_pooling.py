"""The order of what a transferred network pools: views, layers, and their mean."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.pooling import _view_by_view, by_layer, head_vectors

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("tta_views", [1, 4])
def test_the_head_reads_the_mean_over_the_views_of_each_image(tta_views: int) -> None:
    import keras

    outputs = [keras.Input((3,)), keras.Input((2,))]
    network = keras.Model(outputs, head_vectors(outputs, tta_views))
    rows = [RNG.normal(size=(tta_views * 2, width)).astype(np.float32) for width in (3, 2)]
    for vector, row in zip(network(rows), rows, strict=True):
        expected = row.reshape(tta_views, 2, -1).mean(axis=0)
        np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-6)


def test_views_of_single_images_are_ordered_like_those_of_a_batch() -> None:
    batch = RNG.normal(size=(4, 5, 3)).astype(np.float32)  # (views, images, features)
    column = tuple(batch[:, image] for image in range(5))
    np.testing.assert_array_equal(_view_by_view(column), batch.reshape(20, 3))


def test_mean_and_maximum_of_a_layer_stand_side_by_side_and_a_texture_as_its_triangle() -> None:
    mean, maximum, other_mean, other_maximum = (
        np.full((2, width), value, np.float32) for width, value in ((2, 1), (2, 2), (1, 3), (1, 4))
    )
    first, second = by_layer([mean, maximum, other_mean, other_maximum])
    np.testing.assert_array_equal(first, [[1, 1, 2, 2]] * 2)
    np.testing.assert_array_equal(second, [[3, 4]] * 2)
    texture = np.array([[1.0, 2.0, 2.0, 5.0]], np.float32)
    (flat,) = by_layer([texture])
    assert flat.shape == (1, 3)
