"""Looks are counted on one network, as each one's own network is."""

from __future__ import annotations

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.target_cost import find_cost
from trainer.config.fit import FitConfig, ImageTable
from trainer.models.image import transfer
from trainer.models.image.pooled_looks import PooledLook, work_of_looks
from trainer.models.image.pooling import LAYERS
from trainer.models.layers.work import work_of

SMALL = FitConfig(model="transfer", weights="none", image=ImageTable(size_px=64))


@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize("views", [1, 4])
@pytest.mark.parametrize("layers", ["lower", "mixed"])
def test_a_look_is_counted_as_its_own_network_is_and_not_below(views: int, layers: str) -> None:
    spec = ImageInput(width_px=64, height_px=64, channels=3)
    options = transfer.TransferOptions(tta_views=views, layers=layers)
    (counted,) = work_of_looks(spec, 3, SMALL, [PooledLook([LAYERS[layers]], views)])
    assert transfer.works(spec, 3, SMALL, [options]) == [counted]
    own = work_of(transfer.build(spec, 3, SMALL, options))
    assert counted.convolution_macs == own.convolution_macs
    times = [find_cost("rpi4").predict_ms(one) for one in (own, counted)]
    assert times[0] <= times[1] <= 1.1 * times[0]
