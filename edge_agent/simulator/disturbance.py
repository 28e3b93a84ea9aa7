"""What goes wrong at a simulated station: lens, lamp, mount, camera and sensor, in three strengths.

A disturbance belongs to the station and not to a part: parts and their truth stay as they are.
"""

from __future__ import annotations

from math import pi
from typing import Literal, TypeAlias

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image, Signal

CameraFault: TypeAlias = Literal[
    "none", "defocus", "lamp", "cast", "shift", "turn", "dirt", "frozen", "torn",
    "flicker", "bands", "fog", "shake", "zoom",
]  # fmt: skip
SensorFault: TypeAlias = Literal["none", "loose", "clipped", "rate", "dropouts", "frozen"]
Strength: TypeAlias = Literal[1, 2, 3]

BLUR_SHARE = {1: 1 / 600, 2: 1 / 320, 3: 1 / 160}
"""Standard deviation of the blur, as a share of the frame's height."""
DARKER = {1: 0.08, 2: 0.15, 3: 0.30}
LESS_BLUE = {1: 0.05, 2: 0.10, 3: 0.20}
SHIFT_SHARE = {1: 2.5 / 480, 2: 5 / 480, 3: 10 / 480}
"""Of the frame's height: 5 pixels of 480 in the middle strength."""
TURN_DEG = {1: 1.5, 2: 3.0, 3: 6.0}
SPOT = {1: (0.03, 0.4), 2: (0.05, 0.5), 3: (0.08, 0.6)}
"""Radius of the dirt as a share of the frame's height, and the light that it takes."""
STALE_BUFFERS = {1: 6, 2: 3, 3: 1}
"""Frames or readings that a frozen driver gives again and again."""
TORN_SHARE = {1: 0.3, 2: 0.5, 3: 0.7}
FLICKERS = {1: 0.05, 2: 0.12, 3: 0.25}
"""Standard deviation of the light from frame to frame."""
BANDED = {1: 0.05, 2: 0.12, 3: 0.25}
"""Amplitude of the bands that mains light draws on a rolling shutter."""
BANDS = 3
FOG = {1: 0.05, 2: 0.12, 3: 0.30}
"""Share of the light that fog scatters over the whole frame."""
FOG_GREY = 150
SHAKE_SHARE = {1: 2 / 480, 2: 4 / 480, 3: 8 / 480}
"""Standard deviation of the shift from frame to frame, of the frame's height."""
ZOOMED = {1: 0.01, 2: 0.02, 3: 0.05}
LOOSE_SHARE = {1: 0.35, 2: 0.22, 3: 0.12}
"""Of half the sampling rate: above it a loose sensor does not follow."""
CLIP_RMS = {1: 2.5, 2: 1.8, 3: 1.2}
WRONG_RATE = {1: 0.015, 2: 0.03, 3: 0.06}
DROPOUTS = {1: 0.01, 2: 0.05, 3: 0.3}
"""Share of the samples that a bus loses, DROPPED at a time; the one before them stands there."""
DROPPED = 20
MARKS = ((0.07, 0.11), (0.93, 0.89))
"""Where the machine frame carries its marks, as shares of width and height."""


def draw_marks(image: Image) -> Image:
    """The frame with two fiducials (a ring about a dot) of the machine, which do not move."""
    height, width = image.shape[:2]
    marked = image.copy()
    for across, down in MARKS:
        middle = round(across * width), round(down * height)
        for radius, grey in ((0.062, 40), (0.054, 190), (0.034, 60), (0.014, 200)):
            cv2.circle(marked, middle, round(radius * height), (grey, grey, grey), -1, cv2.LINE_AA)
    # The noise of the sensor is on them too.
    noise = np.random.default_rng(int(image[0, 0].sum()) + int(image[1].sum())).normal(
        0, 1.8, image.shape[:2]
    )
    drawn = (marked != image).any(axis=2)
    marked[drawn] = np.clip(marked[drawn] + noise[drawn][:, None], 0, 255).astype(np.uint8)
    return marked


def disturbed_image(image: Image, earlier: Image, fault: CameraFault, strength: Strength) -> Image:
    """The frame of a camera with that fault; earlier: the frame of the part before, for torn ones.

    A frozen camera gives no other frames, but the same ones again: see shown_part.
    """
    height = image.shape[0]
    if fault == "defocus":
        blurred = cv2.GaussianBlur(image, (0, 0), BLUR_SHARE[strength] * height)
        return _with_noise(np.asarray(blurred, np.uint8))
    if fault == "dirt":
        return _dirty(image, *SPOT[strength])
    if fault == "torn":
        rows = round(TORN_SHARE[strength] * height)
        return np.concatenate([earlier[:rows], image[rows:]])
    if fault in ("lamp", "cast", "flicker", "bands", "fog"):
        return _otherwise_lit(image, fault, strength)
    if fault in ("shift", "turn", "shake", "zoom"):
        return _moved(image, fault, strength)
    return image


