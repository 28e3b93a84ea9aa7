from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.decide.bearings import BEARINGS, Bearing, fault_lines, find_bearing

RATE_HZ = 12_000
PUBLISHED_6205 = {"BPFO": 3.5848, "BPFI": 5.4152, "BSF": 4.7135 / 2, "FTF": 0.39828}
"""Case Western Reserve bearing data center, drive end, multiples of the running speed."""


def worn(order: float, rpm: float, noise: float = 0.05, seconds: float = 2.0) -> Recording:
    """A resonance struck at a fault's order, with 1 % slip."""
    rng = np.random.default_rng(1)
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hits = np.cumsum(60 / rpm / order * rng.normal(1, 0.01, int(seconds * rpm / 60 * order)))
    since = t - np.concatenate([[0.0], hits])[np.searchsorted(hits, t, side="right")]
    ring = np.exp(-since * 900) * np.sin(2 * np.pi * 3100 * since)
    signal = (ring + rng.normal(0, noise, len(t))).astype(np.float32)[:, None]
    return Recording(signal, RATE_HZ, ("drive end",), rpm=rpm)


def test_orders_of_a_published_bearing() -> None:
    assert find_bearing("6205-2RS").orders == pytest.approx(PUBLISHED_6205, abs=2e-3)


@pytest.mark.parametrize("bearing", BEARINGS.values(), ids=str)
def test_races_share_the_balls(bearing: Bearing) -> None:
    orders = bearing.orders
    assert orders["BPFO"] + orders["BPFI"] == pytest.approx(bearing.elements)


@pytest.mark.parametrize("rpm", [700.0, 1797.0])
@pytest.mark.parametrize("kind", ["BPFO", "BPFI", "BSF"])
def test_a_worn_bearing_says_what_is_worn(kind: str, rpm: float) -> None:
    bearing = find_bearing("6205-2RS")
    struck = bearing.orders[kind] * (2 if kind == "BSF" else 1)
    lines = fault_lines(worn(struck, rpm, seconds=4), bearing)
    assert lines[0].kind == kind
    assert "drive end" in str(lines[0])


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_names_no_fault(seed: int) -> None:
    signal = np.random.default_rng(seed).normal(size=(2 * RATE_HZ, 1)).astype(np.float32)
    assert fault_lines(Recording(signal, RATE_HZ, ("x",), rpm=1500), BEARINGS["ER-16K"]) == []


def test_orders_need_the_speed() -> None:
    recording = worn(3.6, 1800.0)
    blind = Recording(recording.signal, RATE_HZ, recording.axes)
    with pytest.raises(InputError, match="give rpm"):
        fault_lines(blind, BEARINGS["6205-2RS"])


def test_an_unknown_bearing_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="6205-2RS"):
        find_bearing("9999")
