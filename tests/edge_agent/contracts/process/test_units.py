from __future__ import annotations

import math

import pytest

from edge_agent.contracts.process.units import KNOWN, are_units, conversion, split_name


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (25.0, "°C", "K", 298.15),
        (300.0, "K", "degC", 26.85),
        (212.0, "°F", "°C", 100.0),
        (1500.0, "rpm", "Hz", 25.0),
        (60.0, "rpm", "rad/s", 2 * math.pi),
        (2.0, "bar", "kPa", 200.0),
        (60.0, "l/min", "m³/h", 3.6),
        (7.0, "V", "V", 7.0),
        (7.0, "widgets", "widgets", 7.0),
    ],
)
def test_known_units_convert(value: float, unit: str, wanted: str, expected: float) -> None:
    change = conversion(unit, wanted)
    assert change is not None
    assert change[0] * value + change[1] == pytest.approx(expected)


@pytest.mark.parametrize(("unit", "wanted"), [("K", "bar"), ("widgets", "K"), ("Nm", "W")])
def test_other_quantities_do_not_convert(unit: str, wanted: str) -> None:
    assert conversion(unit, wanted) is None


def test_every_unit_converts_there_and_back() -> None:
    for one in KNOWN:
        for other in KNOWN:
            there, back = conversion(one, other), conversion(other, one)
            if there is None or back is None:
                assert there is None
                assert back is None
                continue
            value = there[0] * 12.5 + there[1]
            assert back[0] * value + back[1] == pytest.approx(12.5, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Torque [Nm]", ("Torque", "Nm")),
        ("Air temperature (°C)", ("Air temperature", "degC")),
        ("Type", ("Type", "")),
    ],
)
def test_a_name_carries_its_unit(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("cells", "units"),
    [
        (["bar", "", "m/s2"], True),
        (["[au]", "-"], True),
        (["", "-", "1"], False),
        (["bar", "left"], False),
        (["bar", "3.5"], False),
    ],
)
def test_a_line_of_units_has_one_and_nothing_else(cells: list[str], units: bool) -> None:
    assert are_units(cells) is units
