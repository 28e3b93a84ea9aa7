"""Vibration models on a small simulated plant: what they hear, learn and refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.int8 import run_int8
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.baseline import raw_features, rebase
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare, read_sample
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.models.vibration import conv1d
from trainer.models.vibration.conditions import LEAST_FAR
from trainer.models.vibration.mahalanobis import whitening
from trainer.models.vibration.network import balanced
from trainer.statistics.metrics import auroc
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.publish import publish_run
from trainer.workflow.worth_a_look import good_only_threshold

RATE_HZ = 4000
ORDERS = {"inner": 5.4, "outer": 3.6}


def recording(label: str, rpm: float, seed: int, seconds: float = 3.0) -> np.ndarray:
    """Noise, a resonance of this machine's own, and impacts at the fault's order."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    signal = rng.normal(0, 0.1, len(t)) + 0.05 * np.sin(2 * np.pi * rpm / 60 * t)
    if label in ORDERS:
        since = np.mod(t, 60 / rpm / ORDERS[label])
        place_hz = rng.uniform(1100, 1500)
        signal += np.exp(-since * 600) * np.sin(2 * np.pi * place_hz * since)
    return signal.astype(np.float32)


@pytest.fixture(scope="module")
def bearings(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six machines at six speeds, each normal, with an inner and with an outer fault."""
    root = tmp_path_factory.mktemp("bearings")
    lines = ["path,label,machine,rpm"]
    for machine, rpm in enumerate((900, 1100, 1200, 1000, 1350, 1450)):
        for place, label in enumerate(("normal", "inner", "outer")):
            name = f"{label}_{machine}.npz"
            np.savez(root / name, x=recording(label, rpm, 100 * machine + place))
            lines.append(f"{name},{label},{machine},{rpm}")
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "machine"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["x"]\nunit = "g"\n'
    )
    return load_dataset(root)


@pytest.fixture(scope="module")
def fans(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Seconds of a machine at two speeds; and of the same with a rattle."""
    root = tmp_path_factory.mktemp("fans")
    lines = ["path,label,speed"]
    rng = np.random.default_rng(5)
    for speed, hz in (("slow", 15.0), ("fast", 25.0)):
        for label, rattle in (("normal", 0.0), ("rattle", 0.06)):
            for n in range(40):
                t = np.arange(200) / 200
                wave = 0.1 * np.sin(2 * np.pi * (hz * t + rng.random()))
                wave += rattle * np.sin(2 * np.pi * (70 * t + rng.random()))
                values = np.stack([wave, 1 + 0.5 * wave], 1) + rng.normal(0, 0.01, (200, 2))
                name = f"{speed}_{label}_{n:02d}.csv"
                np.savetxt(root / name, values, delimiter=",")
                lines.append(f"{name},{label},{speed}")
    return written(root, lines, '"0", "1"')


def written(root: Path, lines: list[str], axes: str) -> Dataset:
    """The data set of a detector of 200 Hz whose files lie in `root`."""
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-anomaly"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        f'[vibration]\nrate_hz = 200\naxes = [{axes}]\nunit = "g"\n'
    )
    return load_dataset(root)


def shaft_at(hz: float, rng: np.random.Generator) -> np.ndarray:
    """A second (200, 1) of a noisy shaft with its first three lines."""
    turns = np.arange(200) / 200 * hz * (1 + rng.normal(0, 0.003))
    lines = ((1, 0.1), (2, 0.05), (3, 0.03))
    wave = sum(size * np.sin(2 * np.pi * (n * turns + rng.random())) for n, size in lines)
    return (wave + rng.normal(0, 0.05, 200)).astype(np.float32)[:, None]


def machine_left_out(dataset: Dataset, machine: str) -> Split:
    groups = np.array(dataset.groups())
    train = np.flatnonzero(groups != machine)
    return Split(dataset, train, train, np.flatnonzero(groups == machine), "one machine left out")


