from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.types import Judgement, Recording, Tensor, Verdict
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring, judge
from edge_agent.contracts.vibration.baseline import standard_of
from edge_agent.contracts.vibration.conditions import KnownConditions
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import SpectrumView
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.bearings import BEARINGS
from edge_agent.decide.causes import cause
from edge_agent.decide.vibration import (
    VibrationInspector,
    read_baseline,
    take_baseline,
    why,
    write_baseline,
)

RATE_HZ = 4000
SPEC = ModelSpec(
    name="motor",
    task="vibration-anomaly",
    architecture="mahalanobis",
    labels=["normal"],
    good=["normal"],
    input=VibrationInput(
        rate_hz=RATE_HZ,
        axes=["x"],
        window_samples=1000,
        hop_samples=1000,
        views=[SpectrumView(bins=16, high_hz=2000)],
        standard=standard_of([np.full(16, -5.3)], np.full(16, 0.1), 8.0),
    ),
    scoring=Scoring(kind="anomaly", threshold=1.5),
)


class MeanMagnitude:
    """A listener whose score is the mean magnitude of what it hears."""

    spec = SPEC

    def raw_outputs(self, prepared: Tensor) -> list[Tensor]:
        return [np.abs(prepared).mean(axis=(1, 2))[:, None].astype(np.float32)]

    def judge(self, raw: list[Tensor]) -> Judgement:
        return judge(raw[0], SPEC.labels, SPEC.good, SPEC.scoring)

    def inspect(self, raw: object) -> Judgement:
        raise NotImplementedError


def running(level: float, seconds: float = 0.5, seed: int = 0) -> Recording:
    noise = np.random.default_rng(seed).normal(0, level, (int(seconds * RATE_HZ), 1))
    return Recording(noise.astype(np.float32), RATE_HZ, ("x",))


QUIET, LOUD = 0.1, 1.0


def test_a_louder_machine_alarms_until_it_has_its_own_baseline(tmp_path: Path) -> None:
    plain = VibrationInspector(MeanMagnitude())
    assert plain.inspect_recording(running(QUIET)).verdict == Verdict.PASS
    assert plain.inspect_recording(running(LOUD)).verdict == Verdict.FAIL
    path = tmp_path / "baseline.json"
    write_baseline(path, take_baseline(MeanMagnitude(), [running(LOUD, 10.0, 1)]))
    moved = VibrationInspector(MeanMagnitude(), baseline=read_baseline(path, SPEC))
    assert moved.inspect_recording(running(LOUD)).verdict == Verdict.PASS
    alarm = moved.inspect_recording(running(QUIET))
    assert (alarm.verdict, alarm.label) == (Verdict.FAIL, "anomaly")


class KnowsOneSpeed(MeanMagnitude):
    """The same, trained at 1500 rpm; anything up to ten decades away may be another speed."""

    spec = SPEC.model_copy(
        update={
            "conditions": KnownConditions(
                rpm=[1500.0], spread=[1.0] * 16, far=10.0, chosen_by="by hand"
            )
        }
    )


def test_an_alarm_at_an_unknown_speed_is_no_verdict_and_names_the_command() -> None:
    station = VibrationInspector(KnowsOneSpeed(), command="lineside-agent baseline --channel m")
    judged = station.inspect_recording(running(LOUD))
    assert judged.verdict == Verdict.NO_VERDICT
    assert judged.reason.startswith("needs a baseline: unlike the training")
    assert judged.reason.endswith("lineside-agent baseline --channel m")
    assert cause(judged.verdict, judged.reason) == "unfamiliar"
    assert station.inspect_recording(running(QUIET)).verdict == Verdict.PASS


@pytest.mark.parametrize(
    ("level", "rpm", "verdict"),
    [
        (QUIET, 1480, Verdict.PASS),
        (LOUD, 1480, Verdict.FAIL),
        (QUIET, 1000, Verdict.NO_VERDICT),
        (LOUD, 1000, Verdict.NO_VERDICT),
    ],
    ids=["known and quiet", "known and loud", "unknown and quiet", "unknown and loud"],
)
def test_at_a_stated_speed_that_training_did_not_meet_nothing_passes_or_fails(
    level: float, rpm: float, verdict: Verdict
) -> None:
    recording = replace(running(level), rpm=rpm)
    assert VibrationInspector(KnowsOneSpeed()).inspect_recording(recording).verdict == verdict


def test_readings_that_need_a_baseline_do_not_add_up_to_an_alarm() -> None:
    rule = AlarmRule(AlarmRuleSpec(k=2, n=3))
    station = VibrationInspector(KnowsOneSpeed(), alarm=rule)
    strange = [station.inspect_recording(running(LOUD, seed=n)).verdict for n in range(3)]
    assert strange == [Verdict.NO_VERDICT] * 3
    known = station.inspect_recording(replace(running(LOUD), rpm=1500))
    assert known.verdict == Verdict.PASS
    assert "1 of 3" in known.reason


