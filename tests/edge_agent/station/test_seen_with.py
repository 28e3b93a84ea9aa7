"""Limits that were learnt with another camera or view are not put in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.health.commissioning import ChannelCommissioning
from edge_agent.health.limits import Limit
from edge_agent.station.config import Channel, StationConfig
from edge_agent.station.seen_with import refuse_other_camera, seen_with, warn_of_earlier_version

VIEW = {"left": 0.25, "width": 0.5}


def channel(kind: str = "image", view: dict[str, float] | None = None, **source: object) -> Channel:
    table = {"name": "top", "kind": kind, "bundle": "a", "source": {"driver": "simulated"} | source}
    table |= {"view": view} if view else {}
    document = {"station": {"id": "test"}, "channel": [table]}
    return StationConfig.model_validate(document).channel[0]


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (channel(), True),
        (channel(view={"left": 0.0}), True),
        (channel(width_px=640), True),
        (channel(defect_rate=0.5, rate_hz=5, fault="lamp"), True),
        (channel(view=VIEW), False),
        (channel(width_px=320), False),
        (channel(driver="rtsp", url="rtsp://cell-4/top"), False),
    ],
    ids=["same", "whole view", "usual", "other parts", "view", "size", "driver"],
)
def test_limits_hold_for_the_camera_and_view_they_were_learnt_with(
    other: Channel, *, is_same: bool
) -> None:
    path = Path("commissioning.json")
    learned = ChannelCommissioning(kind="image", parts=120, seen_with=seen_with(channel()))
    assert (seen_with(other) == learned.seen_with) is is_same
    if not is_same:
        with pytest.raises(ConfigError, match=r"channel top .* learn again"):
            refuse_other_camera(learned, other, path)
    refuse_other_camera(learned.model_copy(update={"seen_with": ""}), other, path)


def test_a_sensor_has_no_view() -> None:
    assert seen_with(channel("vibration")) == ""


@pytest.mark.parametrize(("kind", "name"), [("image", "flicker"), ("vibration", "repeated")])
def test_what_an_earlier_version_did_not_learn_is_said(
    kind: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    limit = Limit(level=0.0, reach=0.1, step=0.1)
    of_now = ChannelCommissioning(kind=kind, parts=120, limits={name: limit})
    warn_of_earlier_version(of_now, "top")
    assert caplog.text == ""
    warn_of_earlier_version(of_now.model_copy(update={"limits": {"level": limit}}), "top")
    assert f"{name} is not watched; commission again" in caplog.text
