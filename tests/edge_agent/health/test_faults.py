"""What follows from another fault is not named beside it; nothing small explains what is large."""

from __future__ import annotations

import pytest

from edge_agent.health.faults import CURES, DEVIATIONS, EXPLAINS, explained


def names(beyond: dict[str, float], newest: dict[str, float] | None = None) -> set[str]:
    """The values by which faults are named. Within a limit: not named by itself."""
    faults = {name: much for name, much in beyond.items() if abs(much) > 1}
    return set(explained(faults, beyond, newest or {}))


@pytest.mark.parametrize(
    ("beyond", "newest", "expected"),
    [
        ({"veil": 5.0, "focus": -0.9}, {}, {"veil"}),
        ({"veil": 1.5, "focus": -0.9}, {}, {"focus"}),
        ({"spot": -3.0, "right_px": 0.2}, {"right_px": 7.0}, {"right_px"}),
        ({"spot": -3.0, "right_px": 0.2}, {"right_px": 1.5}, {"spot"}),
        ({"light": 1.4, "veil": 0.6}, {"veil": 1.2}, {"veil"}),
        ({"light": -1.4, "veil": 0.6}, {"veil": 1.2}, {"light"}),
        ({"light": -1.6, "flicker": 0.1}, {"flicker": 2.5}, {"flicker"}),
        ({"light": -1.6, "flicker": 0.1}, {"flicker": 0.3}, {"light"}),
        ({"likeness": -1.2, "spot": -4.0, "scale": 3.0}, {}, {"likeness"}),
    ],
    ids=[
        "a slight blur is not the cause of dense fog",
        "a blur near its limit is that of a slight one",
        "the newest pose moves the spots",
        "a newest pose that is less off than they does not",
        "fog, by the newest marks",
        "fog darkens nothing",
        "light that jumps now flickers",
        "a lamp that is steady is darker",
        "a lost mark explains all that has moved",
    ],
)
def test_the_cause_is_named(
    beyond: dict[str, float], newest: dict[str, float], expected: set[str]
) -> None:
    assert names(beyond, newest) == expected


def test_what_follows_weighs_as_much_as_it_did() -> None:
    assert explained({"light": 4.0}, {"light": 4.0, "veil": 0.5}, {"veil": 3.1}) == {"veil": 4.0}


def test_every_deviation_has_a_cure_and_every_cause_is_a_deviation() -> None:
    assert {row.kind for row in DEVIATIONS.values()} <= set(CURES)
    known = {*EXPLAINS, *(name for effects in EXPLAINS.values() for name in effects)}
    assert known <= set(DEVIATIONS)
