"""A report says of a held-out recording what a station without a baseline would say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.types import Judgement, Tensor
from edge_agent.contracts.model.scoring import judge
from edge_agent.decide.vibration import VibrationInspector
from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.data.prepare import read_sample
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.evaluation.known_conditions import needs_baseline, speed_note
from trainer.training.predict import predict
from trainer.workflow.experiment import Experiment, run_experiment, with_threshold
from trainer.workflow.run_metrics import held_out_metrics, metrics_of, predictions_of

RATE_HZ = 200
SECONDS = 3
STATES = (("slow", 12.0, 0.0), ("mid", 15.0, 0.0), ("fast", 25.0, 0.0))
FAULTY = (("mid", 15.0, 2.0), ("fast", 25.0, 2.0), ("mid", 15.0, 0.02))
EACH = 12


class FloatNetwork:
    """The float network in the place of the station's."""

    def __init__(self, experiment: Experiment) -> None:
        self.spec = experiment.spec
        self._network = experiment.fitted.model

    def raw_outputs(self, inputs: Tensor) -> list[Tensor]:
        return [predict(self._network, inputs)]

    def judge(self, outputs: list[Tensor]) -> Judgement:
        return judge(outputs[0], self.spec.labels, self.spec.good, self.spec.scoring)


def fans(root: Path, *, rpm: bool) -> Dataset:
    """Recordings of a fan at three speeds, and of two of them with a rattle."""
    lines, t = ["path,label,speed" + ",rpm" * rpm], np.arange(SECONDS * RATE_HZ) / RATE_HZ
    for place, (speed, hz, rattle) in enumerate((*STATES, *FAULTY)):
        for k in range(EACH):
            noise = np.random.default_rng([place, k]).normal(0, 0.01 + rattle, len(t))
            wave = 0.1 * np.sin(2 * np.pi * hz * t)
            np.savez(root / f"{place}-{k}.npz", x=(wave + noise).astype(np.float32))
            label = "rattle" if rattle else "normal"
            lines.append(f"{place}-{k}.npz,{label},{speed}" + f",{60 * hz:g}" * rpm)
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-anomaly"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["x"]\nunit = "g"\n'
    )
    return load_dataset(root)


def fast_left_out(dataset: Dataset) -> Experiment:
    """Learnt from the slow and the middle speed; the fast one and all faults are held out."""
    rows = np.arange(len(dataset.samples))
    known = rows < 2 * EACH
    train, val = rows[known & (rows % 3 != 2)], rows[known & (rows % 3 == 2)]
    split = Split(dataset, train, val, rows[~known], "the fast one left out")
    return run_experiment(split, FitConfig(model="mahalanobis"), "fan")


@pytest.mark.parametrize("rpm", [True, False], ids=["stated", "not stated"])
def test_every_verdict_is_the_one_of_a_station_without_a_baseline(
    tmp_path: Path, *, rpm: bool
) -> None:
    experiment = fast_left_out(fans(tmp_path, rpm=rpm))
    station = VibrationInspector(FloatNetwork(experiment))
    dataset, test = experiment.split.dataset, experiment.test
    said = [station.inspect_recording(read_sample(dataset, int(one))) for one in test.indices]
    assert test.verdicts == [one.verdict.value for one in said]
    assert test.verdicts[:EACH] == ["NO-VERDICT"] * EACH, "normal running at the fast speed"
    assert {"FAIL", "NO-VERDICT"} <= set(test.verdicts), "faults"
    found = held_out_metrics(experiment).present()
    assert found["undecided_good"].value == 1.0
    assert found["false_reject"].value == 0.0
    faults = 3 * EACH
    told = test.verdicts[EACH:].count("NO-VERDICT")
    assert round(found["undecided_bad"].value * faults) == told > 0
    assert round(found["detected"].value * faults) == test.verdicts[EACH:].count("FAIL") > 0


def test_the_rows_of_a_run_carry_what_a_new_threshold_needs(tmp_path: Path) -> None:
    experiment = fast_left_out(fans(tmp_path, rpm=False))
    rows = predictions_of(experiment, experiment.test)
    told = needs_baseline(experiment.split.dataset, experiment.test.indices, experiment.spec)
    assert [one.needs_baseline for one in rows] == told
    assert told[:EACH] == ["alarm"] * EACH
    deaf = with_threshold(experiment, 1e6, "by hand")
    assert deaf.test.verdicts == ["PASS"] * len(rows), "no alarm is withheld where there is none"
    again = with_threshold(deaf, experiment.spec.scoring.threshold, "by hand")
    assert again.test.verdicts == experiment.test.verdicts


def test_the_report_counts_the_alarms_that_need_a_stated_speed(tmp_path: Path) -> None:
    experiment = fast_left_out(fans(tmp_path, rpm=True))
    dataset, test = experiment.split.dataset, experiment.test
    station = VibrationInspector(FloatNetwork(experiment))
    alarms = [int(i) for i, v in zip(test.indices, test.verdicts, strict=True) if v == "FAIL"]
    untold = [replace(read_sample(dataset, one), rpm=None) for one in alarms]
    said = [station.inspect_recording(one).verdict.value for one in untold]
    lost = said.count("NO-VERDICT")
    assert 0 < lost < len(alarms)
    (note,) = [one for one in metrics_of(experiment).notes if "state their speed" in one]
    assert f"of the {len(alarms)} alarms {lost} would need a baseline without" in note


def test_alarms_on_recordings_that_state_no_speed_owe_it_nothing(tmp_path: Path) -> None:
    experiment = fast_left_out(fans(tmp_path, rpm=True))
    dataset, spec, test = experiment.split.dataset, experiment.spec, experiment.test

    def untold(left: set[int]) -> Dataset:
        samples = enumerate(dataset.samples)
        return replace(
            dataset,
            samples=tuple(replace(one, conditions={}) if n in left else one for n, one in samples),
        )

    alarms = [int(i) for i, v in zip(test.indices, test.verdicts, strict=True) if v == "FAIL"]
    assert speed_note(untold(set(alarms)), test.indices, spec, test.verdicts) == []
    told = alarms[-1]
    (note,) = speed_note(untold(set(alarms) - {told}), test.indices, spec, test.verdicts)
    station = VibrationInspector(FloatNetwork(experiment))
    said = station.inspect_recording(replace(read_sample(dataset, told), rpm=None)).verdict.value
    lost = int(said == "NO-VERDICT")
    assert f"of the {len(alarms)} alarms {lost} would need a baseline without" in note


def test_a_report_of_recordings_without_speeds_says_nothing_of_them(tmp_path: Path) -> None:
    experiment = fast_left_out(fans(tmp_path, rpm=False))
    assert not [one for one in metrics_of(experiment).notes if "state their speed" in one]
