"""What a station learns of itself on good parts: commissioning.json, beside station.toml."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Image, Reading
from edge_agent.health.drift import LEAST_REFERENCE, Reference, learn_reference
from edge_agent.health.evenness import EvennessGauge
from edge_agent.health.limits import (
    LEAST_PARTS,
    WINDOW,
    Limit,
    is_correlated,
    learn_limit,
    stated_rate,
)
from edge_agent.health.marks import CameraPose, Mark, MarkSearch, camera_pose
from edge_agent.health.picture import (
    CELLS_ACROSS,
    CELLS_DOWN,
    TILES,
    Cells,
    Detail,
    Healthy,
    cells_of,
    compare,
    detail_of,
    healthy_line,
)
from edge_agent.health.signal import SignalMeasures, measure_signal
from edge_agent.health.spots import SpotGauge
from edge_agent.health.unrest import mean_series, unrest_series

FORMAT = 2
"""Every key that the file did not have before makes a new one: an agent refuses what it does not
know, and says by this number that the file is newer."""
LEARN_AGAIN = "run lineside-agent commission again, or update this agent"
LEAST = {
    "light": 0.03,
    "red": 0.03,
    "blue": 0.03,
    "focus": 0.1,
    "noise": 0.7,
    "right_px": 0.7,
    "down_px": 0.7,
    "turn_deg": 0.3,
    "likeness": 0.15,
    "scale": 0.005,
    "veil": 0.08,
    "flicker": 0.04,
    "jumps": 0.02,
    "vibration": 0.7,
    "light_right": 0.06,
    "light_down": 0.06,
    "bands": 0.02,
    "spot": 1.6,
    "glint": 1.6,
    "level": 0.3,
    "high": 0.3,
    "floor": 0.7,
    "clipped": 0.002,
    "repeated": 0.01,
    "upper": 0.3,
    "silent": 0.01,
    "offset": 0.1,
    "rate": 0.004,
}
"""The smallest deviation that means anything, in the unit of each value (logarithms but for pixels,
degrees, correlation, shares, and standard deviations of a spot)."""
LEAST_OF_ONE = {"light": 0.3, "level": 1.0}
"""The same of one part alone: a lamp that missed a flash, a contact that opened for a reading."""
SPOTS, UNREST = ("spot", "glint"), ("flicker", "jumps", "vibration")
"""Values that are taken over several parts; of UNREST the newest one counts."""
WIDE = (*SPOTS, *UNREST, "veil", "light_right", "light_down", "bands")
"""Values that need no narrow limits where they swing: a small deviation changes no verdict."""
SIGNAL_VALUES = (
    "level", "high", "upper", "floor", "clipped", "repeated", "silent", "offset", "rate",
)  # fmt: skip
DRIFTING = ("light", "focus")
"""Inputs whose distribution is watched beside the score's."""
LEAST_INPUTS = 1000


class ChannelCommissioning(Strict):
    """What one channel is like on good parts.

    cells, steady, spread, focus: a healthy frame (health/picture.py), fields row by row;
    references: name -> distribution, for the drift test.
    """

    kind: str
    parts: int = Field(ge=LEAST_PARTS)
    at_ns: int = Field(default=0, ge=0, description="UTC of the end of commissioning")
    seen_with: str = Field(
        default="", description="sha256 of the camera's settings and the view; empty: not noted"
    )
    frame_px: list[int] = Field(default_factory=list, description="width and height")
    cells: list[float] = Field(default_factory=list)
    steady: list[int] = Field(default_factory=list)
    spread: list[float] = Field(default_factory=list)
    focus: list[float] = Field(default_factory=list)
    marks: list[Mark] = Field(default_factory=list)
    limits: dict[str, Limit] = Field(default_factory=dict)
    references: dict[str, Reference] = Field(default_factory=dict)

    @property
    def false_alarm_rate(self) -> float:
        """The rate a part that the commissioning itself proves (95 %)."""
        return stated_rate(self.parts)

    def healthy(self) -> Healthy:
        """What a frame is measured against; raises ValueError where fields are missing."""
        shape = CELLS_DOWN, CELLS_ACROSS
        return Healthy(
            np.array(self.cells, np.float32).reshape(*shape, 3),
            np.array(self.steady, np.bool_).reshape(shape),
            np.array(self.spread, np.float32).reshape(shape),
            np.array(self.focus, np.float32).reshape(TILES),
        )


