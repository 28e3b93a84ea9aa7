"""What nobody chose is chosen by a trial; what a person chose, or chance would decide, stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import Split, plan_split
from trainer.models.architectures import architectures
from trainer.models.image.light_trial import LightTrial
from trainer.workflow.crossval import choose as choose_options
from trainer.workflow.experiment import run_experiment
from trainer.workflow.kfold import Row, judge_out_of_fold, with_folds
from trainer.workflow.leave_out import protocol_of
from trainer.workflow.preparation import resolve
from trainer.workflow.tune import search
from trainer.workflow.usual_light import choose, sentence, settled_light, with_usual_light

MERIT = "synthetic defects found at 5 % false rejects"
TRANSFER = FitConfig(model="transfer")


def trial(plain: float, even: float, error: float = 0.02) -> LightTrial:
    return LightTrial(60, MERIT, plain, even, error, (5.8, 0.5))


@pytest.mark.parametrize(
    ("plain", "even", "usual", "expected"),
    [
        (0.9, 0.8, True, False),
        (0.9, 0.87, True, True),
        (0.8, 0.9, True, True),
        (0.8, 0.9, False, True),
        (0.87, 0.9, False, False),
        (0.9, 0.8, False, False),
    ],
)
def test_the_usual_stays_unless_the_other_is_ahead_by_more_than_two_errors(
    plain: float, even: float, usual: bool, expected: bool
) -> None:
    assert choose(trial(plain, even), usual=usual) is expected


def test_parts_that_are_all_right_either_way_change_nothing() -> None:
    assert choose(trial(1.0, 1.0, error=0.0), usual=False) is False
    assert choose(trial(1.0, 1.0, error=0.0), usual=True) is True


def test_the_sentence_says_what_was_chosen_and_by_which_figures() -> None:
    other = sentence(trial(0.36, 0.84, 0.04), chosen=True, usual=False)
    assert other.startswith("pictures are standardised, which is clearly better on 60 training")
    assert "84.0% standardised, 36.0% as they are" in other
    assert "scores of good parts by 0.50 and 5.80 of their standard deviation" in other
    stays = sentence(trial(0.36, 0.38, 0.04), chosen=False, usual=False)
    assert stays.startswith("pictures are not standardised, as usual: the other is not")


def test_every_model_of_pictures_has_a_trial_whose_default_is_what_it_does_without_one(
    plates: Path,
) -> None:
    rows = architectures().items()
    pictured = {name: row for name, row in rows if row.tasks[0].startswith("image-")}
    assert {"auto-anomaly", "autoencoder", "cnn", "local", "padim", "patchcore"} < set(pictured)
    for name, row in pictured.items():
        assert row.standardises is not None, name
        split = plan_split(load_dataset(plates), FitConfig(model=name))
        spec = row.spec_of(split, FitConfig(weights="none"), row.options())
        assert getattr(spec, "standardise", None) is row.standardises, name


@pytest.mark.parametrize(
    "config",
    [
        TRANSFER.model_copy(update={"image": ImageTable(standardise=True)}),
        TRANSFER.model_copy(update={"image": ImageTable(standardise=False)}),
        TRANSFER.model_copy(update={"weights": "none"}),
        FitConfig(model="cnn", weights="none"),
    ],
    ids=["on", "off", "random weights", "no weights for a network from scratch"],
)
def test_what_a_person_chose_or_cannot_be_tried_stays(plates: Path, config: FitConfig) -> None:
    split = plan_split(load_dataset(plates), config)
    assert unchanged(split, config)


def test_machines_of_a_cluster_try_nothing(plates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    assert unchanged(plan_split(load_dataset(plates), TRANSFER), TRANSFER)


def unchanged(split: Split, config: FitConfig) -> bool:
    architecture, filled = resolve(split, config)
    found = with_usual_light(split, filled, architecture, SilentProgress())
    return found == (filled, "")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Split]:
    """The splits on which trials were made from now on; each shows that standardising is better."""
    splits: list[Split] = []

    def better(split: Split, *_: object) -> LightTrial:
        splits.append(split)
        return trial(0.1, 0.9)

    monkeypatch.setattr("trainer.workflow.usual_light.try_light", better)
    return splits


PIXELS = FitConfig(model="autoencoder", epochs=1, weights="none", image=ImageTable(size_px=32))


def good_plates(plates: Path) -> Dataset:
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    return with_folds(replace(dataset, config=config), 3, seed=1)


def test_a_crossvalidation_of_two_seeds_tries_light_once_for_each_training_fold(
    plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, splits = good_plates(plates), counted(monkeypatch)
    fits: list[tuple[int, str, bool | None]] = []

    def fitted(_: Dataset, config: FitConfig, value: str, *__: object, **___: object) -> list[Row]:
        fits.append((config.seed, value, config.image.standardise))
        return []

    monkeypatch.setattr("trainer.workflow.kfold._fold_rows", fitted)
    judge_out_of_fold(dataset, PIXELS, [0, 1], int8=False)
    assert fits == [(seed, value, True) for seed in (0, 1) for value in "012"]
    assert len(splits) == 3
    seen = [{one.dataset.samples[i].fold for i in (*one.train, *one.val)} for one in splits]
    assert seen == [{"1", "2"}, {"0", "2"}, {"0", "1"}], "never the fold that is held out"


def test_what_is_settled_for_several_fits_is_tried_by_none_of_them(
    plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, splits = good_plates(plates), counted(monkeypatch)
    split = plan_split(dataset, PIXELS)
    settled = settled_light(split, PIXELS, SilentProgress())
    assert settled == PIXELS.with_image(standardise=True)
    run_experiment(split, settled, "plates")
    assert len(splits) == 1


def refuse_no_weights(plates: Path) -> None:
    config = FitConfig(model="cnn")
    if resolve(plan_split(load_dataset(plates), config), config)[1].weights == "none":
        pytest.skip("no ImageNet weights at hand, so that no classifier has a trial")


def test_choices_inside_a_fold_are_compared_by_one_trial_of_light_for_each_inner_split(
    plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_no_weights(plates)
    dataset, splits, tried = load_dataset(plates), counted(monkeypatch), []
    dataset = dataset.with_samples(
        [
            replace(one, conditions={"part": str(n // 2 % 4)})
            for n, one in enumerate(dataset.samples)
        ]
    )

    class Judged:
        def window_accuracy(self) -> tuple[np.ndarray, list[str]]:
            return np.ones(1), [""]

    def fitted(split: Split, config: FitConfig, name: str) -> Judged:
        tried.append((config.options["code"], config.image.standardise))
        return Judged()

    monkeypatch.setattr("trainer.workflow.crossval.run_experiment", fitted)
    choices = [{"code": 4}, {"code": 8}, {"code": 16}]
    choose_options(dataset, protocol_of(dataset, "part"), "0", FitConfig(model="cnn"), choices)
    assert len(splits) == 3
    assert tried == [(code, True) for _ in range(3) for code in (4, 8, 16)]


def test_a_search_of_settings_tries_light_once(
    plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, config = plan_split(load_dataset(plates), FitConfig(model="cnn")), FitConfig(model="cnn")
    refuse_no_weights(plates)
    splits, tried = counted(monkeypatch), []

    def score(split: Split, config: FitConfig) -> float:
        tried.append(config.image.standardise)
        return 0.5

    monkeypatch.setattr("trainer.workflow.tune._validation_score", score)
    best, found = search(split, config, 3, tmp_path / "trials")
    assert (len(found), len(splits)) == (3, 1)
    assert tried == [True] * 3
    assert best.image.standardise is None, "the fit with the best settings says what it chose"


@pytest.mark.slow
def test_a_fit_says_and_keeps_what_was_chosen(plates: Path) -> None:
    quick = {"tta_views": 1, "layers": "middle", "augmented_copies": 0}
    config = FitConfig(model="transfer", image=ImageTable(size_px=64), options=quick)
    experiment = run_experiment(plan_split(load_dataset(plates), config), config, "plates")
    chosen = experiment.config.image.standardise
    assert chosen is not None
    assert getattr(experiment.spec.input, "standardise", None) is chosen
    start = "pictures are standardised" if chosen else "pictures are not standardised"
    assert any(note.startswith(start) for note in experiment.fitted.notes)
