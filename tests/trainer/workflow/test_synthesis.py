from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.conftest import make_images
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.image.cut_paste import cut_paste, guess_mask
from trainer.data.image.perlin_noise import blotched, blotches, perlin
from trainer.data.load import load_dataset
from trainer.data.split import plan_split
from trainer.evaluation.outcome import Outcome, figures
from trainer.models.image.gan import draw, generator, train_generator
from trainer.workflow.synthesis import added_figures, synthesise, with_training_samples


def scratched() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    picture = np.clip(rng.normal(110, 4, (64, 64, 3)), 0, 255).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[30:34, 20:40] = 255
    picture[mask > 0] = 240
    return picture, mask


def test_a_pasted_defect_is_somewhere_on_the_good_part() -> None:
    defective, mask = scratched()
    good = np.clip(np.random.default_rng(1).normal(100, 4, (64, 64, 3)), 0, 255).astype(np.uint8)
    for seed in range(5):
        made = cut_paste(defective, good, mask, np.random.default_rng(seed))
        changed = np.abs(made.astype(int) - good).max(axis=2) > 40
        assert made.shape == good.shape
        assert 0.2 * (mask > 0).sum() < changed.sum() < 4 * (mask > 0).sum()


def test_the_defect_is_guessed_where_the_part_differs() -> None:
    defective, mask = scratched()
    rng = np.random.default_rng(2)
    good = [np.clip(rng.normal(110, 4, (64, 64, 3)), 0, 255).astype(np.uint8) for _ in range(4)]
    guessed = guess_mask(defective, good) > 0
    assert (guessed & (mask > 0)).sum() > 0.6 * guessed.sum()


def test_perlin_noise_is_smooth_and_seeded() -> None:
    noise = perlin(64, 96, (4, 4), np.random.default_rng(3))
    assert noise.shape == (64, 96)
    assert np.abs(np.diff(noise, axis=0)).max() < 0.2
    np.testing.assert_array_equal(noise, perlin(64, 96, (4, 4), np.random.default_rng(3)))


def test_blotches_cover_some_but_at_most_a_fifth() -> None:
    for seed in range(30):
        covered = blotches(64, 64, np.random.default_rng(seed)).mean()
        assert 0.005 < covered <= 0.21


def test_blotches_leave_the_rest_alone() -> None:
    good, texture = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 220, np.uint8)
    made = blotched(good, texture, np.random.default_rng(1))
    assert (made == 100).mean() > 0.75
    assert (made != 100).any()


@pytest.mark.slow
def test_the_gan_learns_the_brightness_of_its_pictures() -> None:
    rng = np.random.default_rng(4)
    pictures = [np.full((32, 32, 3), rng.integers(200, 240), np.uint8) for _ in range(20)]
    made = draw(train_generator(pictures, 60, seed=1), 6, (32, 48), seed=1)
    assert made[0].shape == (32, 48, 3)
    assert np.mean(made) > 145
    untaught = draw(generator(), 6, (32, 48), seed=1)
    assert np.mean(untaught) < 140


@pytest.mark.parametrize("method", ["cutpaste", "perlin"])
def test_synthetic_samples_train_and_nothing_else(
    method: str, plates: Path, tmp_path: Path
) -> None:
    split = plan_split(load_dataset(plates), FitConfig())
    samples = synthesise(split, method, 5, tmp_path, 1, SilentProgress())
    more = with_training_samples(split, samples)
    assert len(more.train) == len(split.train) + 5
    np.testing.assert_array_equal(more.test, split.test)
    assert {more.dataset.samples[int(i)].label for i in more.train[-5:]} == {"scratch"}
    assert cv2.imread(str(more.dataset.file(int(more.train[-1])))).shape == (48, 48, 3)


def test_synth_writes_pictures_that_a_data_set_may_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plates, made = make_images(tmp_path / "plates", groups=8, each=2), tmp_path / "made"
    words = ["synth", str(plates), "--out", str(made), "--method", "perlin", "--count", "3"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 3
    assert len((made / "labels.csv").read_text().splitlines()) == 4


def test_frames_without_a_part_count_as_in_the_figures_of_a_run() -> None:
    """Good and bent parts, and two empty frames: a good one with a high score, a bent one with a
    low one. Before, one good part is taken for a bent one.
    """
    truth, empty = np.array([0, 0, 0, 1, 1, 1, 0, 1]), np.arange(8) >= 6
    scores = np.array([0.1, 0.2, 0.95, 0.7, 0.8, 0.9, 1.0, 0.0])

    def outcome(scores: np.ndarray) -> Outcome:
        rejected = scores >= 0.5
        groups = [str(n) for n in range(8)]
        labels = rejected.astype(np.int64)
        return Outcome(
            *(["ok", "bent"], ["ok"], truth, labels, scores, rejected & ~empty, groups),
            undecided=empty,
            unseen=empty,
        )

    before, after = outcome(scores), outcome(np.where(np.arange(8) == 2, 0.3, scores))
    found = added_figures(before, after)
    for one, name in ((before, "without"), (after, "with")):
        said = figures(one)
        assert {key: row[name] for key, row in found.items()} == {
            key: pytest.approx(said[key].value) for key in found
        }
    assert found["auroc"]["with"] == found["macro_f1"]["with"] == 1.0
    assert found["accuracy"]["with"] == 6 / 8
    assert list(found) == ["accuracy", "macro_f1", "auroc", "recall_at_1pct_false_reject"]


@pytest.mark.slow
def test_synth_says_what_it_added_with_an_interval(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "fit.toml"
    config.write_text("batch = 16\n[image]\nsize_px = 32\n")
    words = ["synth", str(plates), "--out", str(tmp_path / "made"), "--method", "cutpaste"]
    words += ["--count", "6", "--compare", "--epochs", "1", "--config", str(config), "--json"]
    words += ["--weights", "none"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    row = said["added"]["accuracy"]
    assert row["with"] - row["without"] == pytest.approx(row["added"]["value"], abs=1e-5)
    assert row["added"]["interval"].startswith("bootstrap over")
    assert len((tmp_path / "made" / "labels.csv").read_text().splitlines()) == 7
