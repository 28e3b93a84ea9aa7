"""Small parts are cut out where that is clearly worth more; frames without one get no verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.cut_out import NoPartError
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import Bar, SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.evaluation.disturbances import disturbance_figures
from trainer.evaluation.familiarity import familiarity_figures
from trainer.models.architectures import choose_architecture
from trainer.workflow.cut_out_look import _learnt_of, with_cut_out, with_parts, without_lost
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.golden_samples import golden_rows
from trainer.workflow.int8_outputs import judged_by_int8
from trainer.workflow.kfold import FOLD, NO_PART, _fold_rows
from trainer.workflow.publish import publish_run
from trainer.workflow.tune import search

pytestmark = pytest.mark.usefixtures("small_backbone")

SIDE = 400
GOOD, EMPTY, FLAWED = 24, 2, 4
QUIET = SilentProgress()


def rod(rng: np.random.Generator, *, flawed: bool = False) -> Image:
    """A ridged rod at any angle, long 80 px of 400; flawed: a ridge is missing."""
    across = np.linspace(-1, 1, 64)[:, None]
    along = np.arange(256)[None]
    body = 110 + 50 * np.sqrt(1 - np.clip(across**2, 0, 1)) + 25 * np.sin(along / 4)
    if flawed:
        body[:, 100:150] = 60
    corners = np.array([[0, 0], [255, 0], [255, 63]], np.float32)
    box = cv2.boxPoints((tuple(rng.uniform(180, 220, 2)), (80, 14), rng.uniform(0, 180)))
    matrix = cv2.getAffineTransform(corners, box[[1, 2, 3]].astype(np.float32))
    frame = rng.normal(225, 2, (SIDE, SIDE))
    laid = cv2.warpAffine(body, matrix, (SIDE, SIDE), borderValue=-1, flags=cv2.INTER_LINEAR)
    frame = np.where(laid >= 55, laid, frame)
    return np.repeat(np.clip(frame, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def rods(folder: Path) -> Split:
    """Good rods, two empty frames among them; of the held-out ones two are empty too."""
    rng = np.random.default_rng(8)
    empty = np.full((SIDE, SIDE, 3), 225, np.uint8)
    pictures = {f"good/{n:02d}.png": rod(rng) for n in range(GOOD)}
    pictures |= {f"good/{GOOD + n}.png": empty for n in range(EMPTY)}
    pictures |= {f"bad/{n}.png": rod(rng, flawed=True) for n in range(FLAWED)}
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    dataset = load_dataset(folder)
    names = [sample.path for sample in dataset.samples]
    good = np.array([names.index(f"good/{n:02d}.png") for n in range(GOOD)])
    lost = np.array([names.index(f"good/{GOOD + n}.png") for n in range(EMPTY)])
    bad = np.array([names.index(f"bad/{n}.png") for n in range(FLAWED)])
    return Split(dataset, good[:14], good[14:20], np.concatenate([good[20:], bad, lost]), "drawn")


def config(model: str = "padim", **image: object) -> FitConfig:
    table = ImageTable.model_validate({"size_px": 64, "standardise": False, **image})
    options = {"padim": {"dimensions": 8, "synthetic_share": 0}}.get(model, {})
    return FitConfig(model=model, weights="none", batch=8, image=table, options=options)


def test_what_is_configured_stays(tmp_path: Path) -> None:
    split = rods(tmp_path)
    for given in (config(cut_out=False), config("autoencoder"), config(tile_rows=2), config()):
        assert with_cut_out(split, given, QUIET)[:2] == (split, given)  # no weights: no comparison


def test_a_part_cannot_be_aligned_and_cut_out() -> None:
    with pytest.raises(ValueError, match="either aligned or cut out"):
        config(align=True, cut_out=True)


def test_training_pictures_without_a_part_are_left_out_and_named(tmp_path: Path) -> None:
    split = rods(tmp_path)
    odd = Split(
        split.dataset, np.append(split.train, split.test[-1]), split.val, split.test[:-1], "drawn"
    )
    few, notes = without_lost(odd, config(cut_out=True), QUIET)
    assert list(few.train) == list(split.train)
    assert list(few.val) == list(split.val)
    assert notes == ("1 training pictures show no whole single part and are left out: good/25.png",)


def with_a_class_without_parts(folder: Path) -> Split:
    """Good rods, flawed ones, and frames of a class in which no part lies."""
    rng = np.random.default_rng(9)
    pictures = {f"good/{n:02d}.png": rod(rng) for n in range(16)}
    pictures |= {f"flawed/{n}.png": rod(rng, flawed=True) for n in range(8)}
    pictures |= {f"missing/m{n}.png": np.full((SIDE, SIDE, 3), 220 + n, np.uint8) for n in range(8)}
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
    every = np.arange(len(pictures))
    return Split(load_dataset(folder), every[every % 4 > 1], every[::4], every[1::4], "drawn")


def test_no_label_loses_all_of_its_training_pictures(tmp_path: Path) -> None:
    split, said = with_a_class_without_parts(tmp_path), "no training picture of missing shows"
    with pytest.raises(ConfigError, match=said) as refused:
        with_cut_out(split, config("transfer", cut_out=True), QUIET)
    assert "leave cut_out out" in str(refused.value)
    given = config("transfer").model_copy(update={"weights": "auto"})
    same, settled, notes = with_cut_out(split, given, QUIET)
    assert same is split
    assert settled.image.cut_out is False
    assert notes[-1].startswith(f"whole frames are judged: {said}")


def test_auto_takes_the_same_model_whether_or_not_parts_are_cut_out(tmp_path: Path) -> None:
    """Frames without a part among those that are held out are no reason to stop."""
    split = rods(tmp_path)
    dataset = replace(
        split.dataset, config=split.dataset.config.model_copy(update={"task": "image-class"})
    )
    given = config("auto").model_copy(update={"weights": "auto"})
    assert {
        choose_architecture(given.with_image(cut_out=one), dataset).name
        for one in (None, False, True)
    } == {"transfer"}


def test_a_budget_compares_no_frame_without_a_part(tmp_path: Path) -> None:
    split = rods(tmp_path)
    odd = replace(split, train=np.concatenate([split.train, split.test[-1:]]))
    assert list(with_parts(odd, config(cut_out=True), QUIET).train) == list(split.train)
    assert with_parts(odd, config(), QUIET) is odd


class Steps(SilentProgress):
    """Remembers the long steps."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        self.begun.append(what)
        with super().steps(what, total) as bar:
            yield bar


