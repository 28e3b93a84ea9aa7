"""Far from every good part nothing is seen: not by the backbone, in float or in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.int8 import run_images
from trainer.config.fit import FitConfig, ImageTable
from trainer.models.image import padim, patchcore
from trainer.models.image.background_paint import Paint, paint_of

SIDE_PX = 128


def left_half() -> Paint:
    """Of the left half of good parts that are scored, the rest in their colour."""
    scored = np.zeros((8, 8), np.bool_)
    scored[:, :4] = True
    inputs = np.full((3, SIDE_PX, SIDE_PX, 3), 50, np.uint8)
    inputs[:, :, : SIDE_PX // 2] = 200
    paint = paint_of(scored, inputs)
    assert paint is not None
    return paint


def test_the_paint_has_the_colour_of_the_background_and_spares_the_part() -> None:
    paint = left_half()
    np.testing.assert_allclose(paint.colour, 50 / 127.5 - 1, atol=1e-6)
    assert (paint.kept[:, : SIDE_PX // 2 - 16] > 0.98).all()
    assert (paint.kept[:, SIDE_PX // 2 :] == 0).all()


def test_where_every_place_may_be_scored_nothing_is_painted() -> None:
    assert paint_of(np.ones((8, 8), np.bool_), np.zeros((2, 64, 64, 3), np.uint8)) is None


def test_grey_pictures_are_painted_in_grey() -> None:
    scored = np.eye(8, dtype=np.bool_)
    paint = paint_of(scored, np.full((2, 64, 64, 1), 100, np.uint8))
    assert paint is not None
    np.testing.assert_allclose(paint.colour, [100 / 127.5 - 1] * 3, atol=1e-6)


@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize("module", [padim, patchcore], ids=["padim", "patchcore"])
def test_a_thing_beside_the_part_changes_no_score(module: object, tmp_path: Path) -> None:
    """Nor the heat of any place, though features look some cells around."""
    import keras

    architecture = module.ARCHITECTURE  # type: ignore[attr-defined]
    config = FitConfig(weights="none", image=ImageTable(size_px=SIDE_PX))
    options = architecture.options(dimensions=8, synthetic_share=0, aspect="square")
    spec = architecture.spec_of(None, config, options)
    network = architecture.build(spec, 1, config, options, left_half())
    pixels = np.random.default_rng(0).integers(0, 256, (6, *spec.shape), np.uint8)
    other = pixels.copy()
    other[:, :, SIDE_PX // 2 :] = 255 - other[:, :, SIDE_PX // 2 :]
    heats = [network.predict(some.astype(np.float32), verbose=0)[1] for some in (pixels, other)]
    np.testing.assert_allclose(heats[0], heats[1], atol=1e-4)
    rounded = [run_images(network, pixels, some).heat for some in (pixels, other)]
    np.testing.assert_array_equal(rounded[0], rounded[1])
    other[:, :, :8] = 255 - other[:, :, :8]
    assert np.abs(network.predict(other.astype(np.float32), verbose=0)[1] - heats[0]).max() > 1e-3
    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict(pixels.astype(np.float32), verbose=0)[1], heats[0], atol=1e-4
    )