class _Format(BaseModel):
    """What every version reads of it."""

    format: int = 1


class Commissioning(Strict):
    """commissioning.json. channels: by their names in station.toml."""

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    channels: dict[str, ChannelCommissioning] = Field(default_factory=dict)


class CameraLearner:
    """Takes the frames of good parts in their order, and their scores.

    Marks are sought in the first LEAST_PARTS // 2 frames, and measured in the others.
    """

    def __init__(self) -> None:
        self._scores: list[float] = []
        self._cells: list[Cells] = []
        self._details: list[Detail] = []
        self._poses: list[CameraPose] = []
        self._search = MarkSearch()
        self._marks: list[Mark] | None = None
        self._size_px: tuple[int, int] | None = None

    @property
    def parts(self) -> int:
        """Frames that were taken."""
        return len(self._cells)

    def add(self, image: Image, score: float | None = None) -> None:
        """Take a frame; raises ValueError for one of another size."""
        size_px = (image.shape[1], image.shape[0])
        if self._size_px not in (None, size_px):
            raise ValueError(f"a frame of {size_px[0]}x{size_px[1]} among others of another size")
        self._size_px = size_px
        self._cells.append(cells_of(image))
        self._details.append(detail_of(image))
        if self._marks is None:
            self._search.add(image)
            if self.parts == LEAST_PARTS // 2:
                self._marks = self._search.marks()
        else:
            self._poses.append(camera_pose(image, self._marks))
        if score is not None:
            self._scores.append(score)

    def learn(self, at_ns: int = 0) -> ChannelCommissioning:
        """The channel's commissioning; raises ValueError for too few parts."""
        if self._size_px is None or self._marks is None or self.parts < 2 * LEAST_PARTS:
            raise ValueError(f"{self.parts} parts came, {2 * LEAST_PARTS} are needed")
        healthy = healthy_line(self._cells, self._details)
        found = [
            compare(one, healthy, detail)
            for one, detail in zip(self._cells, self._details, strict=True)
        ]
        values = {
            name: [float(getattr(one, name)) for one in found]
            for name in ("light", "red", "blue", "focus", "noise")
        }
        values |= {
            name: [float(getattr(pose, name)) for pose in self._poses]
            for name in ("right_px", "down_px", "turn_deg", "likeness", "scale", "veil")
        }
        gauge = EvennessGauge(healthy.steady)
        even = [gauge.measure(one.grey) for one in found]
        values |= {
            name: [float(getattr(one, name)) for one in even]
            for name in ("light_right", "light_down", "bands")
        }
        values |= _unrest(values["light"], self._poses)
        spots = SpotGauge()
        seen = [spots.add(one.residual) for one in found]
        values |= {"spot": [dark for dark, _ in seen], "glint": [bright for _, bright in seen]}
        return ChannelCommissioning(
            kind="image",
            parts=self.parts,
            at_ns=at_ns,
            frame_px=list(self._size_px),
            cells=_short(healthy.cells),
            steady=healthy.steady.astype(int).ravel().tolist(),
            spread=_short(healthy.spread),
            focus=_short(healthy.focus),
            marks=self._marks,
            limits=_limits(values),
            references=_references(values, self._scores),
        )


