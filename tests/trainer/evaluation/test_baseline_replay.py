"""Held-out readings of a detector as a station with a baseline would score them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.evaluation.baseline_replay import held_out_runs
from trainer.thresholds.alarm_rule_choice import tally
from trainer.workflow.experiment import run_experiment

RATE_HZ = 200


def fans(root: Path) -> Dataset:
    """A minute of a fan at two speeds, and of the faster one with a rattle."""
    lines, t = ["path,label,speed"], np.arange(60 * RATE_HZ) / RATE_HZ
    states = (("slow", 15.0, 0.0), ("fast", 25.0, 0.0), ("fast", 25.0, 0.2))
    for place, (speed, hz, rattle) in enumerate(states):
        noise = np.random.default_rng(place).normal(0, 0.01, len(t))
        wave = 0.1 * np.sin(2 * np.pi * hz * t) + rattle * np.sin(2 * np.pi * 70 * t)
        np.savez(root / f"{place}.npz", x=(wave + noise).astype(np.float32))
        lines.append(f"{place}.npz,{'rattle' if rattle else 'normal'},{speed}")
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-anomaly"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["x"]\nunit = "g"\n'
    )
    return load_dataset(root)


def test_a_strange_speed_is_watched_after_a_baseline_and_its_fault_is_found(
    tmp_path: Path,
) -> None:
    split = Split(
        fans(tmp_path), np.array([0]), np.array([0]), np.array([1, 2]), "a speed left out"
    )
    experiment = run_experiment(split, FitConfig(model="mahalanobis", false_alarms=0.01), "fan")
    scoring = experiment.spec.scoring
    assert (experiment.test.outputs[:100] >= scoring.threshold).mean() > 0.9, "without a baseline"
    runs = held_out_runs(experiment.judged_held_out)
    assert len(runs.normal[0]) in (30, 31), "the second half of a minute"
    found = tally(scoring.persistence, runs, scoring.threshold)
    assert found.share < 0.1
    assert (found.faulty, found.found) == (1, 1)
