"""Models of process data on small tables whose rules are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.int8 import run_int8
from edge_agent.contracts.process.input import TabularInput
from trainer.config.fit import FitConfig
from trainer.data.dataset_toml import TabularColumns
from trainer.data.load import load_dataset
from trainer.data.split import Split, plan_split
from trainer.evaluation.outcome import figures
from trainer.models.layers.ensemble import joined_heads
from trainer.models.process.features import plain_rows, sample_table, span_edges, tabular_spec
from trainer.models.process.forest import Jitter, cut_edges, grow, moved_table
from trainer.models.process.hotelling import crossfit_t, hotelling_t, shared_out
from trainer.models.process.interval_regression import (
    ValueOptions,
    conformal_margin,
    pooled_rows,
    value_scoring,
    with_short_history,
)
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.run_metrics import alarm_rule_metrics, tag_rows
from trainer.workflow.worth_a_look import good_only_threshold

MILL = """\
task = "tabular-class"
good = ["ok"]
[tabular]
file = "mill.csv"
label = "state"
[[tabular.derived]]
name = "power [W]"
op = "product"
of = ["torque [Nm]", "speed [rpm]"]
times = 0.10471975511965977
"""
PUMP = """\
task = "tabular-anomaly"
good = ["normal"]
[tabular]
file = "pump.csv"
label = "state"
"""
LIVES = """\
task = "tabular-regression"
[tabular]
file = "lives.csv"
label = "cycles left"
series = "machine"
run_to_failure = true
cap = 40
fail_below = 10
"""


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 rows; those above 7 kW are broken, whatever torque and speed alone say."""
    root, rng = tmp_path_factory.mktemp("mill"), np.random.default_rng(0)
    lines = ["torque [Nm],speed [rpm],kind,state"]
    for _ in range(600):
        torque, speed = rng.uniform(20, 60), rng.uniform(1000, 2000)
        state = "broken" if torque * speed * 2 * np.pi / 60 > 7000 else "ok"
        lines.append(f"{torque:.2f},{speed:.0f},{rng.choice(['L', 'M'])},{state}")
    (root / "mill.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(MILL)
    return root


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tags that go together for 300 rows and part for 60, each staying within its range."""
    root, rng = tmp_path_factory.mktemp("pump"), np.random.default_rng(1)
    lines = ["flow,current,state"]
    for row in range(360):
        flow = rng.normal()
        apart = row >= 300
        current = (-1.0 if apart else 1.0) * flow + 0.2 * rng.normal() + (1.5 if apart else 0.0)
        lines.append(f"{flow:.3f},{current:.3f},{'fault' if apart else 'normal'}")
    (root / "pump.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(PUMP)
    return root


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 machines of 40 to 80 cycles whose heat rises over the last 40."""
    root, rng = tmp_path_factory.mktemp("lives"), np.random.default_rng(2)
    lines = ["machine,heat,noise"]
    for machine in range(16):
        life = int(rng.integers(40, 80))
        for cycle in range(life):
            heat = max(0, 40 - (life - 1 - cycle)) / 40 + rng.normal(0, 0.05)
            lines.append(f"m{machine},{heat:.4f},{rng.normal():.3f}")
    (root / "lives.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(LIVES)
    return root


def fitted(root: Path, **config: object) -> Experiment:
    split = plan_split(load_dataset(root), FitConfig())
    return run_experiment(split, FitConfig.model_validate(config), "m")


def test_perceptron_learns_a_rule_of_a_derived_feature_from_its_forest(mill: Path) -> None:
    options = {"members": 1, "teacher_rows": 4000}
    found = fitted(mill, epochs=12, options=options)
    assert figures(found.outcome)["auroc"].value > 0.98
    assert "out-of-bag" in found.spec.scoring.chosen_by
    assert found.gbm_reference["name"] == "gradient boosting"
    assert "gradient boosting" in str(found.gbm_reference["sentence"]).lower()
    shown, first = tag_rows(found), found.split.dataset.samples[int(found.test.indices[0])]
    cells = (mill / "mill.csv").read_text().splitlines()[1 + first.row].split(",")
    assert len(shown) == len(found.test.indices)
    assert list(shown[0]) == ["torque [Nm]", "speed [rpm]", "kind"]
    assert [float(shown[0]["torque [Nm]"]), shown[0]["kind"]] == [float(cells[0]), cells[2]]


def test_perceptrons_become_one_whose_head_gives_their_mean_unrounded(mill: Path) -> None:
    options = {"members": 2, "teacher_rows": 0}
    found = fitted(mill, epochs=4, options=options)
    inputs, network = found.held_out.inputs, found.fitted.model
    bodies = [layer for layer in network.layers if hasattr(layer, "layers")]
    kernel, bias = network.get_layer("float_logits").get_weights()
    pooled_rows = np.concatenate([body.predict(inputs, verbose=0) for body in bodies], axis=1)
    np.testing.assert_allclose(found.test.outputs, pooled_rows @ kernel + bias, atol=1e-5)
    int8 = run_int8(network, found.calibration, inputs).outputs
    assert len(np.unique(int8)) > 0.9 * int8.size
    assert np.abs(int8 - found.test.outputs).max() < 0.1


def test_the_mean_of_heads_is_the_mean_of_members() -> None:
    import keras

    members = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        row = keras.Input((4,))
        hidden = keras.layers.Dense(5, activation="relu")(row)
        head = keras.layers.Dense(2, name="head", bias_initializer="normal")(hidden)
        members.append(keras.Model(row, head))
    rows = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    wanted = np.mean([member.predict(rows, verbose=0) for member in members], axis=0)
    found = joined_heads(members, "mean").predict(rows, verbose=0)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_forest_cuts_lie_where_the_label_changes(mill: Path) -> None:
    dataset = load_dataset(mill)
    every = np.arange(len(dataset.samples))
    spec = tabular_spec(dataset, every, span_edges)
    rows = plain_rows(sample_table(dataset, every), spec)
    place = [feature.of for feature in spec.features].index("power [W]")
    edges = cut_edges(grow(rows, dataset.targets(), 0, 20), place, rows[:, place], 8)
    assert min(abs(np.array(edges) - 7000)) < 150
    assert (np.diff(edges) > 0).all()


def test_moved_rows_stay_within_the_range_of_each_tag(mill: Path) -> None:
    dataset = load_dataset(mill)
    every = np.arange(len(dataset.samples))
    spec = tabular_spec(dataset, every, span_edges)
    table = sample_table(dataset, every)
    moved = moved_table(table, spec, dataset.targets(), Jitter(500, 0.5), np.random.default_rng(0))
    torque = np.asarray(moved.columns["torque [Nm]"], np.float64)
    known = table.columns["torque [Nm]"].astype(np.float64)
    assert len(torque) == 500
    assert known.min() <= torque.min()
    assert torque.max() <= known.max()


def test_detector_hears_two_tags_part_although_each_looks_normal(pump: Path) -> None:
    dataset = load_dataset(pump)
    train, test = np.arange(250), np.arange(250, 360)
    split = Split(dataset, train, train[-20:], test, "by time")
    options = {"window_rows": 5}
    found = run_experiment(split, FitConfig.model_validate({"options": options}), "pump")
    assert figures(found.outcome)["auroc"].value > 0.95
    assert "blocks of time" in found.spec.scoring.chosen_by
    scores = found.test.scores
    assert scores.min() >= 0
    assert scores.max() <= 6


def test_detector_in_the_graph_agrees_with_the_formula(pump: Path) -> None:
    dataset = load_dataset(pump)
    train = np.arange(250)
    split = Split(dataset, train, train[-20:], np.arange(250, 360), "by time")
    found = run_experiment(split, FitConfig.model_validate({"options": {"window_rows": 20}}), "p")
    from trainer.console.progress import SilentProgress
    from trainer.data.prepare import prepare
    from trainer.models.process.hotelling import deviations_of, window_means

    spec = found.spec.input
    assert isinstance(spec, TabularInput)
    pieces = deviations_of(spec)
    full = train[19:]
    means = window_means(prepare(dataset, full, spec, SilentProgress(), "rows").inputs, pieces)
    limit = crossfit_t(means, 0.02).max()
    asked = window_means(found.held_out.inputs, pieces)
    plain = 3.0 * (hotelling_t(means, asked, 0.02) / limit) ** 2
    below = plain < 3.0
    np.testing.assert_allclose(found.test.scores[below], plain[below], rtol=0.02, atol=0.02)


def batches_of(root: Path, count: int, *, odd: bool, named: bool) -> Split:
    """`count` batches of 60 normal rows, which differ a little; of one the flow meter was stuck."""
    rng = np.random.default_rng(7)
    lines = ["batch,flow,current,state"]
    for batch in range(count + 1):
        level = 0.2 * rng.normal()
        for _ in range(60):
            flow = level + rng.normal()
            current = flow + 0.2 * rng.normal()
            if batch == 2 and odd:
                flow = level + 6.0
            if batch == count:
                current += 3.0
            state = "fault" if batch == count else "normal"
            lines.append(f"b{batch},{flow:.3f},{current:.3f},{state}")
    (root / "pump.csv").write_text("\n".join(lines) + "\n")
    told = 'series = "batch"\n' if named else 'features = ["flow", "current"]\n'
    (root / "dataset.toml").write_text(PUMP + told)
    every = np.arange(60 * (count + 1))
    return Split(load_dataset(root), every[:-60], every[-80:-60], every[-60:], "by batch")


@pytest.mark.parametrize("count", [4, 9])
def test_an_odd_batch_does_not_set_the_detectors_threshold(tmp_path: Path, count: int) -> None:
    limits, found = {}, {}
    for name, odd, named in (
        ("calm", False, True),
        ("odd", True, True),
        ("odd, no batches named", True, False),
    ):
        (tmp_path / name).mkdir()
        split = batches_of(tmp_path / name, count, odd=odd, named=named)
        config = FitConfig.model_validate({"options": {"window_rows": 5}})
        found[name] = run_experiment(split, config, "p")
        limits[name] = float(found[name].fitted.notes[0].split("T = ")[1].split()[0])
    assert limits["odd"] < 1.5 * limits["calm"] < limits["odd, no batches named"]
    assert f"by {count} batches without the most extreme one" in found["odd"].spec.scoring.chosen_by
    shown = good_only_threshold(found["odd"])
    assert shown is not None
    assert (shown.unit, shown.threshold) == ("rows", 3.0)
    assert shown.with_all > 2 * shown.threshold
    assert {int(one.path.split("#")[1]) // 60 for one in shown.extreme} == {2}


def test_without_batches_the_highest_row_sets_the_threshold_and_the_report_shows_it(
    pump: Path,
) -> None:
    train = np.arange(250)
    split = Split(load_dataset(pump), train, train[-20:], np.arange(250, 360), "by time")
    shown = good_only_threshold(run_experiment(split, FitConfig(), "p"))
    assert shown is not None
    assert shown.left_out == 0
    assert shown.extreme[0].score == pytest.approx(3.0)
    assert shown.without_extreme is not None
    assert shown.without_extreme < 3.0


def test_detectors_weights_lie_on_the_grid_of_int8_and_sum_to_what_is_wanted() -> None:
    sums = np.random.default_rng(0).normal(size=(6, 4))
    kernel = shared_out(sums, 20)
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    on_grid = kernel * 127 / largest
    np.testing.assert_allclose(on_grid, np.round(on_grid), atol=1e-6)
    step = largest / 127
    assert (np.abs(kernel.sum(axis=(0, 1)) - sums) <= 0.51 * step).all()


def test_detector_is_the_same_in_int8_rows_far_from_normal_included(pump: Path) -> None:
    dataset = load_dataset(pump)
    train = np.arange(250)
    split = Split(dataset, train, train[-20:], np.arange(250, 360), "by time")
    found = run_experiment(split, FitConfig.model_validate({"options": {"window_rows": 5}}), "p")
    inputs = found.held_out.inputs
    int8 = run_int8(found.fitted.model, found.calibration, inputs).outputs[:, 0]
    clear = np.abs(found.test.scores - 3.0) > 0.1
    assert ((int8 >= 3.0) == (found.test.scores >= 3.0))[clear].all()
    assert (np.abs(int8 - found.test.scores) < 0.05 * np.maximum(found.test.scores, 1)).all()


def test_a_stated_false_alarm_rate_makes_the_detectors_alarms_persist(pump: Path) -> None:
    dataset = load_dataset(pump)
    split = Split(dataset, np.arange(200), np.arange(200, 300), np.arange(250, 360), "by time")
    config = {"options": {"window_rows": 1}, "false_alarms": 0.001}
    found = run_experiment(split, FitConfig.model_validate(config), "p")
    said = found.spec.scoring.persistence_chosen_by
    assert "of 100 normal validation readings raise an alarm" in said
    held = alarm_rule_metrics(found)
    assert held is not None
    assert held.alone.normal_readings == 50
    assert held.chosen.false_alarms <= held.alone.false_alarms
    assert held.chosen.found == held.chosen.faulty_runs == 4


@pytest.mark.parametrize(
    ("model", "epochs"), [("conv1d-rows", 20), pytest.param("gru", 80, marks=pytest.mark.slow)]
)
def test_remaining_life_is_foretold_with_an_interval(lives: Path, model: str, epochs: int) -> None:
    import keras

    options = {"members": 1, "window_rows": 20, "pool": 2, "noise": 0.02}
    found = fitted(lives, model=model, epochs=epochs, options=options)
    held = figures(found.outcome)
    spread = float(np.std(found.outcome.values))
    assert held["rmse"].value < 0.7 * spread
    assert held["interval_coverage"].value > 0.7
    assert isinstance(found.spec.input, TabularInput)
    assert (found.spec.scoring.worse, found.spec.scoring.threshold) == ("low", 10)
    assert found.gbm_reference["figure"] == "rmse"
    found.fitted.model.save(lives / f"{model}.keras")
    loaded = keras.models.load_model(lives / f"{model}.keras", compile=False)
    given = found.held_out.inputs[:4]
    np.testing.assert_allclose(loaded.predict(given, verbose=0), found.test.outputs[:4], atol=1e-5)


def test_margin_covers_the_asked_share() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 10, 500)
    outputs = np.stack([truth * 0 - 1, truth * 0, truth * 0 + 1], axis=1)
    margin = conformal_margin(outputs, truth, 0.9)
    inside = (outputs[:, 0] - margin <= truth) & (truth <= outputs[:, 2] + margin)
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
    assert conformal_margin(outputs, truth * 0, 0.9) == 0


def test_rows_are_heard_as_means_with_noise_in_training_alone() -> None:
    import keras

    rows = keras.Input((8, 2))
    network = keras.Model(rows, pooled_rows(rows, ValueOptions(pool=4, noise=0.2)))
    given = np.random.default_rng(0).random((500, 8, 2)).astype(np.float32)
    means = given.reshape(500, 2, 4, 2).mean(axis=2)
    np.testing.assert_allclose(network.predict(given, verbose=0), means, atol=1e-6)
    keras.utils.set_random_seed(0)
    noisy = np.asarray(network(given, training=True)) - means
    assert noisy.std() == pytest.approx(0.1, rel=0.1)


def test_history_that_begins_late_repeats_its_first_row() -> None:
    windows = np.arange(40, dtype=np.float32)[None, :, None] * np.ones((200, 1, 1), np.float32)
    cut = with_short_history(windows, np.random.default_rng(0))
    assert (cut[:, -20:] == windows[:, -20:]).all()
    changed = (cut != windows).any(axis=(1, 2))
    assert 0.6 < changed.mean() < 0.9
    assert (np.diff(cut[:, :, 0], axis=1) >= 0).all()


def test_without_a_limit_nothing_fails() -> None:
    scoring = value_scoring(TabularColumns(file="a", label="b"), 125.0, 1.0)
    assert scoring.threshold > 1e6
    assert "nothing fails" in scoring.chosen_by
