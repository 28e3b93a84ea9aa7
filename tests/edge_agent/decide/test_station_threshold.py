"""A threshold that was set at the station belongs to one bundle and survives everything but it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.scoring import Scoring, decide
from edge_agent.decide.station_threshold import (
    StationThresholds,
    ThresholdSetting,
    bounds,
    fails,
    is_looser,
    moved,
)

OWN = Scoring(threshold=0.5)


def setting(threshold: float, *, bundle: str = "caps 1.0.0", own: float = 0.5) -> ThresholdSetting:
    return ThresholdSetting(
        channel="top", bundle=bundle, own=own, threshold=threshold, by="ann", at_ns=1
    )


def test_the_last_setting_of_this_very_bundle_is_in_force(tmp_path: Path) -> None:
    kept = StationThresholds(tmp_path / "state")
    assert kept.scoring_for("top", "caps 1.0.0", OWN) is OWN
    kept.add(setting(0.4))
    kept.add(setting(0.3))
    again = StationThresholds(tmp_path / "state")
    found = again.scoring_for("top", "caps 1.0.0", OWN)
    assert (found.threshold, found.chosen_by) == (0.3, "set at the station by ann")
    assert again.scoring_for("top", "caps 1.0.1", OWN) is OWN
    assert again.scoring_for("side", "caps 1.0.0", OWN) is OWN
    # A bundle of the same name that brings another threshold is another bundle.
    assert again.scoring_for("top", "caps 1.0.0", Scoring(threshold=0.6)).threshold == 0.6


def test_the_setting_before_counts_again(tmp_path: Path) -> None:
    kept = StationThresholds(tmp_path)
    kept.add(setting(0.4))
    kept.add(setting(0.3))
    kept.add(setting(0.7, own=0.6))  # of another bundle, which bears the same name
    kept.drop_last("top", "caps 1.0.0", 0.5)
    assert kept.scoring_for("top", "caps 1.0.0", OWN).threshold == 0.4
    kept.drop_last("top", "caps 1.0.0", 0.5)
    assert kept.settings() == [setting(0.7, own=0.6)]
    kept.drop_last("top", "caps 1.0.0", 0.6)
    assert not (tmp_path / "thresholds.json").exists()


def test_settings_die_with_their_bundle(tmp_path: Path) -> None:
    kept = StationThresholds(tmp_path)
    kept.add(setting(0.4))
    kept.add(setting(0.2, bundle="lids 2.0.0"))
    assert kept.keep_only({("top", "lids 2.0.0"), ("top", "caps 1.0.1")}) == [setting(0.4)]
    assert kept.settings() == [setting(0.2, bundle="lids 2.0.0")]
    assert kept.keep_only({("top", "lids 2.0.0")}) == []


@pytest.mark.parametrize("damage", [b"", b"{", b'{"settings": [{}]}', b'{"x": 1}'])
def test_a_damaged_file_is_no_threshold_of_the_bundle(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "thresholds.json").write_bytes(damage)
    with pytest.raises(InputError, match="remove the file to judge"):
        StationThresholds(tmp_path).scoring_for("top", "caps 1.0.0", OWN)


def test_the_band_of_doubt_moves_with_the_threshold() -> None:
    own = Scoring(threshold=0.5, unsure_low=0.45, unsure_high=0.6)
    scoring = moved(own, 0.3, "x")
    verdicts = [decide(score, scoring)[0] for score in (0.2, 0.3, 0.45, 0.9)]
    assert verdicts == [Verdict.PASS, Verdict.NO_VERDICT, Verdict.FAIL, Verdict.FAIL]
    assert moved(own, 0.01, "x").unsure_low == 0.0


@pytest.mark.parametrize(
    ("own", "low", "high", "looser"),
    [
        (Scoring(threshold=0.5), 0.01, 0.99, 0.6),
        (Scoring(kind="anomaly", threshold=2.0), 0.2, 4.0, 2.1),
        (Scoring(kind="anomaly", threshold=0.0), -9e-7, 1e-6, 1e-7),
        (Scoring(kind="value", worse="low", threshold=10), 5.0, 20.0, 9.0),
    ],
)
def test_bounds_and_the_direction_in_which_parts_would_pass(
    own: Scoring, low: float, high: float, looser: float
) -> None:
    assert bounds(own) == pytest.approx((low, high))
    assert is_looser(own, looser)
    assert not is_looser(own, own.threshold)
    assert fails(own.threshold, own.threshold, own)
