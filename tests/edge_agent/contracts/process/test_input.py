from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.input import (
    Derived,
    Feature,
    TabularInput,
    Tag,
    prepare_rows,
    prepare_windows,
)
from edge_agent.contracts.process.tables import Row, Table, parse_table, table_of_rows

MILL = TabularInput(
    tags=[
        Tag(name="air [K]", low=250, high=350),
        Tag(name="process [K]", low=250, high=400),
        Tag(name="speed [rpm]"),
        Tag(name="torque [Nm]", missing="fill", fill=40.0),
        Tag(name="type", categories=["L", "M"]),
    ],
    derived=[
        Derived(name="rise [K]", op="difference", of=["process [K]", "air [K]"]),
        Derived(
            name="power [W]",
            op="product",
            of=["speed [rpm]", "torque [Nm]"],
            times=2 * math.pi / 60,
        ),
    ],
    features=[
        Feature(of="rise [K]", edges=[5, 15]),
        Feature(of="power [W]", edges=[0, 5000, 10000]),
    ],
)
GOOD: Row = {
    "air [K]": 300,
    "process [K]": 310,
    "speed [rpm]": 1500,
    "torque [Nm]": 50,
    "type": "M",
}


def prepared(**changes: float | str | None) -> tuple[list[float], str, str]:
    row = {**GOOD, **{name.replace("_", " "): value for name, value in changes.items()}}
    rows = prepare_rows(table_of_rows([row]), MILL)
    return rows.values[0].tolist(), rows.refused[0], rows.filled[0]


def test_derived_features_are_scaled_between_their_edges() -> None:
    values, refused, filled = prepared()
    power = 50 * 1500 * 2 * math.pi / 60
    assert values == pytest.approx([0.5, 1.0, (power - 5000) / 5000, 0.0, 1.0])
    assert (refused, filled) == ("", "")
    assert MILL.shape == (5,)


def test_values_beyond_the_edges_are_clipped() -> None:
    assert prepare_one(MILL, {**GOOD, "process [K]": 390})[0] == 1.0


def prepare_one(spec: TabularInput, row: Row) -> list[float]:
    return list(prepare_rows(table_of_rows([row]), spec).values[0].tolist())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"air [K]": 20.0}, r"air [K] = 20 lies outside 250..350"),
        ({"air [K]": None}, "air [K] is missing"),
        ({"type": "X"}, "type 'X' is unknown"),
        ({"type": None}, "type is missing"),
        ({"speed [rpm]": "inf"}, "speed [rpm] = inf is beyond every range"),
        ({"torque [Nm]": "Infinity"}, "torque [Nm] = inf is beyond every range"),
        ({"air [K]": "-inf"}, "air [K] = -inf is beyond every range"),
    ],
    ids=[
        "out of range",
        "missing",
        "unknown category",
        "missing category",
        "infinite",
        "infinite, where a missing one is filled",
        "infinite, with bounds",
    ],
)
def test_a_row_that_cannot_be_judged_says_why(change: dict[str, float], reason: str) -> None:
    rows = prepare_rows(table_of_rows([{**GOOD, **change}, GOOD]), MILL)
    assert rows.refused == (reason, "")
    assert np.isnan(rows.values[0]).all()
    assert np.isfinite(rows.values[1]).all()


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("others", [[], [GOOD]], ids=["alone", "after a good row"])
def test_true_is_no_number(value: float, others: list[Row]) -> None:
    table = table_of_rows([*others, {**GOOD, "torque [Nm]": value}])
    words = rf"column 'torque \[Nm\]': '{str(value).lower()}' is not a number.*categories"
    with pytest.raises(InputError, match=words):
        prepare_rows(table, MILL)


@pytest.mark.parametrize("names", [("false", "true"), ("False", "True"), ("FALSE", "TRUE")])
def test_true_is_a_category_in_the_case_of_any_program(names: tuple[str, str]) -> None:
    spec = TabularInput(tags=[Tag(name="open", categories=list(names))])
    for cell, flags in ((True, [0, 1]), ("true", [0, 1]), ("False", [1, 0]), (False, [1, 0])):
        assert prepare_one(spec, {"open": cell}) == flags


def test_a_filled_value_is_reported() -> None:
    rows = prepare_rows(table_of_rows([{**GOOD, "torque [Nm]": None}]), MILL)
    assert rows.refused == ("",)
    assert rows.filled == ("torque [Nm] is missing, 40 used",)


def test_a_column_in_another_unit_is_converted() -> None:
    row = {**GOOD, "air [°C]": 26.85}
    del row["air [K]"]
    assert prepare_one(MILL, row) == pytest.approx(prepare_one(MILL, GOOD), abs=1e-5)