def test_a_search_of_settings_looks_for_parts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its trials, whose score is given here."""
    split = rods(tmp_path / "rods")
    classes = split.dataset.config.model_copy(update={"task": "image-class"})
    split = replace(split, dataset=replace(split.dataset, config=classes))
    monkeypatch.setattr("trainer.workflow.tune._validation_score", lambda *_: 0.5)
    progress = Steps()
    search(split, config("transfer", cut_out=True), 2, tmp_path / "trials", progress)
    assert progress.begun.count("looking for parts") == 1


def test_too_few_parts_are_no_reason_to_stop_where_nothing_is_set(tmp_path: Path) -> None:
    split = rods(tmp_path)
    few = replace(split, train=split.train[:4], val=split.val[:0])
    same, lost, fault = _learnt_of(few, config(cut_out=True), QUIET)
    assert same is few
    assert not lost
    assert fault.startswith("not nearly all of 4 good training pictures")


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_what_is_padded_or_cropped_is_not_compared(tmp_path: Path, fit: str) -> None:
    """Of the same pictures, stretched, a note says that parts are small."""
    split = with_a_class_without_parts(tmp_path)
    given = config("transfer", fit=fit).model_copy(update={"weights": "auto"})
    assert with_cut_out(split, given, QUIET) == (split, given, ())


def test_where_no_part_stands_out_a_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    rng = np.random.default_rng(1)
    for number in range(12):
        noise = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "good" / f"{number}.png"), noise)
    (tmp_path / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    every = np.arange(12)
    split = Split(load_dataset(tmp_path), every[:8], every[8:10], every[10:], "drawn")
    with pytest.raises(ConfigError, match="8 good training pictures"):
        with_cut_out(split, config(cut_out=True), QUIET)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    split = rods(tmp_path_factory.mktemp("rods"))
    return run_experiment(split, config(cut_out=True, size_px=96), "rods")


def test_the_report_shows_frames_without_a_part_as_they_came(
    experiment: Experiment, tmp_path: Path
) -> None:
    run = publish_run(tmp_path / "run", experiment)
    empty = [one.path for one in run.predictions[-EMPTY:]]
    assert set(empty) <= set(run.thumbnails.jpegs)
    page = (run.path / "report.html").read_text()
    assert page.count("no part was seen in the frame") == EMPTY
    assert "good (4)" in page
    assert run.metrics.held_out.auroc is not None
    areas = [run.metrics.held_out.auroc, *(one.auroc for one in run.metrics.baselines.values())]
    assert [one.n for one in areas if one] == [8] * 3
    maps = run.saliency()
    assert maps is not None
    assert maps.pictures
    assert not {one.path for one in maps.pictures} & set(empty)


def test_a_cross_validation_marks_frames_without_a_part(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, held = experiment.split.dataset, set(experiment.split.test.tolist())
    folds = ["held" if n in held else str(n % 3) for n in range(len(dataset.samples))]
    samples = [replace(one, fold=fold) for one, fold in zip(dataset.samples, folds, strict=True)]
    drawn = replace(dataset, config=dataset.config.model_copy(update={"fold": FOLD}))
    monkeypatch.setattr("trainer.workflow.kfold.run_experiment", lambda *_: experiment)
    given = config(cut_out=True)
    rows = _fold_rows(drawn.with_samples(samples, ""), given, "held", QUIET, int8=False)
    assert len(rows) == len(held)
    assert [row["path"] for row in rows if NO_PART in row] == ["good/24.png", "good/25.png"]


def test_a_fit_sees_the_part_and_gives_no_verdict_without_one(experiment: Experiment) -> None:
    spec = experiment.spec.input
    assert isinstance(spec, ImageInput)
    assert spec.cut_out is not None
    assert (spec.width_px, spec.height_px) == (96, 96)
    verdicts = experiment.test.verdicts
    assert verdicts[-EMPTY:] == ["NO-VERDICT"] * EMPTY
    assert "NO-VERDICT" not in verdicts[:-EMPTY]
    undecided = experiment.outcome.undecided
    assert undecided is not None
    assert list(np.flatnonzero(undecided)) == [8, 9]
    with pytest.raises(NoPartError):
        spec.prepare(np.full((SIDE, SIDE, 3), 225, np.uint8))
    assert set(golden_rows(experiment)).isdisjoint({8, 9})
    figures = disturbance_figures(experiment.judged_held_out)
    assert figures["undisturbed"]["n"] == 10
    strange = familiarity_figures(experiment.judged_held_out)
    assert strange["good held-out parts"]["n"] == 4
    held_out = experiment.judged_held_out
    all_lost = replace(held_out, split=replace(held_out.split, test=held_out.split.test[-EMPTY:]))
    assert familiarity_figures(all_lost) == {}
    assert judged_by_int8(experiment).verdicts[-EMPTY:] == ["NO-VERDICT"] * EMPTY
