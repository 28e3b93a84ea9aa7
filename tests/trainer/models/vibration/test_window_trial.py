"""Windows and views are chosen by what tells training recordings apart, group by group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.run_folder.metrics import BudgetMetrics
from tests.trainer.conftest import RATE_HZ, Rows, record, write_rows
from trainer.config.fit import FitConfig, VibrationTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.models.vibration.conv1d import Conv1dOptions, bare_specs, window_merits
from trainer.models.vibration.window_trial import LEAST_GROUPS, Trial, merits_of_windows
from trainer.workflow.budget import within_budget

Draw = Callable[[np.random.Generator, bool], np.ndarray]
ASKED = FitConfig(target="rpi4", budget_ms=1e6)


def knocks(rng: np.random.Generator, faulty: bool) -> np.ndarray:
    """A ringing knock every 25 ms, of which every window of 64 ms and more has several."""
    return record(rng, faulty, seconds=2)


def lines(rng: np.random.Generator, faulty: bool) -> np.ndarray:
    """float32 (T, 1): one line, or two that are 4 Hz apart and beat four times a second.

    Windows of less than a quarter of a second hold no whole beat.
    """
    time_s = np.arange(int(3 * RATE_HZ)) / RATE_HZ
    hz, phases = rng.uniform(300, 500), rng.uniform(0, 2 * np.pi, 2)
    wave = np.sin(2 * np.pi * hz * time_s + phases[0])
    if faulty:
        wave = 0.7 * (wave + np.sin(2 * np.pi * (hz + 4) * time_s + phases[1]))
    return (wave + rng.normal(0, 0.1, len(time_s)))[:, None].astype(np.float32)


def bench(folder: Path, draw: Draw, machines: int = 8) -> Path:
    """Two recordings of each machine, every second machine with the fault."""
    rng, rows = np.random.default_rng(4), list[dict[str, object]]()
    folder.mkdir()
    for machine in range(2 * machines):
        for part in range(2):
            path, faulty = f"{machine:02d}_{part}.npz", machine % 2 == 1
            np.savez(folder / path, acc=draw(rng, faulty)[:, 0], fs=RATE_HZ)
            label = "fault" if faulty else "healthy"
            rows.append({"path": path, "label": label, "machine": f"m{machine:02d}"})
    return described(folder, rows)


def described(folder: Path, rows: Rows) -> Path:
    write_rows(folder / "labels.csv", rows)
    (folder / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["healthy"]\nlabels = "labels.csv"\ngroup = "machine"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["acc"]\nunit = "g"\n'
    )
    return folder


def searched(folder: Path, config: FitConfig = ASKED) -> tuple[FitConfig, BudgetMetrics]:
    config, found = within_budget(
        plan_split(load_dataset(folder), config), config, SilentProgress()
    )
    assert found is not None
    return config, found


def with_groups(folder: Path, count: int) -> Split:
    """Every recording trains; those of each label come from `count` machines."""
    dataset = load_dataset(folder)
    samples = [
        replace(one, group=f"{one.label}{number // 2 % count}")
        for number, one in enumerate(sorted(dataset.samples, key=lambda one: one.label))
    ]
    everything = np.arange(len(samples))
    return Split(
        replace(dataset, samples=tuple(samples)), everything, everything[:0], everything[:0], ""
    )


@pytest.fixture(scope="module")
def knocking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bench(tmp_path_factory.mktemp("knocking") / "set", knocks)


def test_a_long_window_is_taken_where_only_it_resolves_two_lines(tmp_path: Path) -> None:
    config, found = searched(bench(tmp_path / "set", lines))
    assert config.vibration.window_samples >= RATE_HZ / 4
    merits = {one.name: one.merit or 0.0 for one in found.points}
    (chosen,) = [one for one in found.points if one.chosen]
    assert merits[chosen.name] > 0.9
    assert max(merits[name] for name in merits if name.startswith("250 ")) < 0.85
    assert min(one.ms for one in found.points) < chosen.ms


def test_the_fastest_is_taken_where_short_windows_tell_as_well(knocking: Path) -> None:
    config, found = searched(knocking)
    (chosen,) = [one for one in found.points if one.chosen]
    assert chosen.ms == min(one.ms for one in found.points)
    assert chosen.merit == pytest.approx(1.0, abs=0.01)
    assert config.options["features"] == chosen.backbone.split()[-1]


def test_views_and_windows_that_are_set_stay(knocking: Path) -> None:
    asked = ASKED.model_copy(
        update={
            "options": {"features": "envelope"},
            "vibration": VibrationTable(window_samples=500),
        }
    )
    _, found = searched(knocking, asked)
    (only,) = found.points
    assert only.name == "500 samples, features envelope"
    assert only.merit is not None


@pytest.mark.parametrize("groups", [2, LEAST_GROUPS])
def test_views_of_one_window_are_compared_by_three_groups_of_each_label(
    knocking: Path, groups: int
) -> None:
    split = with_groups(knocking, groups)
    options = [Conv1dOptions(features=one) for one in ("all", "spectrum")]
    every, spectra = bare_specs(split, FitConfig(), options)
    shorter = spectra.model_copy(update={"window_samples": every.window_samples // 2})
    found = merits_of_windows(split, [every, spectra, shorter], SilentProgress())
    known = [not np.isnan(one) for one in found.merits]
    assert known == [True, groups == LEAST_GROUPS, True]
    assert found.one_window == pytest.approx(1 / (2 * 16 * 12)), "12 of each of 16 recordings"


def test_one_label_of_a_single_group_is_cut_by_time_and_two_are_not_compared(
    knocking: Path,
) -> None:
    whole = with_groups(knocking, 3)
    specs = bare_specs(whole, FitConfig(), [Conv1dOptions()])
    short = [one.model_copy(update={"window_samples": 500}) for one in specs]
    for alone, compared in (({"healthy"}, True), ({"healthy", "fault"}, False)):
        samples = [
            replace(one, group=one.label) if one.label in alone else one
            for one in whole.dataset.samples
        ]
        split = replace(whole, dataset=replace(whole.dataset, samples=tuple(samples)))
        (merit,) = merits_of_windows(split, short, SilentProgress()).merits
        assert (not np.isnan(merit)) == compared
        assert merit > 0.95 or not compared


def test_a_window_as_long_as_the_lone_recordings_is_not_compared(knocking: Path) -> None:
    split = with_groups(knocking, 3)
    samples = [
        replace(one, group="m") if one.label == "healthy" else one for one in split.dataset.samples
    ]
    split = replace(split, dataset=replace(split.dataset, samples=tuple(samples)))
    (spec,) = bare_specs(split, FitConfig(), [Conv1dOptions()])
    long = spec.model_copy(update={"window_samples": round(1.9 * RATE_HZ)})
    assert np.isnan(merits_of_windows(split, [long], SilentProgress()).merits).all()


def test_raw_windows_are_not_compared(knocking: Path) -> None:
    split = with_groups(knocking, 3)
    config = FitConfig(model="conv1d", options={"features": "raw"})
    assert np.isnan(window_merits(split, [config], SilentProgress()).merits).all()


def test_what_one_group_alone_says_counts_less_than_what_all_say() -> None:
    """Two labels of two groups of four windows; the standard errors are counted by hand."""
    targets = np.repeat([0, 1], 8)
    groups = np.repeat(["a", "b", "c", "d"], 4)
    trial = Trial(targets, groups, [])
    own, one, all_four = (np.ones(16, np.bool_) for _ in range(3))
    own[[0, 4, 8, 12]] = one[[4, 8, 12]] = False
    assert trial.one == 1 / 16
    assert trial.merit(own, own) == 12 / 16
    assert trial.merit(all_four, own) == 1.0
    # One group is better by 1/16, three by nothing: a spread of 1/32, times the root of four.
    assert trial.merit(one, own) == pytest.approx(13 / 16 - 2 / 32)
