"""What nobody chose is chosen by a trial; what a person chose, or chance would decide, stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.models.architectures import architectures
from trainer.models.image.light_trial import LightTrial
from trainer.workflow.preparation import resolve
from trainer.workflow.usual_light import choose, sentence, with_usual_light

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


def test_the_default_of_a_trial_is_what_the_model_does_without_one(plates: Path) -> None:
    tried = {name: row for name, row in architectures().items() if row.standardises is not None}
    assert set(tried) == {"auto-anomaly", "padim", "patchcore", "transfer"}
    for name, row in tried.items():
        split = plan_split(load_dataset(plates), FitConfig(model=name))
        spec = row.spec_of(split, FitConfig(weights="none"), row.options())
        assert getattr(spec, "standardise", None) is row.standardises, name


@pytest.mark.parametrize(
    "config",
    [
        TRANSFER.model_copy(update={"image": ImageTable(standardise=True)}),
        TRANSFER.model_copy(update={"image": ImageTable(standardise=False)}),
        TRANSFER.model_copy(update={"weights": "none"}),
        FitConfig(model="cnn"),
    ],
    ids=["on", "off", "random weights", "another model"],
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


@pytest.mark.slow
def test_a_fit_says_and_keeps_what_was_chosen(plates: Path) -> None:
    from trainer.workflow.experiment import run_experiment

    quick = {"tta_views": 1, "layers": "middle", "augmented_copies": 0}
    config = FitConfig(model="transfer", image=ImageTable(size_px=64), options=quick)
    experiment = run_experiment(plan_split(load_dataset(plates), config), config, "plates")
    chosen = experiment.config.image.standardise
    assert chosen is not None
    assert getattr(experiment.spec.input, "standardise", None) is chosen
    start = "pictures are standardised" if chosen else "pictures are not standardised"
    assert any(note.startswith(start) for note in experiment.fitted.notes)
