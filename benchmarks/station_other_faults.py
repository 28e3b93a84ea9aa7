"""Faults of real lines that the simulator does not offer, planted in raw frames and readings.

    python -m benchmarks.station --only other_faults

For each: is it noticed within 20 parts, and by which name. The lines are others than those that any
limit or rule was made with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row, say
from benchmarks.station_health import (
    BEFORE,
    DEFECTS,
    SIZE_PX,
    STRENGTHS,
    WITHIN,
    Line,
    learn_line,
    name_of,
    reading_of,
)
from edge_agent.contracts.core.types import Image, Signal
from edge_agent.health.frame import FrameHealth, FrameHealthTable
from edge_agent.health.watch import CameraWatch, SensorWatch
from edge_agent.simulator import motor, scene
from edge_agent.simulator.disturbance import MARKS, Strength, draw_marks

Pixels = NDArray[np.integer | np.floating]
Planter = Callable[[Image, int, Strength], Image]
"""(frame, number of the part, strength) -> what the camera gives."""
SignalPlanter = Callable[[Signal, int, Strength], Signal]

SEEDS = (301, 302, 303, 304)
"""The rules of naming were made with 101 to 104."""
OTHER_LINE = 4000
"""Seeds of the lines whose camera is plugged in here by mistake: this more."""
CABLE_SEED = 31


def motion_blur(image: Image, k: int, strength: Strength) -> Image:
    """Belt and part move too far while the shutter is open; the machine's marks do not."""
    length = round({1: 0.015, 2: 0.03, 3: 0.06}[strength] * image.shape[0])
    kernel = np.full((1, max(2, length)), 1 / max(2, length), np.float32)
    return _but_the_marks(image, _noisy(cv2.filter2D(image, -1, kernel), k))


def drops(image: Image, k: int, strength: Strength) -> Image:
    """Water drops on the cover glass: each bends the light, and shows a blurred, brighter place."""
    height, width = image.shape[:2]
    dice = np.random.default_rng([CABLE_SEED, strength, 1])
    found = image.astype(np.float32)
    blurred = cv2.GaussianBlur(found, (0, 0), 0.03 * height)
    for _ in range({1: 3, 2: 8, 3: 20}[strength]):
        across, down = dice.uniform(0.1, 0.9, 2)
        radius = dice.uniform(0.02, 0.05) * height
        cover = _disc(height, width, across * width, down * height, radius)
        found += cover[:, :, None] * (1.12 * blurred - found)
    return _clip(found)


def obstruction(image: Image, k: int, strength: Strength) -> Image:
    """A cable or a flap hangs into the picture, out of focus."""
    width = image.shape[1]
    reach = {1: 0.04, 2: 0.10, 3: 0.25}[strength] * width
    cover = np.clip((reach - np.arange(width)) / (0.03 * width) + 0.5, 0, 1)[None, :, None]
    return _clip(image * (1 - cover) + 35 * cover)


def hair(image: Image, k: int, strength: Strength) -> Image:
    """A hair on the sensor's glass: thin, sharp and always at its place."""
    height, width = image.shape[:2]
    line = np.zeros((height, width), np.uint8)
    at = [(0.55 + 0.12 * np.sin(3 * t), 0.25 + 0.3 * t) for t in np.linspace(0, 1, 20)]
    points = np.array([(x * width, y * height) for x, y in at], np.int32)
    cv2.polylines(line, [points], False, 255, 1 + (strength == 3), cv2.LINE_AA)
    taken = {1: 0.2, 2: 0.4, 3: 0.7}[strength]
    return _clip(image * (1 - taken * line[:, :, None] / 255.0))


def dust(image: Image, k: int, strength: Strength) -> Image:
    """Specks on the sensor's glass: small, rather sharp, dark."""
    height, width = image.shape[:2]
    dice = np.random.default_rng([CABLE_SEED, 2])
    cover = np.zeros((height, width), np.float32)
    for _ in range({1: 2, 2: 5, 3: 12}[strength]):
        across, down = dice.uniform(0.1, 0.9, 2)
        cover = np.maximum(
            cover, _disc(height, width, across * width, down * height, 0.015 * height)
        )
    return _clip(image * (1 - {1: 0.3, 2: 0.5, 3: 0.7}[strength] * cover[:, :, None]))