def detector(
    dataset: Dataset, model: str, speeds: tuple[str, ...], false_alarms: float | None = None
) -> Experiment:
    labels = np.array([sample.label for sample in dataset.samples])
    known = np.isin(dataset.groups(), speeds)
    normal = np.flatnonzero((labels == "normal") & known)
    rest = np.setdiff1d(np.arange(len(labels)), normal[::2])
    split = Split(dataset, normal[::2], normal[::2], rest, "every second normal trains")
    config = FitConfig(model=model, epochs=30, false_alarms=false_alarms)
    return run_experiment(split, config, "fan")


Detectors = Callable[[str], Experiment]


@pytest.fixture(scope="module")
def at_both_speeds(fans: Dataset) -> Detectors:
    """`at_both_speeds(model)`: the detector that heard both speeds, fitted once."""
    return cache(lambda model: detector(fans, model, ("slow", "fast")))


def heard(dataset: Dataset, **options: object) -> VibrationInput:
    chosen = conv1d.Conv1dOptions.model_validate(options)
    return conv1d.spec_of(machine_left_out(dataset, "2"), FitConfig(model="conv1d"), chosen)


@pytest.mark.slow
def test_an_unseen_machine_at_an_unseen_speed_is_understood(bearings: Dataset) -> None:
    experiment = run_experiment(machine_left_out(bearings, "2"), FitConfig(), "bearings")
    right, _ = experiment.window_accuracy()
    assert right.mean() > 0.8
    assert "orders" in {getattr(view, "scale", "") for view in experiment.spec.input.views}
    assert experiment.spec.conditions is None, "a classifier needs no baseline"


@pytest.mark.slow
def test_same_seed_gives_the_same_network(bearings: Dataset) -> None:
    config = FitConfig(epochs=2, seed=7)
    split = machine_left_out(bearings, "0")
    twins = [run_experiment(split, config, "bearings").test.outputs for _ in range(2)]
    assert np.array_equal(*twins)


def test_recordings_without_speed_are_heard_in_hertz(bearings: Dataset) -> None:
    blind = [replace(s, conditions={}) for s in bearings.samples]
    spec = heard(bearings.with_samples(blind), features="envelope")
    assert "orders" not in {getattr(view, "scale", "") for view in spec.views}
    assert spec.shape == (128, 3)


@pytest.mark.parametrize(
    ("features", "shape"),
    [("spectrum", (128, 1)), ("both", (128, 3)), ("all", (128, 4)), ("raw", (2048, 1))],
)
def test_what_is_heard_is_chosen_by_name(
    bearings: Dataset, features: str, shape: tuple[int, int]
) -> None:
    assert heard(bearings, features=features).shape == shape


def test_new_models_keep_the_spectrum_between_two_clocks(bearings: Dataset) -> None:
    assert heard(bearings, features="envelope").resampling == "clocks"


@pytest.mark.parametrize("model", ["mahalanobis", "conv1d-autoencoder"])
def test_detectors_tell_a_rattle_they_never_heard(
    fans: Dataset, model: str, at_both_speeds: Detectors
) -> None:
    experiment = at_both_speeds(model)
    bad = np.array([fans.samples[i].label == "rattle" for i in experiment.test.indices])
    assert auroc(bad, experiment.test.scores) > 0.97
    assert len(experiment.spec.input.standard.centres) == 2


def test_an_unseen_speed_needs_a_baseline_and_is_then_understood(fans: Dataset) -> None:
    from trainer.training.predict import predict

    experiment = detector(fans, "mahalanobis", ("slow",))
    fast = [
        i
        for i, s in enumerate(fans.samples)
        if s.label == "normal" and s.conditions["speed"] == "fast"
    ]
    spec, threshold = experiment.spec.input, experiment.spec.scoring.threshold
    raw = prepare(fans, np.array(fast[:20]), raw_features(spec), SilentProgress(), "").inputs
    for_station = rebase(spec, raw)
    alarms = [
        (
            predict(
                experiment.fitted.model,
                prepare(fans, np.array(fast[20:]), s, SilentProgress(), "").inputs,
            )
        )
        for s in (spec, for_station)
    ]
    assert (alarms[0] > threshold).mean() > 0.9
    assert alarms[1].mean() < 0.5 * alarms[0].mean()