def test_a_machine_with_a_baseline_is_judged_where_it_stands() -> None:
    baseline = take_baseline(KnowsOneSpeed(), [running(QUIET, 10.0, 1)])
    station = VibrationInspector(KnowsOneSpeed(), baseline=baseline)
    assert station.inspect_recording(running(LOUD)).verdict == Verdict.FAIL


def test_a_baseline_says_what_its_ranks_can_show() -> None:
    apart = take_baseline(MeanMagnitude(), [running(QUIET, 10.0, 1)])
    assert (apart.windows, apart.false_alarms) == (40, round(1 / 41, 4))
    least = take_baseline(MeanMagnitude(), [running(QUIET, 2.5, 1)])
    assert (least.windows, least.false_alarms) == (10, round(1 / 11, 4))


def test_the_baseline_of_another_bundle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(path, take_baseline(MeanMagnitude(), [running(LOUD, 10.0)]))
    with pytest.raises(ConfigError, match="is the baseline of motor, the channel runs pump"):
        read_baseline(path, SPEC.model_copy(update={"name": "pump"}))


def test_a_missing_baseline_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run lineside-agent baseline"):
        read_baseline(tmp_path / "none.json", SPEC)


def test_a_lone_alarm_waits_for_the_second() -> None:
    patient = VibrationInspector(MeanMagnitude(), alarm=AlarmRule(AlarmRuleSpec(k=2, n=3)))
    levels = [QUIET, LOUD, QUIET, LOUD, QUIET, QUIET, LOUD]
    found = [patient.inspect_recording(running(level)) for level in levels]
    assert [one.verdict == Verdict.FAIL for one in found] == [0, 0, 0, 1, 0, 0, 0]
    assert "1 of 3" in found[1].reason


def test_an_alarm_says_which_race_is_worn_and_in_which_zone_the_machine_runs() -> None:
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    since = np.mod(t, 60 / 1500 / BEARINGS["6205-2RS"].orders["BPFO"])
    ring = 3 * np.exp(-since * 600) * np.sin(2 * np.pi * 1300 * since)
    shake = 5 * np.sin(2 * np.pi * 25 * t) + np.random.default_rng(0).normal(0, 0.05, len(t))
    signal = (ring + shake).astype(np.float32)[:, None]
    said = why(Recording(signal, RATE_HZ, ("x",), rpm=1500), "group2-rigid", BEARINGS["6205-2RS"])
    assert "outer race (BPFO at 3.58 orders" in said
    assert "zone D of ISO 20816-3 group2-rigid" in said


def test_a_quiet_machine_gives_no_reason() -> None:
    assert why(running(0.001, 2.0), "group2-rigid", None) == ""


def test_the_command_refuses_a_model_that_needs_no_baseline(
    vibration_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "normal.npz", x=np.zeros(100_000, np.float32), rate_hz=np.float64(1000))
    words = [str(vibration_bundle), str(tmp_path / "normal.npz"), "--out", str(tmp_path / "b.json")]
    assert main(["baseline", *words]) != 0
    assert "error:" in capsys.readouterr().err
    assert not (tmp_path / "b.json").exists()


def test_a_sensor_that_says_nothing_is_no_verdict_whatever_the_model_would_say() -> None:
    dead = Recording(np.full((2000, 1), 0.25, np.float32), RATE_HZ, ("x",), source="motor 3")
    with pytest.raises(InputError, match=r"motor 3: axis x gives one value all the time"):
        VibrationInspector(MeanMagnitude()).inspect_recording(dead)


@pytest.mark.parametrize("verdict_without", [QUIET, LOUD], ids=["pass", "fail"])
def test_reading_slower_than_the_model_is_no_verdict_and_says_both_rates(
    verdict_without: float,
) -> None:
    slow = replace(running(verdict_without, 2.0), rate_hz=RATE_HZ / 2, source="motor 3")
    said = r"motor 3: is at 2000 Hz, the model was trained at 4000 Hz: record as fast"
    with pytest.raises(InputError, match=said) as refused:
        VibrationInspector(MeanMagnitude()).inspect_recording(slow)
    assert cause(Verdict.NO_VERDICT, str(refused.value)) == "sensor"
    with pytest.raises(InputError, match=said):
        take_baseline(MeanMagnitude(), [slow])
    other_clock = replace(slow, rate_hz=0.96 * RATE_HZ)
    assert VibrationInspector(MeanMagnitude()).inspect_recording(other_clock)


def test_a_reading_that_lost_samples_is_no_verdict_whatever_the_model_would_say() -> None:
    whole = replace(running(QUIET, 2.0), source="motor 3")
    signal = whole.signal.copy()
    signal[1000:1376] = signal[1000]
    said = "motor 3: axis x is held at one value for 376 samples \\(94 ms\\): samples were lost"
    with pytest.raises(InputError, match=said) as refused:
        VibrationInspector(MeanMagnitude()).inspect_recording(replace(whole, signal=signal))
    assert cause(Verdict.NO_VERDICT, str(refused.value)) == "sensor"
    assert VibrationInspector(MeanMagnitude()).inspect_recording(whole).verdict == Verdict.PASS
