"""Faults planted on the simulated line: how many are named rightly, and how many false alarms.

The truth comes from the plant: which fault begins at which part. Some parts are bad: a fault
that is named by another name, or not at all, counts as one that was taken for the parts' defect.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from benchmarks.rows import Row, say
from edge_agent.contracts.core.types import Image, Reading, Signal
from edge_agent.health.commissioning import CameraLearner, ChannelCommissioning, SensorLearner
from edge_agent.health.frame import FrameHealth, FrameHealthTable
from edge_agent.health.reading_history import ReadingHistory
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
BEFORE = 40
"""Healthy parts before each planted fault: the pose of every second one is measured."""
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
    "flicker": "flicker",
    "bands": "flicker",
    "fog": "veil",
    "shake": "vibration",
    "zoom": "scale",
}
"""Planted fault -> the name that the station must give it."""
SENSOR: dict[SensorFault, str] = {
    "loose": "loose",
    "clipped": "clipped",
    "rate": "rate",
    "dropouts": "repeated",
    "frozen": "frozen",
}
SEEDS = (5, 6, 7, 8)
"""Lines with belts, lamps, lots and machines of their own; each is commissioned by itself. The
limits were made with others (1 to 4)."""
SAMPLES = 6000
"""Of a reading: half a second."""
STRENGTHS: tuple[Strength, ...] = (1, 2, 3)
REACH = 0.95

Names = defaultdict[tuple[str, Strength], list[str]]
"""Planted fault and strength -> the name that each run gave it, empty where none came in time."""


def health_rows(quick: bool) -> list[Row]:
    """Shares named rightly for each fault and strength, false alarms, and the cost of a frame."""
    seeds = SEEDS[:1] if quick else SEEDS
    commissioned, runs, healthy = (150, 2, 60) if quick else (500, 20, 10_000)
    lines = [learn_line(seed, commissioned) for seed in seeds]
    camera: Names = defaultdict(list)
    sensor: Names = defaultdict(list)
    for k in range(runs):
        line, since = lines[k % len(lines)], commissioned + 37 * k
        _camera_run(line, since, camera)
        _sensor_run(line, since, sensor)
    rows = [*_named_rows("camera", CAMERA, camera), *_named_rows("sensor", SENSOR, sensor)]
    rows.append(_unnamed_row(camera, sensor))
    return [*rows, *_healthy_rows(lines, commissioned, healthy // len(lines))]


@dataclass(frozen=True)
class Line:
    """What a station of one simulated line has learned."""

    seed: int
    camera: ChannelCommissioning
    sensor: ChannelCommissioning


def learn_line(seed: int, parts: int) -> Line:
    """A station that is commissioned on so many good parts and readings of a line."""
    camera, sensor = CameraLearner(), SensorLearner()
    for k in range(parts):
        camera.add(draw_marks(scene.render(seed, k, *SIZE_PX, 0.0)))
        sensor.add(reading_of(seed, k, 0.0))
    say(f"health: line {seed} is commissioned with {parts} parts")
    return Line(seed, camera.learn(), sensor.learn())


def _named_rows(channel: str, right: Mapping[Any, str], names: Names) -> list[Row]:
    rows = []
    for (fault, strength), found in sorted(names.items()):
        share = float(np.mean([name == right[fault] for name in found]))
        title = f"{channel} {fault}, strength {strength}, named within {WITHIN} parts"
        say(f"health: {title}: {share:.0%}, {sorted(set(found))}")
        reach = REACH if strength >= 2 else None
        rows.append(Row(title, share, "higher", n=len(found), reach=reach))
    return rows


def _unnamed_row(*channels: Names) -> Row:
    """Faults that change verdicts and got no name in time: they look like bad parts."""
    found = [
        name
        for names in channels
        for (_, strength), given in names.items()
        if strength >= 2
        for name in given
    ]
    title = "faults taken for bad parts, strength 2 and 3"
    return Row(title, found.count(""), "lower", n=len(found), reach=0)


@lru_cache(maxsize=2 * (BEFORE + WITHIN))
def _frame(seed: int, k: int) -> Image:
    return draw_marks(scene.render(seed, k, *SIZE_PX, DEFECTS))


def _camera_run(line: Line, since: int, names: Names) -> None:
    """Plant each fault at the part `since` of one line, and note what the station calls it."""
    station = CameraWatch(line.camera), FrameHealth(FrameHealthTable())
    for k in range(since - BEFORE, since):
        name_of(*station, _frame(line.seed, k))
    for fault in CAMERA:
        for strength in STRENGTHS:
            name = _first_name(*deepcopy(station), line.seed, since, fault, strength)
            names[fault, strength].append(name)


def _first_name(
    watch: CameraWatch,
    health: FrameHealth,
    seed: int,
    since: int,
    fault: CameraFault,
    strength: Strength,
) -> str:
    """The first name that the station gives within WITHIN parts after the fault began."""
    for k in range(since, since + WITHIN):
        shown = shown_part(k, since, fault, strength)
        before = _frame(seed, shown - 1)
        image = disturbed_image(_frame(seed, shown), before, fault, strength)
        name = name_of(watch, health, image)
        if name:
            return name
    return ""


def name_of(watch: CameraWatch, health: FrameHealth, image: Image) -> str:
    """What the station says of a frame: its health alone, or its commissioning."""
    alone = health.fault(image)
    if alone:
        return alone.split()[0]
    watch.add(image)
    return watch.faults[0].kind if watch.faults else ""


def _sensor_run(line: Line, since: int, names: Names) -> None:
    """Plant each fault at the part `since` of one machine, and note what the station calls it."""
    station = SensorWatch(line.sensor)
    for k in range(since - BEFORE, since):
        station.add(reading_of(line.seed, k, DEFECTS))
    for fault in SENSOR:
        for strength in STRENGTHS:
            names[fault, strength].append(
                _first_sensor_name(deepcopy(station), line.seed, since, fault, strength)
            )


def _first_sensor_name(
    watch: SensorWatch, seed: int, since: int, fault: SensorFault, strength: Strength
) -> str:
    history = ReadingHistory()
    for k in range(since, since + WITHIN):
        shown = shown_part(k, since, fault, strength)
        reading = reading_of(seed, shown, DEFECTS, fault, strength)
        if history.came_before(reading.signal):
            return "frozen"
        watch.add(reading)
        if watch.faults:
            return watch.faults[0].kind
    return ""


def reading_of(
    seed: int, k: int, defect_rate: float, fault: SensorFault = "none", strength: Strength = 1
) -> Reading:
    """Reading k of a machine, with a fault of the simulator's where one is named."""
    run, raw = _record(seed, k, defect_rate)
    signal = disturbed_signal(raw, fault, strength, k)[:SAMPLES]
    return Reading(signal, motor.RATE_HZ, 0, 0, k, rpm=60 * run.shaft_hz)