def test_a_detector_knows_its_speeds_by_their_lines(
    fans: Dataset, at_both_speeds: Detectors
) -> None:
    experiment = at_both_speeds("mahalanobis")
    known, spec = experiment.spec.conditions, experiment.spec.input
    assert known is not None
    assert known.rpm == []
    assert len(known.known_lines) == 2
    running = [n for n, sample in enumerate(fans.samples) if sample.label == "normal"]
    stand = [known.unknown(read_sample(fans, n), spec, alarmed=True) == "" for n in running]
    assert np.mean(stand) > 0.9
    for hz in (7.5, 12.5, 20, 30, 50):
        said = known.unknown(fan_at(hz), spec, alarmed=True)
        assert "than another speed" in said, (
            f"{hz} Hz is between, or a half or twice of a known one"
        )


def test_a_run_at_half_a_known_speed_is_unknown_though_it_shares_lines(tmp_path: Path) -> None:
    rng, lines = np.random.default_rng(1), ["path,label,speed"]
    for hz in (40, 46):
        for n in range(60):
            np.savetxt(tmp_path / f"{hz}-{n}.csv", shaft_at(hz, rng), delimiter=",")
            lines.append(f"{hz}-{n}.csv,normal,{hz} Hz")
    dataset = written(tmp_path, lines, '"0"')
    every = np.arange(len(dataset.samples))
    split = Split(dataset, every[::2], every[::2], every[1::2], "every second trains")
    spec = run_experiment(split, FitConfig(model="mahalanobis"), "shaft").spec
    assert spec.conditions is not None

    def stand(hz: float) -> float:
        runs = [Recording(shaft_at(hz, rng), 200, ("0",)) for _ in range(60)]
        said = [spec.conditions.unknown(run, spec.input, alarmed=True) for run in runs]
        return said.count("") / len(said)

    assert stand(40) > 0.9
    assert max(stand(20), stand(23)) < 0.05


def fan_at(hz: float, times: float = 1.0, lean: float = 0.0) -> Recording:
    """A second of the fan at a speed, `times` as loud, its sensor leaning by so many g."""
    t = np.arange(200) / 200
    wave = 0.1 * np.sin(2 * np.pi * hz * t)
    noise = np.random.default_rng(3).normal(0, 0.01, (200, 2))
    signal = times * (np.stack([wave, 0.5 * wave], 1) + noise) + np.array([lean, 1.0])
    return Recording(signal.astype(np.float32), 200, ("0", "1"))


@pytest.mark.parametrize(
    ("hz", "times", "lean", "stands"),
    [
        (15, 2.0**2.8, 0.0, False),
        (15, 2.0**3.5, 0.0, True),
        (15, 2.0**-6, 0.0, False),
        (30, 2.0**2, 0.0, False),
        (15, 1.0, 0.5, False),
    ],
    ids=["loud as at twice the speed", "louder", "quiet", "twice the speed", "leaning"],
)
def test_of_one_learnt_speed_an_alarm_stands_where_no_twice_as_fast_run_is_as_loud(
    fans: Dataset, hz: float, times: float, lean: float, stands: bool
) -> None:
    spec = detector(fans, "mahalanobis", ("slow",)).spec
    assert spec.conditions is not None
    said = spec.conditions.unknown(fan_at(hz, times, lean), spec.input, alarmed=True)
    assert (said == "") == stands


def test_one_speed_alone_has_no_lines_that_tell(fans: Dataset) -> None:
    known = detector(fans, "mahalanobis", ("slow",)).spec.conditions
    assert known is not None
    assert known.lines is None
    assert known.far == pytest.approx(LEAST_FAR, abs=0.001)


