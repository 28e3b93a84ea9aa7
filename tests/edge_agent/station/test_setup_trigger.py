"""Triggers that are tried while a station is set up: the parts of the frames are counted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Image
from edge_agent.station.config import StationConfig
from edge_agent.station.setup_draft import CHANNEL, Draft
from edge_agent.station.setup_trigger import try_trigger
from edge_agent.web.commission import Choice, Setting

LEARN = 9
LOOKS: dict[str, Setting] = {
    "driver": "part_in_view",
    "channel": CHANNEL,
    "region": [0.0, 0.0, 1.0, 1.0],
    "learn_frames": LEARN,
}
SHOWS = [False] * (LEARN + 1) + [True, True, False, True, False]
"""Whether each frame shows a part: two come."""


def frame(*, has_part: bool, beside: int) -> Image:
    """A dark belt on the right, with its part; on the left another machine that moves."""
    picture = np.full((40, 80, 3), 60, np.uint8)
    picture[:, :40] = beside
    if has_part:
        picture[5:35, 45:75] = 180
    return picture


def config(folder: Path, trigger: dict[str, Setting]) -> StationConfig:
    (folder / "bundles" / "caps").mkdir(parents=True)
    source: dict[str, Setting] = {"driver": "folder", "path": "frames"}
    view = {"left": 0.5, "width": 0.5}
    choice = Choice(station="a", bundle="bundles/caps", source=source, view=view, trigger=trigger)
    return Draft(folder / "station.toml", {}).channel(choice)[1]


def test_a_trigger_that_looks_at_the_camera_is_shown_its_view(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for k, has_part in enumerate(SHOWS):
        picture = frame(has_part=has_part, beside=250 * (k % 2))
        cv2.imwrite(str(tmp_path / "frames" / f"{k:02}.png"), picture)
    found = try_trigger(config(tmp_path, LOOKS), clock=SystemClock())
    assert (found.events, found.fault) == (2, "")
    assert found.first_s is not None


def test_a_trigger_that_cannot_be_tried_alone_says_so(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(
        '[encoder]\ndriver = "simulated"\num_per_count = 10.0\n', "utf-8"
    )
    asked = config(tmp_path, {"driver": "encoder", "every_mm": 100.0})
    with pytest.raises(ConfigError, match="not tried here"):
        try_trigger(asked, clock=SystemClock())
    with pytest.raises(ConfigError, match="no trigger"):
        try_trigger(asked.model_copy(update={"trigger": None}), clock=SystemClock())