def _otherwise_lit(image: Image, fault: CameraFault, strength: Strength) -> Image:
    if fault == "lamp":
        return np.asarray(cv2.convertScaleAbs(image, alpha=1 - DARKER[strength]), np.uint8)
    if fault == "cast":
        return np.asarray(image * np.array([1, 1, 1 - LESS_BLUE[strength]]), np.uint8)
    if fault == "flicker":
        level = max(0.0, 1 + FLICKERS[strength] * float(_dice(image).normal()))
        return np.asarray(cv2.convertScaleAbs(image, alpha=level), np.uint8)
    if fault == "fog":
        share = FOG[strength]
        veiled = cv2.convertScaleAbs(image, alpha=1 - share, beta=share * FOG_GREY)
        return np.asarray(veiled, np.uint8)
    rows = BANDS * np.arange(len(image)) / len(image) + _dice(image).uniform()
    light = 1 + BANDED[strength] * np.sin(2 * pi * rows)
    return np.clip(image * light[:, None, None], 0, 255).astype(np.uint8)


def _moved(image: Image, fault: CameraFault, strength: Strength) -> Image:
    height, width = image.shape[:2]
    turn = TURN_DEG[strength] if fault == "turn" else 0.0
    larger = 1 + ZOOMED[strength] if fault == "zoom" else 1.0
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, larger)
    if fault == "shift":
        matrix[:, 2] += SHIFT_SHARE[strength] * height * np.array([0.8, 0.6])
    if fault == "shake":
        matrix[:, 2] += SHAKE_SHARE[strength] * height * _dice(image).normal(size=2)
    # A cubic: a straight line between pixels would blur, and a mount does not.
    moved = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.uint8)


def _dice(image: Image) -> np.random.Generator:
    """Of a frame, always the same."""
    return np.random.default_rng(int(image[:4].sum()))


def shown_part(k: int, since: int, fault: CameraFault | SensorFault, strength: Strength) -> int:
    """The part whose frame the camera gives, or reading the sensor, when part k is there."""
    if fault != "frozen" or k < since:
        return k
    return since + (k - since) % STALE_BUFFERS[strength]


def disturbed_signal(signal: Signal, fault: SensorFault, strength: Strength, k: int = 0) -> Signal:
    """What a sensor with that fault gives, float32 (T, C).

    A wrong rate is that of the sensor's clock: it takes its samples further apart than it says,
    and `signal` must be longer by WRONG_RATE for it. A frozen sensor gives no other readings, but
    the same ones again: see shown_part.
    """
    if fault == "loose":
        spectrum = np.fft.rfft(signal, axis=0)
        ratio = np.linspace(0, 1, len(spectrum))[:, None] / LOOSE_SHARE[strength]
        rattle = np.random.default_rng([k, 21]).normal(0, 0.3 * signal.std(), len(spectrum))
        gain = 1 / np.sqrt(1 + ratio**8)
        loose = np.fft.irfft(spectrum * gain, len(signal), axis=0)
        slow = np.cumsum(rattle)[: len(signal)]
        loose[: len(slow)] += (0.02 * (slow - slow.mean()) / (slow.std() + 1e-9))[:, None] * (
            signal.std()
        )
        return loose.astype(np.float32)
    if fault == "clipped":
        bound = CLIP_RMS[strength] * float(signal.std())
        return np.clip(signal, -bound, bound).astype(np.float32)
    if fault == "rate":
        count = int(len(signal) / (1 + WRONG_RATE[strength]))
        places = np.arange(count) * (1 + WRONG_RATE[strength])
        given = np.arange(len(signal))
        columns = [np.interp(places, given, column) for column in signal.T]
        return np.stack(columns, axis=1).astype(np.float32)
    if fault == "dropouts":
        return _with_dropouts(signal, DROPOUTS[strength], k)
    return signal


def _with_dropouts(signal: Signal, share: float, k: int) -> Signal:
    held = signal.copy()
    count = max(1, round(share * len(signal) / DROPPED))
    for begin in np.random.default_rng([k, 22]).integers(0, len(signal) - DROPPED, count):
        held[begin : begin + DROPPED] = held[begin]
    return held


def _dirty(image: Image, radius_share: float, taken: float) -> Image:
    """A soft dark spot: dirt on the lens is far out of focus."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - 0.62 * width, y - 0.36 * height) / (radius_share * height)
    cover = 0.5 + 0.5 * np.cos(pi * np.clip(distance - 0.5, 0, 1))
    return np.asarray(image * (1 - taken * cover[:, :, None]), np.uint8)


def _with_noise(image: Image) -> Image:
    noise = _dice(image).normal(0, 1.9, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