@pytest.mark.parametrize(("windows", "tell"), [(40, True), (1, False)], ids=["one", "both"])
def test_a_speed_of_one_window_is_known_and_judges_no_other(
    fans: Dataset, windows: int, tell: bool
) -> None:
    """One window makes its speed's lines, and none is left to say whether lines tell the speed."""
    labels, groups = np.array([s.label for s in fans.samples]), np.array(fans.groups())
    slow, fast = (
        np.flatnonzero((labels == "normal") & (groups == speed)) for speed in ("slow", "fast")
    )
    train = np.concatenate([slow[:1], fast[:windows]])
    split = Split(fans, train, fast[:20], np.flatnonzero(labels == "rattle"), "a speed of one")
    known = run_experiment(split, FitConfig(model="mahalanobis"), "fan").spec.conditions
    assert known is not None
    assert (known.lines is not None) == tell
    assert len(known.known_lines) == (2 if tell else 0)


def test_a_detector_keeps_few_of_many_measured_speeds(fans: Dataset) -> None:
    measured = np.random.default_rng(4).uniform(850, 950, len(fans.samples))
    stated = [
        replace(one, conditions={**one.conditions, "rpm": f"{rpm:.1f}"})
        for one, rpm in zip(fans.samples, measured, strict=True)
    ]
    known = detector(fans.with_samples(stated), "mahalanobis", ("slow",)).spec.conditions
    assert known is not None
    assert 1 <= len(known.rpm) <= 3


def test_a_strange_speed_in_validation_does_not_deafen_the_detector(fans: Dataset) -> None:
    labels = np.array([sample.label for sample in fans.samples])
    groups = np.array(fans.groups())
    slow = np.flatnonzero((labels == "normal") & (groups == "slow"))
    fast = np.flatnonzero((labels == "normal") & (groups == "fast"))
    split = Split(fans, slow, fast, np.flatnonzero((labels == "rattle") & (groups == "slow")), "")
    experiment = run_experiment(split, FitConfig(model="mahalanobis"), "fan")
    # Of one speed alone the station withholds these alarms until it has a baseline.
    assert set(experiment.test.verdicts) <= {"FAIL", "NO-VERDICT"}
    assert np.mean(experiment.test.scores > experiment.spec.scoring.threshold) > 0.7
    assert "after a baseline" in experiment.spec.scoring.chosen_by


def test_a_knock_in_a_normal_recording_is_named_with_its_time(tmp_path: Path) -> None:
    lines, rng = ["path,label,speed"], np.random.default_rng(6)
    for n in range(8):
        signal = np.concatenate([shaft_at(20, rng) for _ in range(6)])
        if n == 7:
            signal[820:880] += rng.normal(0, 0.5, (60, 1))  # 4.1 to 4.4 s
        np.savez(tmp_path / f"{n}.npz", x=signal[:, 0])
        lines.append(f"{n}.npz,normal,one")
    dataset = written(tmp_path, lines, '"x"')
    split = Split(dataset, np.arange(4), np.arange(4, 8), np.arange(4), "drawn")
    shown = good_only_threshold(run_experiment(split, FitConfig(model="mahalanobis"), "shaft"))
    assert shown is not None
    assert shown.unit == "windows"
    first = shown.extreme[0]
    assert first.path == "7.npz"
    assert first.starts_s is not None
    assert first.starts_s < 4.4 < first.starts_s + 1.4
    assert shown.without_extreme is not None
    assert shown.without_extreme < shown.threshold


@pytest.mark.parametrize("odd", [False, True], ids=["none", "one"])
def test_an_odd_recording_of_five_does_not_set_the_threshold(tmp_path: Path, odd: bool) -> None:
    """The sensor of one recording is loose: all of it rattles."""
    lines, rng = ["path,label,speed"], np.random.default_rng(6)
    for n in range(10):
        signal = np.concatenate([shaft_at(20, rng) for _ in range(8)])
        if n == 9 and odd:
            signal += rng.normal(0, 0.5, signal.shape)
        np.savez(tmp_path / f"{n}.npz", x=signal[:, 0])
        lines.append(f"{n}.npz,normal,one")
    dataset = written(tmp_path, lines, '"x"')
    split = Split(dataset, np.arange(5), np.arange(5, 10), np.arange(5), "drawn")
    experiment = run_experiment(split, FitConfig(model="mahalanobis"), "shaft")
    assert experiment.spec.scoring.threshold < 0.5
    assert "by the ranks of 5 (conformal)" in experiment.spec.scoring.chosen_by
    shown = good_only_threshold(experiment)
    assert shown is not None
    assert (shown.with_all > 2) == (shown.left_out > 5) == odd
    if odd:
        assert {one.path for one in shown.extreme} == {"9.npz"}


