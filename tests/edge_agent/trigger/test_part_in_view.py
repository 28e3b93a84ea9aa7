"""Parts that come into the picture of a camera that runs free."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.types import Frame, Image, Reading
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from edge_agent.station.trigger_watch import SeenFirst
from edge_agent.trigger.part_in_view import PartDetector, PartInView, PartInViewTable
from tests.station_kit import write_station

WIDTH, HEIGHT, PART = 160, 60, 40
TABLE = PartInViewTable(
    driver="part_in_view", channel="top", region=(0.375, 0, 0.25, 1), learn_frames=9
)


def frame(place: int | None, *, light: float = 1.0, seed: int = 0) -> Image:
    """A textured belt, with a bright part whose left end is at `place` px."""
    rng = np.random.default_rng(7)
    picture = rng.integers(50, 70, (HEIGHT, WIDTH)).astype(float)
    if place is not None:
        picture[10:50, max(0, place) : max(0, place + PART)] = 180
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.repeat(np.clip(picture * light + noise, 0, 255)[:, :, None], 3, 2).astype(np.uint8)


def learnt() -> PartDetector:
    detector = PartDetector(TABLE)
    for seed in range(TABLE.learn_frames):
        assert not detector.sees(frame(None, seed=seed))
    assert not detector.sees(frame(None, seed=99))
    return detector


def test_each_part_is_seen_once_when_it_has_come() -> None:
    detector = learnt()
    passes = [(part, place) for part in range(3) for place in range(-PART, WIDTH, 5)]
    seen = [
        (part, place) for part, place in passes if detector.sees(frame(place, seed=place + PART))
    ]
    assert [part for part, _ in seen] == [0, 1, 2]
    places = {place for _, place in seen}
    assert len(places) == 1
    assert WIDTH * 0.375 < places.pop() + PART < WIDTH * 0.625, "as soon as a third is covered"


def test_light_that_changes_slowly_is_no_part() -> None:
    detector = learnt()
    for step in range(300):
        assert not detector.sees(frame(None, light=1 + step / 300, seed=step))
    assert detector.sees(frame(60, light=2, seed=1))


def test_belt_is_learnt_from_mostly_empty_frames_and_a_part_there_is_old() -> None:
    detector = PartDetector(TABLE)
    for seed in range(TABLE.learn_frames):
        assert not detector.sees(frame(60 if seed % 3 == 2 else None, seed=seed))
    assert not detector.sees(frame(60)), "it came before"
    assert not detector.sees(frame(None))
    assert detector.sees(frame(60))


def test_event_has_the_moment_of_its_frame() -> None:
    trigger = PartInView(TABLE, name="view", clock=ManualClock())
    with pytest.raises(DeviceError, match="not open"):
        trigger.next(0)
    trigger.open()
    places = [None] * 10 + [60, 62, None, 60]
    for k, place in enumerate(places):
        trigger.see(Frame(frame(place, seed=k), 1000 + k, k, k, "top"))
    trigger.see(Reading(np.zeros((4, 1), np.float32), 1000.0, 0, 99, 0))
    events = [trigger.next(0) for _ in range(3)]
    assert [event.mono_ns if event else None for event in events] == [10, 13, None]
    assert trigger.status().events == 2
    trigger.close()


class Watch:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def grabbed(self, item: Frame) -> None:
        self.told.append("grabbed")

    def dropped(self, item: Frame) -> None:
        self.told.append("dropped")


def test_trigger_sees_a_frame_before_it_is_matched() -> None:
    trigger, watch = PartInView(TABLE, name="view", clock=ManualClock()), Watch()
    trigger.open()
    first = SeenFirst(trigger, watch)  # type: ignore[arg-type]
    for k in range(11):
        first.grabbed(Frame(frame(60 if k == 10 else None, seed=k), 0, k, k, "top"))
    first.dropped(Frame(frame(None), 0, 0, 0, "top"))
    event = trigger.next(0)
    assert event is not None
    assert watch.told == ["grabbed"] * 11 + ["dropped"]


@pytest.mark.parametrize(
    "table",
    [{"region": (0.5, 0, 0.6, 1)}, {"region": (0, 0, 0, 1)}, {"leave_share": 0.5}],
)
def test_region_and_shares_must_make_sense(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"within the picture|below enter_share"):
        PartInViewTable.model_validate({"driver": "part_in_view", "channel": "top"} | table)


@pytest.mark.parametrize(
    ("channel", "words"), [("side", "no image channel"), ("top", "match.window_ms")]
)
def test_trigger_that_looks_at_the_wrong_frames_is_refused(
    bench: Path, channel: str, words: str
) -> None:
    trigger = f'driver = "part_in_view"\nchannel = "{channel}"\n'
    line = 'join = "trigger"\ndeadline_ms = 500'
    path = write_station(bench, 'driver = "simulated"\n', trigger=trigger, line=line)
    with pytest.raises(ConfigError, match=words):
        read_config(path)


def test_camera_that_runs_free_judges_one_frame_of_each_part(bench: Path) -> None:
    places = [None] * 10 + [0, 30, 60, 90, 120] + [None] * 3 + [20, 50, 80, 110] + [None] * 12
    for k, place in enumerate(places):
        cv2.imwrite(str(bench / "frames" / f"f{k:03}.png"), frame(place, seed=k))
    for old in (bench / "frames").glob("part*.png"):
        old.unlink()
    trigger = (
        'driver = "part_in_view"\nchannel = "top"\nregion = [0.375, 0, 0.25, 1]\nlearn_frames = 9'
    )
    line = 'join = "trigger"\ndeadline_ms = 5000\nreport_ms = 100'
    path = write_station(
        bench, 'driver = "folder"\npath = "frames"\nrate_hz = 25', trigger=trigger, line=line
    )
    text = path.read_text().replace(
        "[channel.source]", "match = { window_ms = [0, 0] }\n[channel.source]"
    )
    path.write_text(text)
    decisions: list[Decision] = []
    station = Station(
        read_config(path), clock=SystemClock(), output=decisions.append, keep_trying=False
    )
    station.run(threading.Event())
    assert [decision.part_id for decision in decisions] == ["1", "2"]
    assert all(one.channels[0].captured_at_ns for one in decisions), "each has its own frame"
    assert not any("missed" in one.reason or "double" in one.reason for one in decisions)
