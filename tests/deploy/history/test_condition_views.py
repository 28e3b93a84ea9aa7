"""Machine condition and remaining life, against scipy's regression."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.stats import linregress

from deploy.history.store import HistoryStore
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.messages import DurableMessage
from tests.deploy.history.history_kit import HOUR_NS, NOON_NS, arrival


class Axis(Strict):
    """One axis of a sensor."""

    axis: str
    rms_mm_s: float | None = None


class Condition(DurableMessage):
    """What the views read of a condition message."""

    kind: Literal["condition"] = "condition"
    channel: str = "motor"
    axes: list[Axis]
    zone: str | None = None
    trend_mm_s_per_h: float | None = None


def readings(
    store: HistoryStore, velocities: np.ndarray, channel: str = "motor", step_h: float = 1.0
) -> None:
    """One reading an hour from noon on; the axis y is always at half of x."""
    start = len(store.query("SELECT event_id FROM message"))
    store.add(
        arrival(
            Condition(
                station="test",
                at_ns=NOON_NS + round(k * step_h * HOUR_NS),
                event_id=f"test/1/{start + k}",
                channel=channel,
                axes=[Axis(axis="y", rms_mm_s=v / 2), Axis(axis="x", rms_mm_s=v), Axis(axis="z")],
                zone="B",
            )
        )
        for k, v in enumerate(velocities.tolist())
    )


def test_the_worst_axis_of_the_newest_reading_is_the_machine_now(store: HistoryStore) -> None:
    readings(store, np.array([1.0, 2.0, 1.5]))
    (row,) = store.query("SELECT channel, zone, rms_mm_s, at_ns FROM machine_now")
    assert tuple(row.values()) == ("motor", "B", 1.5, NOON_NS + 2 * HOUR_NS)


def test_remaining_life_is_where_the_fitted_line_meets_the_limit(store: HistoryStore) -> None:
    hours = np.arange(160.0)
    noise = np.random.default_rng(1).normal(0, 0.05, len(hours))
    velocities = 1.5 + 0.01 * hours + noise
    readings(store, velocities)
    fit = linregress(hours - hours[-1], velocities)
    (row,) = store.query("SELECT * FROM remaining_life")
    assert row["slope_mm_s_per_h"] == pytest.approx(fit.slope)
    assert row["level_mm_s"] == pytest.approx(fit.intercept)
    assert row["slope_error"] == pytest.approx(fit.stderr)
    left = 4.5 - fit.intercept
    assert [row[f"remaining{end}_h"] for end in ("", "_low", "_high")] == pytest.approx(
        [left / fit.slope, left / (fit.slope + 1.96 * fit.stderr),
         left / (fit.slope - 1.96 * fit.stderr)]
    )  # fmt: skip
    (feed,) = store.query("SELECT * FROM equipment_property")
    assert (feed["equipment_id"], feed["property_id"], feed["unit_of_measure"]) == (
        "test/motor", "RemainingUsefulLife", "h",
    )  # fmt: skip
    assert feed["value"] == row["remaining_h"]


def test_only_the_last_week_counts(store: HistoryStore) -> None:
    velocities = np.concatenate([np.linspace(9, 1, 50), np.linspace(1, 2, 169)])
    readings(store, velocities)
    (row,) = store.query("SELECT readings, slope_mm_s_per_h FROM remaining_life")
    assert tuple(row.values()) == (169, pytest.approx(1 / 168))


def test_a_machine_that_does_not_rise_has_no_end_in_sight(store: HistoryStore) -> None:
    readings(store, 2.0 + np.tile([0.1, -0.1], 40))
    (row,) = store.query("SELECT * FROM remaining_life")
    assert row["remaining_high_h"] is None


def test_a_machine_beyond_its_own_limit_has_no_life_left(store: HistoryStore) -> None:
    readings(store, np.linspace(1, 3, 50))
    store.query("INSERT INTO machine_limit VALUES ('test', 'motor', 2.8)")
    (row,) = store.query("SELECT limit_mm_s, remaining_h FROM remaining_life")
    assert tuple(row.values()) == (2.8, 0.0)


def test_readings_of_one_moment_or_too_few_give_no_line(store: HistoryStore) -> None:
    readings(store, np.array([1.0, 2.0]))
    readings(store, np.ones(5), channel="fan", step_h=0)
    assert store.query("SELECT * FROM remaining_life") == []
