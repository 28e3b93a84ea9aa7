"""One pass of a backbone gives features of cells and of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.models.image import joined_features
from trainer.models.image.backbone import Pretrained
from trainer.models.image.pooling import ALL, TEXTURE

RANDOM = Pretrained("mobilenet_v2", "none")
SPEC = ImageInput(width_px=96, height_px=64)


@pytest.mark.usefixtures("small_backbone")
def test_both_parts_of_the_reading_network_give_the_same_pools() -> None:
    import keras

    network = joined_features.reading_network(SPEC, RANDOM, ALL)
    taps = network.get_layer(joined_features.NETWORK).output
    parts = (joined_features.JOINED_FEATURES, joined_features.WHOLE_FEATURES)
    joined, whole = (keras.Model(taps, network.get_layer(name)(taps)) for name in parts)
    rng = np.random.default_rng(0)
    given = [rng.random((1, *tap.shape[1:]), np.float32) for tap in taps]
    fine, coarse, *pools = joined.predict_on_batch(given)
    assert fine.shape[1:3] == (8, 12)
    assert coarse.shape[1:3] == (4, 6)
    assert len(pools) == 2 * TEXTURE + 1
    for one, other in zip(pools, whole.predict_on_batch(given), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("small_backbone")
def test_what_lies_behind_the_highest_layer_that_is_read_is_cut_off() -> None:
    sizes = []
    for layers in ((0, 1, 2), ALL):
        features = joined_features.cells_and_pools(SPEC, RANDOM, layers)
        sizes.append(features.model([*features.cells, *features.pools], "all").count_params())
    assert sizes[0] < sizes[1]


@pytest.mark.usefixtures("small_backbone")
def test_pools_are_int8_and_cells_stay_in_float() -> None:
    features = joined_features.cells_and_pools(SPEC, RANDOM, (1, TEXTURE))
    network = features.model([*features.cells, *features.pools], "all")
    names = [layer.name for layer in network.layers]
    assert [name for name in names if name.startswith(FLOAT_PREFIX)] == [
        joined_features.JOINED_FEATURES
    ]