def hot_pixels(image: Image, k: int, strength: Strength) -> Image:
    """Single pixels of one colour that are always white."""
    height, width = image.shape[:2]
    count = {1: 20, 2: 150, 3: 1000}[strength]
    dice = np.random.default_rng([CABLE_SEED, 3])
    found = image.copy()
    rows, columns = dice.integers(0, height, count), dice.integers(0, width, count)
    found[rows, columns, dice.integers(0, 3, count)] = 255
    return found


def pwm_bands(image: Image, k: int, strength: Strength) -> Image:
    """An LED driven by pulses, seen by a rolling shutter: many bands that roll."""
    depth = {1: 0.05, 2: 0.12, 3: 0.25}[strength]
    rows = 8 * np.arange(len(image)) / len(image) + np.random.default_rng([k, 4]).uniform()
    light = 1 - depth * (np.mod(rows, 1) < 0.5)
    return _clip(image * light[:, None, None])


def exposure(image: Image, k: int, strength: Strength) -> Image:
    """A camera that began again with another exposure."""
    return _clip(image * {1: 0.9, 2: 1.2, 3: 1.6}[strength])


def auto_exposure(image: Image, k: int, strength: Strength) -> Image:
    """An automatic that is on again: it follows the parts, and hunts."""
    hunts = {1: 0.04, 2: 0.10, 3: 0.2}[strength]
    goal = 1.0 + hunts * np.sin(2 * pi * k / 6)
    return _clip(image * goal * (1 + 0.3 * (100 - image.mean()) / 100))


def mirrored(image: Image, k: int, strength: Strength) -> Image:
    """Upside down, mirrored, or both (a camera that was mounted the other way round)."""
    return np.ascontiguousarray(cv2.flip(image, {1: 0, 2: 1, 3: -1}[strength]))


def no_ir_filter(image: Image, k: int, strength: Strength) -> Image:
    """Infrared light in all colours, most in red; it washes out what is coloured."""
    share = {1: 0.04, 2: 0.10, 3: 0.25}[strength]
    grey = image.mean(axis=2, keepdims=True)
    return _clip(image + share * (0.5 * grey + 50) * np.array([1.3, 0.8, 0.9]))


def hood(image: Image, k: int, strength: Strength) -> Image:
    """A lens hood that has slipped shades one corner."""
    height, width = image.shape[:2]
    taken = {1: 0.15, 2: 0.35, 3: 0.7}[strength]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot((x - 0.4 * width) / width, (y - 0.6 * height) / height)
    cover = np.clip((distance - 0.45) / 0.25, 0, 1) * (x > 0.4 * width) * (y < 0.6 * height)
    cover = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), 0.03 * width)
    return _clip(image * (1 - taken * cover[:, :, None]))


