"""Process tables as data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.process.input import Feature, TabularInput
from edge_agent.contracts.process.tables import parse_table
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare
from trainer.data.process.tags import tags_of
from trainer.data.process.windows import window_csv

Write = Callable[[str, str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write table.csv and a dataset.toml whose [tabular] table is given."""

    def write(table: str, toml: str) -> Path:
        (tmp_path / "table.csv").write_text(table)
        (tmp_path / "dataset.toml").write_text(toml)
        return tmp_path

    return write


CLASS = 'task = "tabular-class"\ngood = ["ok"]\n[tabular]\nfile = "table.csv"\nlabel = "state"\n'
LIFE = (
    'task = "tabular-regression"\n[tabular]\nfile = "table.csv"\nlabel = "rows left"\n'
    'series = "pump"\nrun_to_failure = true\ncap = 2\n'
)


def mill(rows: int = 60) -> str:
    """Numbers with gaps, a text tag, a mode flag that gives the label away, and a counter."""
    rng = np.random.default_rng(0)
    lines = ["id,torque [Nm],kind,overload,state"]
    for row in range(rows):
        torque = rng.uniform(20, 60)
        bad = row % 4 == 0
        cell = "" if row % 17 == 3 else f"{torque:.1f}"
        state = "broken" if bad else "ok"
        lines.append(f"{row + 1},{cell},{'LM'[row % 3 == 0]},{int(bad and row % 8 == 0)},{state}")
    return "\n".join(lines) + "\n"


def test_columns_that_give_the_label_away_are_refused_by_name(written: Write) -> None:
    root = written(mill(400), CLASS)
    with pytest.raises(DatasetError) as caught:
        load_dataset(root)
    assert "'id' counts the rows" in str(caught.value)
    assert "'overload' = 1 always goes with label broken (50 rows)" in str(caught.value)
    assert "torque" not in str(caught.value)
    assert "exclude in [tabular]" in str(caught.value)


def test_excluded_and_trusted_columns_are_not_refused(written: Write) -> None:
    root = written(mill(400), CLASS + 'exclude = ["id"]\ntrusted = ["overload"]\n')
    assert "tags: torque [Nm], kind, overload" in load_dataset(root).decisions


def test_a_number_that_ranks_the_labels_perfectly_is_refused(written: Write) -> None:
    rows = [f"{n + 0.5 * (n % 7)},{'ok' if n < 50 else 'bad'}" for n in range(100)]
    with pytest.raises(DatasetError, match=r"'after' alone ranks the labels with AUROC"):
        load_dataset(written("\n".join(["after,state", *rows]) + "\n", CLASS))


def test_a_sensor_that_shows_every_fault_is_no_leak_for_a_detector(written: Write) -> None:
    rows = [f"{n + 0.5 * (n % 7)},{'ok' if n < 50 else 'bad'}" for n in range(100)]
    toml = CLASS.replace("tabular-class", "tabular-anomaly")
    dataset = load_dataset(written("\n".join(["vibration,state", *rows]) + "\n", toml))
    assert len(set(dataset.groups())) == 20


def test_tags_learn_units_categories_ranges_and_gaps(written: Write) -> None:
    dataset = load_dataset(written(mill(), CLASS + 'exclude = ["id", "overload"]\n'))
    torque, kind = tags_of(dataset, np.arange(30))
    assert (torque.unit, torque.missing) == ("Nm", "fill")
    assert torque.low is not None
    assert torque.high is not None
    assert torque.low < 20 < 60 < torque.high
    assert kind.categories == ["L", "M"]


def test_declared_ranges_win(written: Write) -> None:
    toml = CLASS + (
        'exclude = ["id", "overload"]\n[tabular.tags."torque [Nm]"]\nhigh = 61\n'
        'missing = "refuse"\n'
    )
    torque = tags_of(load_dataset(written(mill(), toml)), np.arange(30))[0]
    assert (torque.high, torque.missing) == (61, "refuse")


def test_ranges_of_unknown_tags_are_refused(written: Write) -> None:
    toml = CLASS + 'exclude = ["id", "overload"]\n[tabular.tags."torqe [Nm]"]\nhigh = 61\n'
    with pytest.raises(ConfigError, match="did you mean"):
        tags_of(load_dataset(written(mill(), toml)), np.arange(30))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("note,state\n" + "".join(f"text{n},ok\n" for n in range(40)), "an identifier, not a tag"),
        ("a,b,state\n" + "".join(f",{n % 9},ok\n" for n in range(40)), "has no value in 100%"),
        ("a,state\n" + "".join(f"{n % 9},ok\n" for n in range(40)) + "hot,ok\n", "row 41"),
    ],
)
def test_columns_that_are_no_tags_are_named(written: Write, table: str, message: str) -> None:
    dataset = load_dataset(written(table, CLASS))
    with pytest.raises(Exception, match=message):
        tags_of(dataset, np.arange(10))


def pumps(lives: tuple[int, ...] = (5, 4)) -> str:
    rows = [
        f"{'AB'[pump]},{10 * pump + cycle}"
        for pump, life in enumerate(lives)
        for cycle in range(life)
    ]
    return "\n".join(["pump,heat", *rows]) + "\n"


def test_a_run_to_failure_log_gives_the_rows_left(written: Write) -> None:
    dataset = load_dataset(written(pumps(), LIFE))
    assert dataset.values().tolist() == [2, 2, 2, 1, 0, 2, 2, 1, 0]
    assert dataset.labels == ["rows left"]
    assert sorted(set(dataset.groups())) == ["A", "B"]


def test_windows_end_with_their_row_and_repeat_the_first(written: Write) -> None:
    dataset = load_dataset(written(pumps(), LIFE))
    spec = TabularInput(
        tags=tags_of(dataset, np.arange(9)),
        features=[Feature(of="heat", edges=[0, 20])],
        window_rows=3,
        short="repeat-first",
        series="pump",
    )
    found = prepare(dataset, np.array([8, 5, 2]), spec, SilentProgress(), "rows")
    expected = np.array([[11, 12, 13], [10, 10, 10], [0, 1, 2]]) / 20
    np.testing.assert_allclose(found.inputs[:, :, 0], expected, atol=1e-6)
    assert found.sample.tolist() == [8, 5, 2]
    table = parse_table(window_csv(dataset, 8, spec), "golden")
    assert table.columns["heat"].tolist() == ["11", "12", "13"]


def test_the_hash_follows_the_table(written: Write) -> None:
    first = load_dataset(written(pumps(), LIFE)).sha256()
    assert load_dataset(written(pumps((6, 4)), LIFE)).sha256() != first


def test_a_missing_column_is_named_with_a_suggestion(written: Write) -> None:
    with pytest.raises(DatasetError, match="did you mean 'heat'"):
        load_dataset(written(pumps(), LIFE + 'features = ["heta"]\n'))