def test_the_score_of_normal_is_small_against_planted_anomalies(
    at_both_speeds: Detectors,
) -> None:
    from trainer.training.predict import predict

    experiment = at_both_speeds("conv1d-autoencoder")
    half = len(experiment.calibration) // 2
    scores = predict(experiment.fitted.model, experiment.calibration)[:, 0]
    assert np.median(scores[half:]) > 2 * np.median(scores[:half])


def test_whitening_makes_features_equal_and_independent() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 3)) @ np.array([[3.0, 1, 0], [0, 2, 0], [0, 0, 0.1]])
    weights, shrinkage = whitening(features)
    white = np.cov((features @ weights).T)
    assert np.allclose(np.diag(white)[:2], 1.0, atol=0.1)
    assert abs(white[0, 1]) < 0.05
    assert 0 <= shrinkage < 0.05


def test_rare_labels_are_drawn_as_often_as_common_ones() -> None:
    targets = np.array([0] * 98 + [1] * 2)
    drawn = targets[balanced(targets, 1000, np.random.default_rng(0))]
    assert 400 < drawn.sum() < 600


def test_models_hold_their_size(bearings: Dataset) -> None:
    network = conv1d.build(heard(bearings), 3, FitConfig(), conv1d.Conv1dOptions())
    assert network.count_params() < 64_000


def test_a_stated_false_alarm_rate_chooses_how_long_an_alarm_must_persist(
    fans: Dataset, tmp_path: Path, at_both_speeds: Detectors
) -> None:
    assert at_both_speeds("mahalanobis").spec.scoring.persistence.n == 1
    stated = detector(fans, "mahalanobis", ("slow", "fast"), false_alarms=0.001)
    run = publish_run(tmp_path / "fan", stated)
    scoring = run.spec.scoring
    rule, measured = scoring.persistence, run.metrics.alarm_rule
    assert f"{rule.k} of {rule.n} at " in scoring.persistence_chosen_by
    assert measured is not None
    assert measured.chosen.false_alarms <= measured.alone.false_alarms
    assert measured.chosen.normal_readings == 40
    page = (tmp_path / "fan" / "report.html").read_text()
    assert "How long a fault must last to raise an alarm" in page


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Four machines that run up, or down, each second: the same spectrum, another order."""
    root = tmp_path_factory.mktemp("sweeps")
    lines = ["path,label,machine"]
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    for machine in range(4):
        for way in ("up", "down"):
            rng = np.random.default_rng(2 * machine + (way == "up"))
            share = t % 1.0 if way == "up" else 1 - t % 1.0
            phase = np.cumsum(rng.uniform(100, 200) + rng.uniform(1000, 1300) * share) / RATE_HZ
            signal = 0.2 * np.sin(2 * np.pi * phase) + rng.normal(0, 0.1, len(t))
            np.savez(root / f"{way}_{machine}.npz", x=signal.astype(np.float32))
            lines.append(f"{way}_{machine}.npz,{way},{machine}")
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["up"]\nlabels = "labels.csv"\ngroup = "machine"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["x"]\nunit = "g"\n'
    )
    return load_dataset(root)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_the_recurrent_network_hears_the_order_in_int8_within_its_budget(sweeps: Dataset) -> None:
    config = FitConfig(model="gru-spectra")
    experiment = run_experiment(machine_left_out(sweeps, "3"), config, "sweeps")
    held = experiment.held_out
    int8 = run_int8(experiment.fitted.model, experiment.calibration, held.inputs)
    right = int8.outputs.argmax(axis=1) == held.targets(sweeps)
    assert right.mean() >= 0.9
    assert len(right) >= 14
    assert int8.model_bytes <= 64 * 1024
    assert int8.latency_ms <= 1.0
