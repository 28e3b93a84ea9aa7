from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.image.input import ImageInput, Tiling
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.evaluation.saliency import heat_of, left_out, overlay, sanity
from trainer.models.architectures import architectures
from trainer.workflow.explain import overlay_files, worst_tile

SPEC = ModelSpec(
    name="spots",
    task="image-class",
    architecture="test",
    labels=["ok", "spot"],
    good=["ok"],
    input=ImageInput(width_px=32, height_px=32),
    scoring=Scoring(),
)


def spotted() -> np.ndarray:
    picture = np.full((32, 32, 3), 60, np.uint8)
    picture[20:26, 4:10] = 250
    return picture


def bright_spot_network():
    """One convolution that fires on brightness above 200, pooled: the answer is known."""
    import keras

    pixels = keras.Input((32, 32, 3))
    fired = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name="fired")(pixels)
    logits = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(fired))
    network = keras.Model(pixels, logits)
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, :, 0], kernel[1, 1, :, 1] = 1 / 3, -1 / 3
    head = np.array([[-1, 1], [1, -1]], np.float32)
    network.set_weights([kernel, np.array([-200, 100], np.float32), head, np.zeros(2, np.float32)])
    return network


def test_the_map_is_strongest_on_the_evidence() -> None:
    heat = heat_of(bright_spot_network(), SPEC, spotted())
    assert heat.shape == (32, 32)
    inside = heat[20:26, 4:10].mean()
    heat[18:28, 2:12] = 0
    assert inside > 0.8
    assert heat.max() < 0.2


def test_what_is_not_scored_is_blue_over_the_mean_part() -> None:
    pictures = np.stack([spotted(), np.full((32, 32, 3), 60, np.uint8)])
    shown = np.ones((4, 4), np.float32)
    shown[:, 3] = 0
    drawn = left_out(pictures, shown, 32)
    np.testing.assert_allclose(drawn[:, :24], pictures[:, :, :24].mean(axis=0), atol=1)
    assert (drawn[:, 24:, 2] > 120).all()
    assert (drawn[:, 24:, 0] < 60).all()


def two_level_network(looks: int = 1):
    """The defect is seen in a low map alone; the last map fires in the corners, for good parts."""
    import keras

    pixels = keras.Input((32, 32, 3))
    x = pixels
    if looks > 1:
        x = keras.layers.Concatenate(axis=0)([x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]])
    low = keras.layers.Conv2D(1, 3, padding="same", activation="relu", name="low")(x)
    last = keras.layers.Conv2D(1, 3, strides=4, activation="relu", name="last")(low)
    pooled = [
        keras.layers.GlobalMaxPooling2D()(low),
        keras.layers.GlobalAveragePooling2D()(last),
    ]
    vector = keras.layers.Concatenate()(pooled)
    if looks > 1:
        vector = keras.ops.mean(keras.ops.reshape(vector, (looks, -1, 2)), axis=0)
    network = keras.Model(pixels, keras.layers.Dense(2, name="head")(vector))
    bright = np.zeros((3, 3, 3, 1), np.float32)
    bright[1, 1, :, 0] = 1 / 3
    network.get_layer("low").set_weights([bright, np.array([-200], np.float32)])
    blank = np.zeros((3, 3, 1, 1), np.float32)
    network.get_layer("last").set_weights([blank, np.array([1], np.float32)])
    head = np.array([[0, 1], [1, 0]], np.float32)
    network.get_layer("head").set_weights([head, np.zeros(2, np.float32)])
    return network


@pytest.mark.parametrize("looks", [1, 4])
def test_a_defect_that_only_a_low_layer_sees_is_shown(looks: int) -> None:
    heat = heat_of(two_level_network(looks), SPEC, spotted())
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert 19 <= row <= 26
    assert 3 <= column <= 10
    assert heat[:16].max() < 0.2
    assert heat[:, 16:].max() < 0.2


def test_random_weights_change_the_map() -> None:
    assert sanity(bright_spot_network(), SPEC, spotted()[None]) < 0.7