class SensorLearner:
    """Takes the readings of a healthy machine in their order, and their scores."""

    def __init__(self) -> None:
        self._found: list[SignalMeasures] = []
        self._scores: list[float] = []

    @property
    def parts(self) -> int:
        """Readings that were taken."""
        return len(self._found)

    def add(self, reading: Reading, score: float | None = None) -> None:
        """Take a reading; raises ValueError for one that is too short."""
        self._found.append(measure_signal(reading))
        if score is not None:
            self._scores.append(score)

    def learn(self, at_ns: int = 0) -> ChannelCommissioning:
        """The channel's commissioning; raises ValueError for too few parts."""
        if self.parts < LEAST_PARTS:
            raise ValueError(f"{self.parts} readings came, {LEAST_PARTS} are needed")
        values = {
            name: [float(getattr(one, name)) for one in self._found] for name in SIGNAL_VALUES
        }
        return ChannelCommissioning(
            kind="vibration",
            parts=self.parts,
            at_ns=at_ns,
            limits=_limits(values),
            references=_references(values, self._scores),
        )


def write_commissioning(path: Path, found: Commissioning) -> None:
    """Write the file whole or not at all, as one of this version, whatever it was read as."""
    now = found.model_copy(update={"format": FORMAT})
    write_atomic(path, now.model_dump_json(indent=1).encode())


def read_commissioning(path: Path) -> Commissioning:
    """What was learned; an empty one where there is no file.

    Raises ConfigError for a broken one.
    """
    try:
        payload = path.read_bytes()
    except FileNotFoundError:
        return Commissioning()
    except OSError as error:
        cure = "correct the rights, or run lineside-agent commission"
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(path), cure=cure
        ) from error
    try:
        return Commissioning.model_validate_json(payload)
    except ValidationError as error:
        raise ConfigError(_fault(payload), where=str(path), cure=LEARN_AGAIN) from error


def _fault(payload: bytes) -> str:
    with contextlib.suppress(ValidationError):
        found = _Format.model_validate_json(payload).format
        if found > FORMAT:
            return f"was written by a newer agent (format {found}, this one reads 1 to {FORMAT})"
    return "is damaged, or of another version"


def _limits(values: Mapping[str, Sequence[float]]) -> dict[str, Limit]:
    """Of every value that could be measured in most parts."""
    found = {}
    for name, series in values.items():
        measured = sum(isfinite(value) for value in series)
        if measured >= max(LEAST_PARTS, len(series) // 2):
            found[name] = learn_limit(
                series,
                LEAST[name],
                is_wide=name in WIDE,
                window=1 if name in UNREST else WINDOW,
                least_of_one=LEAST_OF_ONE.get(name),
            )
    return found


def _references(
    values: Mapping[str, Sequence[float]], scores: Sequence[float]
) -> dict[str, Reference]:
    """Of the inputs and scores whose parts do not resemble their neighbours: the rate of false
    alarms of the drift test holds for those alone. The others have their limits, and so have
    inputs that LEAST_INPUTS parts have not shown whole.
    """
    series = {name: values[name] for name in DRIFTING if len(values.get(name, ())) >= LEAST_INPUTS}
    series["score"] = scores
    return {
        name: learn_reference(given)
        for name, given in series.items()
        if sum(isfinite(value) for value in given) >= LEAST_REFERENCE
        and not is_correlated(np.asarray(given, np.float64))
    }


def _unrest(lights: Sequence[float], poses: Sequence[CameraPose]) -> dict[str, list[float]]:
    """The values of UNREST."""
    return {
        "flicker": unrest_series(lights),
        "jumps": mean_series(lights),
        "vibration": _vibration(poses),
    }


def _vibration(poses: Sequence[CameraPose]) -> list[float]:
    right = unrest_series(pose.right_px for pose in poses)
    down = unrest_series(pose.down_px for pose in poses)
    return [max(pair) for pair in zip(right, down, strict=True)]


def _short(values: NDArray[np.float32]) -> list[float]:
    return [float(f"{value:.4g}") for value in values.ravel().tolist()]