def test_a_column_in_an_unknown_unit_is_refused() -> None:
    row = {**GOOD, "air [bar]": 1.0}
    del row["air [K]"]
    with pytest.raises(InputError, match=r"'air \[bar\]' is in bar, the model takes K"):
        prepare_rows(table_of_rows([row]), MILL)


def test_a_missing_column_is_named_with_those_found() -> None:
    with pytest.raises(InputError, match=r"no column 'process \[K\]'; the columns are air \[K\]"):
        prepare_rows(parse_table("air [K],x\n1,2\n", "rows.csv"), MILL)


def test_a_derived_feature_that_divides_by_zero_refuses_the_row() -> None:
    spec = TabularInput(
        tags=[Tag(name="a"), Tag(name="b")],
        derived=[Derived(name="share", op="ratio", of=["a", "b"])],
        features=[Feature(of="share", edges=[0, 1])],
    )
    rows = prepare_rows(table_of_rows([{"a": 1, "b": 0}, {"a": 1, "b": 2}]), spec)
    assert rows.refused == ("share cannot be computed", "")


SERIES = TabularInput(
    tags=[Tag(name="p", missing="hold")],
    features=[Feature(of="p", edges=[0, 10])],
    window_rows=3,
    hop_rows=2,
    series="pump",
)


def series(cells: list[tuple[str, float | None]]) -> Table:
    return table_of_rows([{"pump": pump, "p": value} for pump, value in cells])


def test_windows_end_with_the_newest_row_and_never_cross_series() -> None:
    table = series([("A", value) for value in range(5)] + [("B", 9.0)] * 3)
    windows = prepare_windows(table, SERIES)
    assert windows.ends.tolist() == [2, 4, 7]
    assert windows.values[:, :, 0].tolist() == pytest.approx(
        np.array([[0, 0.1, 0.2], [0.2, 0.3, 0.4], [0.9, 0.9, 0.9]])
    )


def test_a_held_value_never_comes_from_another_series() -> None:
    table = series([("A", 1.0), ("A", None), ("A", 3.0), ("B", None), ("B", 2.0), ("B", 2.0)])
    windows = prepare_windows(table, SERIES)
    assert windows.values[0, :, 0].tolist() == pytest.approx([0.1, 0.1, 0.3])
    assert windows.refused == {5: "p is missing"}


def test_a_short_series_is_refused_or_begins_with_its_first_row() -> None:
    table = series([("A", 1.0), ("A", 2.0)])
    assert prepare_windows(table, SERIES).refused == {1: "2 rows, one window needs 3"}
    padded = prepare_windows(table, SERIES.model_copy(update={"short": "repeat-first"}))
    assert padded.values[0, :, 0].tolist() == pytest.approx([0.1, 0.1, 0.2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": [Feature(of="torque", edges=[0, 1])]}, "'torque' is no numeric tag"),
        ({"derived": [Derived(name="d", op="log", of=["e"])]}, "'e' is no numeric tag"),
        ({"features": [], "derived": []}, None),
        (
            {"features": [], "derived": [Derived(name="type", op="abs", of=["air [K]"])]},
            "repeat",
        ),
    ],
)
def test_a_contract_that_does_not_hang_together_is_refused(
    change: dict[str, object], message: str | None
) -> None:
    document = MILL.model_dump()
    document.update({key: [m.model_dump() for m in value] for key, value in change.items()})  # type: ignore[attr-defined]
    if message is None:
        assert TabularInput.model_validate(document).width == 2
        return
    with pytest.raises(ValidationError, match=message):
        TabularInput.model_validate(document)


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "eval", "of": ["a"]},
        {"op": "difference", "of": ["a"]},
        {"op": "log", "of": ["a", "b"]},
    ],
)
def test_only_operations_of_the_table_are_accepted(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Derived.model_validate({"name": "d", **wrong})


@pytest.mark.parametrize("edges", [[0, 0], [1, 0], [0], [0, 2, 1]])
def test_edges_must_rise(edges: list[float]) -> None:
    with pytest.raises(ValidationError):
        Feature(of="a", edges=edges)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=9, unique=True),
)
def test_pieces_stay_within_0_and_1_and_rise_with_the_value(
    values: list[float], edges: list[int]
) -> None:
    spec = TabularInput(
        tags=[Tag(name="a")], features=[Feature(of="a", edges=[float(e) for e in sorted(edges)])]
    )
    ordered = sorted(values)
    rows = prepare_rows(table_of_rows([{"a": value} for value in ordered]), spec).values
    assert rows.min() >= 0
    assert rows.max() <= 1
    assert (np.diff(rows, axis=0) >= 0).all()


def test_the_contract_survives_json() -> None:
    assert TabularInput.model_validate_json(MILL.model_dump_json()) == MILL
