"""Faults planted on the simulated line: how many are named rightly, and how many false alarms.

The truth comes from the plant: which fault begins at which part. Some parts are bad: a fault
that is named by another name, or not at all, counts as one that was taken for the parts' defect.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np

from benchmarks.rows import Row, say
from edge_agent.contracts.core.types import Image, Reading
from edge_agent.health.commissioning import CameraLearner, ChannelCommissioning, SensorLearner
from edge_agent.health.frame import FrameHealth, FrameHealthTable
from edge_agent.health.watch import CameraWatch, SensorWatch
from edge_agent.simulator import motor, scene
from edge_agent.simulator.disturbance import (
    WRONG_RATE,
    CameraFault,
    SensorFault,
    Strength,
    disturbed_image,
    disturbed_signal,
    draw_marks,
    shown_part,
)

SIZE_PX = (320, 240)
WITHIN = 20
BEFORE = 26
"""Healthy parts before each planted fault."""
DEFECTS = 0.05
"""Share of bad parts among those that are watched: they must not look like faults."""
CAMERA: dict[CameraFault, str] = {
    "defocus": "focus",
    "lamp": "light",
    "cast": "tint",
    "shift": "shift",
    "turn": "turn",
    "dirt": "dirt",
    "frozen": "frozen",
    "torn": "torn",
}
"""Planted fault -> the name that the station must give it."""
SENSOR: dict[SensorFault, str] = {"loose": "loose", "clipped": "clipped", "rate": "rate"}
STRENGTHS: tuple[Strength, ...] = (1, 2, 3)
REACH = 0.95


def health_rows(quick: bool) -> list[Row]:
    """Shares named rightly for each fault and strength, false alarms, and the cost of a frame."""
    commissioned, runs, healthy = (150, 2, 60) if quick else (500, 20, 10_000)
    camera, sensor = _learn_camera(commissioned), _learn_sensor(commissioned)
    rows = [
        _row(f"camera {fault}", strength, [
            _camera_run(camera, fault, strength, commissioned + 37 * k) == name
            for k in range(runs)
        ])
        for fault, name in CAMERA.items() for strength in STRENGTHS
    ]  # fmt: skip
    rows += [
        _row(f"sensor {fault}", strength, [
            _sensor_run(sensor, fault, strength, commissioned + 37 * k) == name
            for k in range(runs)
        ])
        for fault, name in SENSOR.items() for strength in STRENGTHS
    ]  # fmt: skip
    return [*rows, *_healthy_rows(camera, sensor, commissioned, healthy)]


def _row(name: str, strength: Strength, hits: list[bool]) -> Row:
    share = float(np.mean(hits))
    say(f"health: {name} strength {strength}: {share:.0%} named rightly within {WITHIN} parts")
    reach = REACH if strength >= 2 else None
    title = f"{name}, strength {strength}, named within {WITHIN} parts"
    return Row(title, share, "higher", n=len(hits), reach=reach)


def _learn_camera(parts: int) -> ChannelCommissioning:
    learner = CameraLearner()
    for k in range(parts):
        learner.add(draw_marks(scene.render(1, k, *SIZE_PX, 0.0)))
    return learner.learn()


def _learn_sensor(parts: int) -> ChannelCommissioning:
    learner = SensorLearner()
    for k in range(parts):
        learner.add(_reading(k, 0.0))
    return learner.learn()


@lru_cache(maxsize=256)
def _frame(k: int) -> Image:
    return draw_marks(scene.render(1, k, *SIZE_PX, DEFECTS))


def _camera_run(
    learned: ChannelCommissioning, fault: CameraFault, strength: Strength, since: int
) -> str:
    """The first name that the station gives within WITHIN parts after the fault began."""
    watch, health = CameraWatch(learned), FrameHealth(FrameHealthTable())
    for k in range(since - BEFORE, since + WITHIN):
        shown = shown_part(k, since, fault, strength)
        image = _frame(shown)
        if k >= since:
            image = disturbed_image(image, _frame(shown - 1), fault, strength)
        name = _name(watch, health, image)
        if name and k >= since:
            return name
    return ""


def _name(watch: CameraWatch, health: FrameHealth, image: Image) -> str:
    """What the station says of a frame: its health alone, or its commissioning."""
    alone = health.fault(image)
    if alone:
        return alone.split()[0]
    watch.add(image)
    return watch.faults[0].kind if watch.faults else ""


def _sensor_run(
    learned: ChannelCommissioning, fault: SensorFault, strength: Strength, since: int
) -> str:
    watch = SensorWatch(learned)
    for k in range(since - BEFORE, since + WITHIN):
        watch.add(_reading(k, DEFECTS, fault if k >= since else "none", strength))
        if watch.faults and k >= since:
            return watch.faults[0].kind
    return ""


def _reading(
    k: int, defect_rate: float, fault: SensorFault = "none", strength: Strength = 1
) -> Reading:
    run = motor.on_machine(motor.trial(1, k, defect_rate), 0)
    samples = 6000
    longer = 1 + (WRONG_RATE[strength] if fault == "rate" else 0)
    signal = motor.record(run, int(np.ceil(samples * longer)) + 1, motor.RATE_HZ)
    signal = disturbed_signal(signal, fault, strength, k)[:samples]
    return Reading(signal, motor.RATE_HZ, 0, 0, k, rpm=60 * run.shaft_hz)


def _healthy_rows(
    camera: ChannelCommissioning, sensor: ChannelCommissioning, first: int, parts: int
) -> list[Row]:
    """False alarms (each begun fault counts once) with bad parts among the healthy station's."""
    watch, health = CameraWatch(camera), FrameHealth(FrameHealthTable())
    false, was, times = 0, False, []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for image in _healthy_frames(first, parts):
        began = time.thread_time()
        name = _name(watch, health, image)
        times.append(1e3 * (time.thread_time() - began))
        false += bool(name) and not was
        was = bool(name)
    cv2.setNumThreads(threads)
    say(f"health: {false} false alarms of a camera in {parts} parts")
    readings, sensor_false = parts // 4, 0
    sensor_watch, was = SensorWatch(sensor), False
    for k in range(first, first + readings):
        sensor_watch.add(_reading(k, DEFECTS))
        sensor_false += bool(sensor_watch.faults) and not was
        was = bool(sensor_watch.faults)
    say(f"health: {sensor_false} false alarms of a sensor in {readings} readings")
    p99 = float(np.percentile(times, 99))
    return [
        Row("camera false alarms", false, "lower", n=parts, reach=max(1, parts // 10_000)),
        Row("sensor false alarms", sensor_false, "lower", n=readings, reach=1),
        Row("health of a frame, p99 of processor time", p99, "lower", "ms", n=parts, reach=1.0),
    ]


def _healthy_frames(first: int, parts: int) -> Iterator[Image]:
    """Frames of the line in its order, not kept."""
    for k in range(first, first + parts):
        yield draw_marks(scene.render(1, k, *SIZE_PX, DEFECTS))
