"""Faults of a station are named with their cure, and a bad part is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Image, Reading, Signal
from edge_agent.health.commissioning import (
    CameraLearner,
    ChannelCommissioning,
    Commissioning,
    SensorLearner,
    read_commissioning,
    write_commissioning,
)
from edge_agent.health.faults import CURES
from edge_agent.health.limits import FORGOTTEN
from edge_agent.health.watch import CameraWatch, SensorWatch, build_watch
from edge_agent.simulator.disturbance import (
    CameraFault,
    SensorFault,
    disturbed_image,
    disturbed_signal,
)
from tests.health_frames import healthy_frame


@pytest.fixture(scope="module")
def learned() -> ChannelCommissioning:
    learner = CameraLearner()
    for k in range(130):
        learner.add(healthy_frame(k), 0.1 + 0.01 * (k % 7))
    return learner.learn()


def after(learned: ChannelCommissioning, frames: list[Image]) -> CameraWatch:
    watch = CameraWatch(learned)
    for k in range(200, 226):
        watch.add(healthy_frame(k))
    assert watch.faults == ()
    for frame in frames:
        watch.add(frame)
    return watch


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("defocus", "focus"),
        ("lamp", "light"),
        ("cast", "tint"),
        ("shift", "shift"),
        ("turn", "turn"),
        ("dirt", "dirt"),
        ("flicker", "flicker"),
        ("bands", "flicker"),
        ("fog", "veil"),
        ("shake", "vibration"),
        ("zoom", "scale"),
    ],
)
def test_each_fault_is_named_within_20_parts(
    learned: ChannelCommissioning, fault: CameraFault, kind: str
) -> None:
    frames = [healthy_frame(k) for k in range(300, 320)]
    watch = after(learned, [disturbed_image(one, one, fault, 2) for one in frames])
    assert watch.faults[0].kind == kind
    assert CURES[kind] in str(watch.faults[0])


def test_one_side_that_is_darker_is_uneven_light(learned: ChannelCommissioning) -> None:
    light = np.linspace(1.15, 0.85, 320)[None, :, None]
    watch = after(learned, [(healthy_frame(k) * light).astype(np.uint8) for k in range(300, 320)])
    assert watch.faults[0].kind == "uneven"
    assert "the right side is" in watch.faults[0].text


@pytest.mark.parametrize("grey", [10, 250])
def test_a_spot_that_stays_is_dirt_whether_dark_or_bright(
    learned: ChannelCommissioning, grey: int
) -> None:
    frames = [healthy_frame(k) for k in range(300, 320)]
    for frame in frames:
        cv2.circle(frame, (60, 180), 8, (grey, grey, grey), -1)
    fault = after(learned, frames).faults[0]
    assert fault.kind == "dirt"
    assert ("a dark spot" if grey == 10 else "a bright spot") in fault.text


def test_a_mirrored_picture_is_another_view_and_neither_dirt_nor_flicker(
    learned: ChannelCommissioning,
) -> None:
    mirrored = [np.ascontiguousarray(healthy_frame(k)[:, ::-1]) for k in range(300, 320)]
    (fault,) = after(learned, mirrored).faults
    assert fault.kind == "mark"
    assert fault.is_severe


def test_fog_is_not_called_a_brighter_lamp_at_any_part(learned: ChannelCommissioning) -> None:
    watch = after(learned, [])
    said = set()
    for k in range(300, 320):
        frame = healthy_frame(k)
        watch.add(disturbed_image(frame, frame, "fog", 3))
        said.add(watch.faults[0].kind if watch.faults else "")
    assert said == {"", "veil"}


def test_one_dark_frame_alone_is_odd_and_no_fault_of_the_station(
    learned: ChannelCommissioning,
) -> None:
    watch = after(learned, [healthy_frame(300, 0.4)])
    assert watch.faults == ()
    assert watch.odd is not None
    assert "darker" in str(watch.odd)
    watch.add(healthy_frame(301))
    assert watch.odd is None


def test_missed_flashes_take_no_pass_but_their_own(learned: ChannelCommissioning) -> None:
    watch = after(learned, [])
    blocked = []
    for k in range(300, 330):
        watch.add(healthy_frame(k, 0.4 if k in (302, 307) else 1.0))
        if watch.odd or any(fault.is_severe for fault in watch.faults):
            blocked.append(k)
    assert blocked == [302, 307]


@pytest.mark.parametrize(("larger", "word"), [(1.03, "larger"), (0.97, "smaller")])
def test_the_words_say_which_way_the_picture_is_of_another_size(
    learned: ChannelCommissioning, larger: float, word: str
) -> None:
    matrix = cv2.getRotationMatrix2D((159.5, 119.5), 0, larger)
    frames = [
        cv2.warpAffine(healthy_frame(k), matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)
        for k in range(300, 320)
    ]
    faults = after(learned, [np.asarray(one, np.uint8) for one in frames]).faults
    (text,) = [fault.text for fault in faults if fault.kind == "scale"]
    assert text.startswith("the picture is ")
    assert text.endswith(f"% {word}")
    assert "-" not in text


def test_bad_parts_are_no_fault_of_the_station(learned: ChannelCommissioning) -> None:
    frames = [healthy_frame(k) for k in range(300, 330)]
    rng = np.random.default_rng(1)
    for frame in frames[::3]:
        x, y = (int(value) for value in rng.integers(120, 170, 2))
        cv2.circle(frame, (x, min(y, 150)), 14, (10, 10, 10), -1)
    assert after(learned, frames).faults == ()


@pytest.mark.parametrize("light", [0.8, 0.6])
def test_the_words_say_how_dark_the_lamp_is(learned: ChannelCommissioning, light: float) -> None:
    watch = after(learned, [healthy_frame(k, light) for k in range(300, 304)])
    (fault,) = watch.faults
    darker = int(fault.text.removeprefix("the lamp is ").removesuffix("% darker"))
    assert darker == pytest.approx(100 * (1 - light), abs=4)


def test_a_fault_keeps_its_words_and_goes_with_its_cause(learned: ChannelCommissioning) -> None:
    dark = [healthy_frame(k, 0.8) for k in range(300, 312)]
    watch = after(learned, dark)
    words = [str(fault) for fault in watch.faults]
    watch.add(healthy_frame(312, 0.7))
    assert [str(fault) for fault in watch.faults] == words
    for k in range(400, 430):
        watch.add(healthy_frame(k))
    assert watch.faults == ()


def test_a_frame_of_another_size_is_severe(learned: ChannelCommissioning) -> None:
    watch = CameraWatch(learned)
    watch.add(np.zeros((10, 10, 3), np.uint8))
    assert watch.faults[0].is_severe
    assert "commissioned was 320x240" in str(watch.faults[0])


def test_scores_that_move_are_a_drift_and_never_severe(learned: ChannelCommissioning) -> None:
    watch = CameraWatch(learned)
    for _ in range(200):
        watch.add_score(0.3)
    watch.add(healthy_frame(1))
    assert [fault.kind for fault in watch.faults] == ["drift"]
    assert not watch.faults[0].is_severe


def test_scores_of_another_shape_are_a_drift() -> None:
    learner = CameraLearner()
    for k in range(120):
        learner.add(healthy_frame(k), 0.5 + 0.1 * np.sin(37.0 * k * k))
    watch = CameraWatch(learner.learn())
    for k in range(500):
        watch.add_score(0.5 + 0.002 * np.sin(37.0 * k * k))
    watch.add(healthy_frame(1))
    assert "another distribution" in str(watch.faults[0])


def machine(k: int) -> Reading:
    rng = np.random.default_rng([k, 5])
    times = np.arange(4000) / 8000
    wave = np.sin(2 * np.pi * 25 * times + k) * 0.3 + rng.normal(0, 0.2, 4000)
    return Reading(wave.astype(np.float32)[:, None], 8000.0, 0, 0, k, rpm=1500.0)


@pytest.mark.parametrize(
    ("fault", "kind"), [("loose", "loose"), ("clipped", "clipped"), ("dropouts", "repeated")]
)
def test_faults_of_a_sensor_are_named(fault: SensorFault, kind: str) -> None:
    learner = SensorLearner()
    for k in range(80):
        learner.add(machine(k))
    watch = build_watch(learner.learn())
    assert isinstance(watch, SensorWatch)
    for k in range(100, 130):
        watch.add(machine(k))
    assert watch.faults == ()
    for k in range(200, 220):
        one = machine(k)
        signal = disturbed_signal(one.signal, fault, 3, k)
        watch.add(Reading(signal, 8000.0, 0, 0, k, rpm=1500.0))
    assert watch.faults[0].kind == kind


def opened(signal: Signal, k: int) -> Signal:
    """A contact that opens for a fiftieth of the reading."""
    found = signal.copy()
    begin = 40 * (k % 50)
    found[begin : begin + 128] = np.random.default_rng(k).normal(0, 1e-3, (128, 1))
    return found


def with_hum(signal: Signal, k: int) -> Signal:
    times = np.arange(len(signal))[:, None] / 8000
    return (signal + np.sin(2 * np.pi * 50 * times + k)).astype(np.float32)


@pytest.mark.parametrize(
    ("plant", "kinds"),
    [
        (opened, {"silent"}),
        (lambda signal, _: signal + np.float32(0.5), {"offset"}),
        (lambda signal, _: -(signal + np.float32(0.5)), {"offset"}),
        (with_hum, set()),
        (lambda signal, _: -signal, set()),
    ],
    ids=["a contact opens", "a bias", "turned round in gravity", "a hum is not loose", "inverted"],
)
def test_other_faults_of_a_sensor_have_their_own_name_or_none(
    plant: Callable[[Signal, int], Signal], kinds: set[str]
) -> None:
    learner = SensorLearner()
    for k in range(80):
        learner.add(machine(k))
    watch = SensorWatch(learner.learn())
    for k in range(200, 220):
        one = machine(k)
        watch.add(replace(one, signal=plant(one.signal, k)))
    assert {fault.kind for fault in watch.faults} == kinds


def test_a_reading_of_an_open_contact_alone_is_odd() -> None:
    learner = SensorLearner()
    for k in range(80):
        learner.add(machine(k))
    watch = SensorWatch(learner.learn())
    watch.add(replace(machine(100), signal=machine(100).signal * np.float32(0.01)))
    assert watch.odd is not None
    assert "lower" in str(watch.odd)
    # A louder machine is the machine's own business.
    watch.add(replace(machine(101), signal=machine(101).signal * np.float32(100)))
    assert watch.odd is None


def test_a_rate_that_cannot_be_measured_any_more_is_forgotten() -> None:
    learner = SensorLearner()
    for k in range(80):
        learner.add(machine(k))
    watch = SensorWatch(learner.learn())
    for k in range(100, 120):
        watch.add(replace(machine(k), rate_hz=7840.0))
    assert [fault.kind for fault in watch.faults] == ["rate"]
    for k in range(200, 200 + FORGOTTEN):
        assert [fault.kind for fault in watch.faults] == ["rate"], "one gap says nothing"
        watch.add(replace(machine(k), rpm=None))
    assert watch.faults == ()


def test_a_camera_that_was_moved_until_its_marks_are_lost_stays_a_fault(
    learned: ChannelCommissioning,
) -> None:
    def moved(k: int, right: int) -> Image:
        return np.roll(healthy_frame(k), right, axis=1)

    watch = after(learned, [moved(k, 8) for k in range(300, 320)])
    assert watch.faults[0].kind == "shift"
    for k in range(320, 320 + 4 * FORGOTTEN):
        watch.add(moved(k, 40))
        assert watch.faults[0].is_severe
    assert {fault.kind for fault in watch.faults} <= {"shift", "mark"}


def test_the_file_is_read_as_it_was_written(learned: ChannelCommissioning, tmp_path: Path) -> None:
    path = tmp_path / "commissioning.json"
    assert read_commissioning(path).channels == {}
    found = Commissioning(channels={"top": learned})
    write_commissioning(path, found)
    assert read_commissioning(path) == found
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"commissioning\.json"):
        read_commissioning(path)


def test_too_few_parts_and_another_size_are_refused() -> None:
    learner = CameraLearner()
    learner.add(healthy_frame(1))
    with pytest.raises(ValueError, match="another size"):
        learner.add(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match="1 parts came, 120 are needed"):
        learner.learn()