@lru_cache(maxsize=2 * (BEFORE + WITHIN))
def _record(seed: int, k: int, defect_rate: float) -> tuple[motor.Trial, Signal]:
    """Long enough for the slowest clock of a sensor."""
    run = motor.on_machine(motor.trial(seed, k, defect_rate), 0)
    longest = int(np.ceil(SAMPLES * (1 + max(WRONG_RATE.values())))) + 1
    return run, motor.record(run, longest, motor.RATE_HZ)


def _healthy_rows(lines: list[Line], first: int, parts: int) -> list[Row]:
    """False alarms (each begun fault counts once) with bad parts among the healthy stations'."""
    times: list[float] = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    false = sum(_false_camera(line, first, parts, times) for line in lines)
    cv2.setNumThreads(threads)
    count, readings = parts * len(lines), parts // 4 * len(lines)
    say(f"health: {false} false alarms of cameras in {count} parts")
    sensor_false = sum(_false_sensor(line, first, parts // 4) for line in lines)
    say(f"health: {sensor_false} false alarms of sensors in {readings} readings")
    middle, p99 = np.percentile(times, [50, 99]).tolist()
    return [
        Row("camera false alarms", false, "lower", n=count, reach=max(1, count // 10_000)),
        Row("sensor false alarms", sensor_false, "lower", n=readings, reach=1),
        Row("health of a frame, median of processor time", middle, "lower", "ms", n=count),
        Row("health of a frame, p99 of processor time", p99, "lower", "ms", n=count, reach=1.0),
    ]


def _false_camera(line: Line, first: int, parts: int, times: list[float]) -> int:
    watch, health = CameraWatch(line.camera), FrameHealth(FrameHealthTable())
    false, was = 0, ""
    for image in _healthy_frames(line.seed, first, parts):
        began = time.thread_time()
        name = name_of(watch, health, image)
        times.append(1e3 * (time.thread_time() - began))
        name = name or ("odd" if watch.odd else "")
        if name and not was:
            false += 1
            say(f"health: line {line.seed}: false alarm: {name} {watch.faults}")
        was = name
    return false


def _false_sensor(line: Line, first: int, readings: int) -> int:
    watch, false, was = SensorWatch(line.sensor), 0, ""
    for k in range(first, first + readings):
        watch.add(reading_of(line.seed, k, DEFECTS))
        name = watch.faults[0].kind if watch.faults else "odd" if watch.odd else ""
        if name and not was:
            false += 1
            say(f"health: line {line.seed}: false alarm: {name} {watch.faults}")
        was = name
    return false


def _healthy_frames(seed: int, first: int, parts: int) -> Iterator[Image]:
    """Frames of the line in its order, not kept."""
    for k in range(first, first + parts):
        yield draw_marks(scene.render(seed, k, *SIZE_PX, DEFECTS))