def test_of_several_tiles_the_one_that_decides_is_shown() -> None:
    tiles = np.stack(
        [np.full((32, 32, 3), 60, np.uint8), spotted(), np.zeros((32, 32, 3), np.uint8)]
    )
    np.testing.assert_array_equal(worst_tile(bright_spot_network(), SPEC, tiles), spotted())


IMAGE_MODELS = sorted(
    name
    for name, row in architectures().items()
    if any(task.startswith("image") for task in row.tasks)
)


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_every_image_model_shows_where_it_looks(name: str) -> None:
    row = architectures()[name]
    height = 128 if "image-class" in row.tasks else 64
    given = ImageInput(width_px=64, height_px=height)
    config = FitConfig(model=name, weights="none")
    network = row.build(given, 2, config, row.options())
    spec = SPEC.model_copy(update={"input": given, "architecture": name})
    picture = np.random.default_rng(0).integers(0, 255, (height, 64, 3)).astype(np.uint8)
    heat = heat_of(network, spec, picture)
    assert heat.shape == (height, 64)
    assert heat.min() == 0
    assert heat.max() in (0, 1)


def test_a_network_without_pooling_is_refused() -> None:
    import keras

    flat = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    with pytest.raises(ConfigError, match="pools no places"):
        heat_of(flat, SPEC, spotted())


def test_an_overlay_is_a_picture_redder_where_the_map_is_high() -> None:
    heat = np.zeros((32, 32), np.float32)
    heat[20:26, 4:10] = 1
    grey = np.full((32, 32, 1), 120, np.uint8)
    picture = overlay(grey, heat, side_px=64).astype(int)
    assert picture.shape == (64, 64, 3)
    assert picture[46, 14, 0] > picture[46, 14, 2] + 30
    assert np.ptp(picture[5, 50]) == 0


def test_a_fit_shows_where_its_network_looked(plates_run: Path) -> None:
    listed = json.loads((plates_run / "explained" / "explained.json").read_text())
    assert 1 <= len(listed["pictures"]) <= 8
    assert all((plates_run / "explained" / row["overlay"]).is_file() for row in listed["pictures"])
    wrong = [row for row in listed["pictures"] if row["verdict"] == "PASS"]
    assert listed["pictures"][: len(wrong)] == wrong
    assert "Saliency: where the network looked" in (plates_run / "report.html").read_text()


def test_explain_writes_overlays_into_run_and_report(
    plates_run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(plates_run, run)
    assert main(["explain", str(run), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert -1 <= said["sanity"] <= 1
    assert "Saliency: where the network looked" in (run / "report.html").read_text()
    picture = next((plates / "scratch").iterdir())
    out = tmp_path / "overlays"
    assert main(["explain", str(run), str(picture), "--out", str(out), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["verdict"] in ("PASS", "FAIL")
    assert cv2.imread(row["overlay"]).shape == (256, 256, 3)


def test_pictures_of_one_stem_get_overlays_of_their_own(tmp_path: Path) -> None:
    spec = ImageInput(width_px=32, height_px=32, tiles=Tiling(rows=1, columns=2))
    paths = [tmp_path / name for name in ("a/part.png", "b/part.jpg", "b/part-1.png")]
    files = overlay_files(spec, paths, tmp_path / "out")
    assert [[file.name for file in row] for row in files] == [
        ["part.png", "part-1.png"],
        ["part_2.png", "part_2-1.png"],
        ["part-1_2.png", "part-1_2-1.png"],
    ]


def test_overlays_among_the_pictures_are_refused_before_any_is_written(
    plates_run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    source = next((plates / "scratch").iterdir())
    first, second = (shutil.copy(source, tmp_path / name / "part.png") for name in ("a", "b"))
    (tmp_path / "link").symlink_to(tmp_path / "b")
    words = [str(first), str(second), "--out", str(tmp_path / "link")]
    assert main(["explain", str(plates_run), *words]) == 2
    assert "could overwrite them: name another folder with --out" in capsys.readouterr().err
    assert second.read_bytes() == source.read_bytes()
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["part.png"]
