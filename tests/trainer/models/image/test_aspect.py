"""Long pictures keep their aspect: the input, the maps, and what a station makes of the bundle."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput
from tests.trainer.models.image.test_aligned import inspector_of
from trainer.config.fit import FitConfig, ImageTable
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.image import auto_anomaly, padim, patchcore
from trainer.models.image.aspect import in_aspect
from trainer.models.image.foreground import learn_ground
from trainer.models.layers.preprocessing import image_spec
from trainer.workflow.experiment import run_experiment

STRIPS = 18


def strips(folder: Path, height: int = 240, width: int = 80) -> Split:
    """Grey good strips with a little grain."""
    (folder / "good").mkdir(parents=True)
    for number in range(STRIPS):
        picture = strip(number, height, width)
        cv2.imwrite(str(folder / "good" / f"{number:02d}.png"), picture)
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    every = np.arange(STRIPS)
    return Split(load_dataset(folder), every[:10], every[10:14], every[14:], "drawn")


def strip(number: int, height: int = 240, width: int = 80) -> np.ndarray:
    rng = np.random.default_rng(number)
    return np.asarray(rng.normal(120, 8, (height, width, 3)).clip(0, 255), np.uint8)


def sides(split: Split, wanted: str, **image: object) -> tuple[int, int]:
    """(height, width) of the input that was a square of 320 px."""
    config = FitConfig(image=ImageTable.model_validate(image))
    spec = in_aspect(image_spec(config, 320), split, config, wanted)
    return spec.height_px, spec.width_px


@pytest.mark.parametrize(
    ("picture", "wanted", "image", "input_sides"),
    [
        ((240, 80), "auto", {}, (544, 192)),
        ((2400, 800), "auto", {}, (544, 192)),
        ((80, 240), "auto", {}, (192, 544)),
        ((100, 130), "auto", {}, (320, 320)),
        ((240, 80), "square", {}, (320, 320)),
        ((100, 130), "kept", {}, (288, 352)),
        ((240, 80), "auto", {"size_px": 320}, (320, 320)),
        ((240, 80), "kept", {"size_px": 320}, (320, 96)),
        ((240, 80), "auto", {"fit": "pad"}, (320, 320)),
        ((240, 80), "auto", {"tile_rows": 3}, (320, 320)),
        ((100, 100), "auto", {"region": (0, 0, 1, 0.25)}, (160, 640)),
    ],
)
def test_long_pictures_keep_their_aspect_in_as_many_pixels(
    tmp_path: Path,
    picture: tuple[int, int],
    wanted: str,
    image: dict[str, object],
    input_sides: tuple[int, int],
) -> None:
    assert sides(strips(tmp_path, *picture), wanted, **image) == input_sides


def test_a_larger_input_of_long_pictures_is_as_long(tmp_path: Path) -> None:
    config = FitConfig(model="auto-anomaly", weights="efficientnet_lite0")
    split = strips(tmp_path, 1200, 400)
    looks = auto_anomaly.usual_looks(split, config, auto_anomaly.AutoAnomalyOptions())
    assert [look.name for look in looks] == ["864 px", "544 px"]
    shapes = []
    for look in looks:
        options = auto_anomaly.AutoAnomalyOptions.model_validate(look.config.options)
        shapes.append(auto_anomaly.spec_of(split, look.config, options).shape)
    assert shapes == [(864, 288, 3), (544, 192, 3)]


def test_the_background_of_a_long_picture_is_learnt() -> None:
    """A part that is a long ellipse in the middle, in cells of other features than the rest."""
    rows, columns = np.mgrid[:24, :8] - np.array([11.5, 3.5])[:, None, None]
    part = np.hypot(rows / 9, columns / 2.5) < 1
    cells = np.random.default_rng(0).normal(0, 0.1, (12, 24, 8, 3)).astype(np.float32)
    cells[:, part, 0] += 1
    ground = learn_ground(cells)
    assert ground is not None
    np.testing.assert_array_equal(ground.uncovered > 0.5, ~part)


@pytest.mark.usefixtures("small_backbone")
@pytest.mark.parametrize(
    ("model", "synthetic_share"),
    [("padim", 0), ("patchcore", 0), pytest.param("padim", 0.2, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("where", [(40, 60), (200, 20)], ids=["above", "below"])
def test_a_station_sees_the_spot_where_it_lies(
    tmp_path: Path, model: str, synthetic_share: float, where: tuple[int, int]
) -> None:
    module = {"padim": padim, "patchcore": patchcore}[model]
    few = {"dimensions": 8, "synthetic_share": synthetic_share, "aspect": "kept"}
    config = FitConfig(
        model=model,
        weights="none",
        image=ImageTable(size_px=288, standardise=False),
        options={**few, "prototypes": 32} if module is patchcore else few,
    )
    experiment = run_experiment(strips(tmp_path), config, "strips")
    spec = experiment.spec.input
    assert isinstance(spec, ImageInput)
    assert (spec.height_px, spec.width_px) == (288, 96)
    inspector = inspector_of(experiment)
    good, spotted = strip(99), strip(99)
    cv2.circle(spotted, where[::-1], 8, (250, 30, 30), -1)
    judged = inspector.inspect(spotted)
    plain = inspector.inspect(good)
    inspector.close()
    assert judged.heat is not None
    assert judged.heat.shape[0] == 3 * judged.heat.shape[1]
    shown = cv2.resize(judged.heat - plain.heat, (80, 240), interpolation=cv2.INTER_LINEAR)
    worst = np.unravel_index(int(shown.argmax()), shown.shape)
    assert np.hypot(*np.subtract(worst, where)) < 40