def compressed(image: Image, k: int, strength: Strength) -> Image:
    """A stream that a gateway compresses."""
    quality = {1: 60, 2: 25, 3: 8}[strength]
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    _, payload = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(payload, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def camera_gain(image: Image, k: int, strength: Strength) -> Image:
    """More gain at a shorter exposure: as bright, and noisier."""
    noise = {1: 2.0, 2: 5.0, 3: 12.0}[strength]
    return _clip(image + np.random.default_rng([k, 5]).normal(0, noise, image.shape))


def black_level(image: Image, k: int, strength: Strength) -> Image:
    """A pedestal that came with other settings of the camera."""
    return _clip(image + {1: 6.0, 2: 15.0, 3: 40.0}[strength])


def lost_lines(image: Image, k: int, strength: Strength) -> Image:
    """A cable that opens now and then: some rows of some frames are black."""
    dice = np.random.default_rng([k, 6])
    found = image.copy()
    if dice.random() < {1: 0.2, 2: 0.5, 3: 1.0}[strength]:
        top = int(dice.integers(0, len(image) - 30))
        found[top : top + int(dice.integers(4, 30))] = 0
    return found


def hot_sensor(image: Image, k: int, strength: Strength) -> Image:
    """A sensor that has become hot: more dark current, noise of its own pattern, and redder."""
    much = {1: 2.0, 2: 5.0, 3: 12.0}[strength]
    pattern = np.random.default_rng([CABLE_SEED, 7]).gamma(0.5, much, image.shape)
    return _clip(image + pattern + np.random.default_rng([k, 7]).normal(0, much / 2, image.shape))


def swapped(seed: int, k: int, strength: Strength) -> Image:
    """Another camera's picture: with marks at the same places, without marks, and one that is
    turned on its head."""
    other = scene.render(seed + OTHER_LINE, k, *SIZE_PX, DEFECTS)
    if strength == 1:
        return draw_marks(other)
    return other if strength == 2 else np.ascontiguousarray(cv2.flip(draw_marks(other), -1))


CAMERA_PLANTERS: dict[str, tuple[Planter, tuple[str, ...]]] = {
    "motion blur": (motion_blur, ("focus",)),
    "drops": (drops, ("dirt", "focus")),
    "obstruction": (obstruction, ("dirt", "mark", "uneven")),
    "hair": (hair, ("dirt",)),
    "dust": (dust, ("dirt",)),
    "hot pixels": (hot_pixels, ("noise", "dirt")),
    "PWM bands": (pwm_bands, ("flicker",)),
    "exposure": (exposure, ("light",)),
    "auto exposure": (auto_exposure, ("flicker", "light")),
    "mirrored": (mirrored, ("mark",)),
    "no IR filter": (no_ir_filter, ("tint", "veil")),
    "hood": (hood, ("uneven", "dirt")),
    "compressed": (compressed, ("focus", "noise")),
    "gain": (camera_gain, ("noise",)),
    "black level": (black_level, ("veil",)),
    "lost lines": (lost_lines, ("incomplete", "dirt")),
    "hot sensor": (hot_sensor, ("noise", "veil")),
}
"""Fault -> how it is planted, and the names that are right or honest."""


def inverted(signal: Signal, k: int, strength: Strength) -> Signal:
    """A sensor that feels a share of gravity, and was turned round."""
    return -(signal + {1: 0.1, 2: 0.3, 3: 1.0}[strength])


def sensor_gain(signal: Signal, k: int, strength: Strength) -> Signal:
    """Another sensitivity than the one that is set."""
    return signal * {1: 1.3, 2: 2.0, 3: 4.0}[strength]


def offset(signal: Signal, k: int, strength: Strength) -> Signal:
    """A bias that came with supply or cable."""
    return signal + np.float32({1: 0.05, 2: 0.2, 3: 1.0}[strength])


def open_cable(signal: Signal, k: int, strength: Strength) -> Signal:
    """A contact that opens now and then: for some milliseconds there is noise alone."""
    dice = np.random.default_rng([k, 41])
    found, length = signal.copy(), 120
    count = max(1, round({1: 0.02, 2: 0.1, 3: 0.4}[strength] * len(signal) / length))
    for begin in dice.integers(0, len(signal) - length, count):
        found[begin : begin + length] = dice.normal(0, 1e-3, (length, signal.shape[1]))
    return found


def hum(signal: Signal, k: int, strength: Strength) -> Signal:
    """50 Hz from the mains, picked up by the cable."""
    times_s = np.arange(len(signal))[:, None] / motor.RATE_HZ
    size = {1: 0.3, 2: 1.0, 3: 3.0}[strength] * float(signal.std())
    return (signal + size * np.sin(2 * pi * 50 * times_s + k)).astype(np.float32)


def warming(signal: Signal, k: int, strength: Strength) -> Signal:
    """A sensor that loses sensitivity as it warms."""
    return signal * {1: 0.85, 2: 0.6, 3: 0.3}[strength]


SENSOR_PLANTERS: dict[str, tuple[SignalPlanter, tuple[str, ...]]] = {
    "turned round": (inverted, ("offset",)),
    "gain": (sensor_gain, ()),
    "offset": (offset, ("offset",)),
    "open cable": (open_cable, ("silent", "repeated")),
    "hum": (hum, ()),
    "warming": (warming, ("level",)),
}
"""As CAMERA_PLANTERS; without a name: a machine may do the same, so it is not told apart."""


def other_fault_rows(quick: bool) -> list[Row]:
    """Of each fault and strength: how many were noticed in time, and how many of those by a name
    that is right or honest.
    """
    lines = [learn_line(seed, 150 if quick else 300) for seed in SEEDS[: 1 if quick else 4]]
    found: dict[tuple[str, Strength], list[str]] = defaultdict(list)
    for run in range(1 if quick else 2 * len(lines)):
        line = lines[run % len(lines)]
        since = 700 + 41 * run
        for fault, strength, name in [*_camera(line, since), *_sensor(line, since)]:
            found[fault, strength].append(name)
    return [row for key, names in sorted(found.items()) for row in _rows(*key, names)]


def _camera(line: Line, since: int) -> Iterator[tuple[str, Strength, str]]:
    def healthy(k: int) -> Image:
        return draw_marks(scene.render(line.seed, k, *SIZE_PX, DEFECTS))

    station = CameraWatch(line.camera), FrameHealth(FrameHealthTable())
    for k in range(since - BEFORE, since):
        name_of(*station, healthy(k))
    frames = [healthy(k) for k in range(since, since + WITHIN)]
    for fault, (plant, _) in CAMERA_PLANTERS.items():
        for strength in STRENGTHS:
            watch, health = deepcopy(station)
            planted = (plant(frame, since + n, strength) for n, frame in enumerate(frames))
            names = (name_of(watch, health, image) for image in planted)
            yield f"camera {fault}", strength, next((name for name in names if name), "")
    for strength in STRENGTHS:
        watch, health = deepcopy(station)
        others = (swapped(line.seed, k, strength) for k in range(since, since + WITHIN))
        names = (name_of(watch, health, image) for image in others)
        yield "camera swapped", strength, next((name for name in names if name), "")


def _sensor(line: Line, since: int) -> Iterator[tuple[str, Strength, str]]:
    station = SensorWatch(line.sensor)
    readings = [reading_of(line.seed, k, DEFECTS) for k in range(since - BEFORE, since + WITHIN)]
    for one in readings[:BEFORE]:
        station.add(one)
    for fault, (plant, _) in SENSOR_PLANTERS.items():
        for strength in STRENGTHS:
            watch, name = deepcopy(station), ""
            for n, one in enumerate(readings[BEFORE:]):
                watch.add(replace(one, signal=plant(one.signal, since + n, strength)))
                name = name or (watch.faults[0].kind if watch.faults else "")
            yield f"sensor {fault}", strength, name


def _rows(fault: str, strength: Strength, names: list[str]) -> list[Row]:
    kind, _, title = fault.partition(" ")
    planters = CAMERA_PLANTERS if kind == "camera" else SENSOR_PLANTERS
    right = ("mark",) if title == "swapped" else planters[title][1]
    noticed = [name for name in names if name]
    named = sum(name in right for name in noticed)
    say(
        f"other: {fault}, strength {strength}: {len(noticed)} of {len(names)}, {sorted(set(names))}"
    )
    words = f"{fault}, strength {strength}"
    count = len(names)
    return [
        Row(f"{words}: noticed within {WITHIN}", len(noticed) / count, "higher", n=count),
        Row(f"{words}: by an honest name", named / count, "higher", n=count),
    ]


def _but_the_marks(before: Image, after: Image) -> Image:
    height, width = before.shape[:2]
    found, side = after.copy(), round(0.075 * height)
    for across, down in MARKS:
        x, y = round(across * width), round(down * height)
        place = np.s_[max(0, y - side) : y + side, max(0, x - side) : x + side]
        found[place] = before[place]
    return found


def _noisy(image: Pixels, k: int) -> Image:
    return _clip(image + np.random.default_rng([k, 8]).normal(0, 1.9, image.shape))


def _disc(height: int, width: int, x: float, y: float, radius: float) -> NDArray[np.float32]:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    cover = (radius - np.hypot(columns - x, rows - y)) / (0.4 * radius) + 0.5
    return np.asarray(np.clip(cover, 0, 1), np.float32)


def _clip(values: Pixels) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)
