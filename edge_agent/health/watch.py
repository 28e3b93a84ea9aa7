"""The health of one channel at work: what commissioning learned, held against the last parts.

A watch names a fault with its cure. Beyond SEVERE times its limit parts get NO-VERDICT; below it
the station goes on and warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from math import isfinite, nan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image, Reading
from edge_agent.health.commissioning import (
    LEAST_OF_ONE,
    UNREST,
    ChannelCommissioning,
)
from edge_agent.health.drift import DriftTest, population_stability
from edge_agent.health.evenness import EvennessGauge
from edge_agent.health.faults import (
    DEVIATIONS,
    EXPLAINS,
    LIKELY,
    ODD,
    SEVERE,
    Fault,
    explained,
    fault_of,
    means,
)
from edge_agent.health.limits import LimitWatch, Missing, NewestWatch
from edge_agent.health.marks import LEAST_LIKENESS, MARK_PX, SMALL_PX, camera_pose
from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN, measure_picture
from edge_agent.health.signal import measure_signal
from edge_agent.health.spots import SpotGauge
from edge_agent.health.unrest import Unrest, Unsettled

BLOCK = 500
"""Scores whose distribution as a whole is compared with the reference's."""

KEPT_LIGHT = 16
"""Frames over which it is said what the light was of late."""

FALLS, USUAL = 2.0, 0.5
"""The share of high frequencies falls, as a logarithm, at most so many times as far as their power
beyond so much of its limit, which the load moves."""
NONE: Mapping[str, float] = MappingProxyType({})

NAMES = {"light": "the light", "focus": "focus", "level": "the level",
         "score": "the scores of passed parts"}  # fmt: skip


class CameraWatch:
    """Takes the frames of one channel in their order; one thread may use it."""

    def __init__(self, learned: ChannelCommissioning) -> None:
        self._learned = learned
        self._healthy = learned.healthy()
        self._turn = False
        self._light = 0.0  # of late, as a logarithm
        self._is_lost = False  # the marks were not found: they are sought in every frame
        self._spots = SpotGauge(_beside_marks(learned))
        self._evenness = EvennessGauge(self._healthy.steady)
        self._flicker, self._unsettled = Unrest(), Unsettled()
        self._shakes = Unrest(), Unrest()
        self._state = _Values(learned)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults after the last frame, the worst first."""
        return self._state.faults

    @property
    def odd(self) -> Fault | None:
        """Why the last frame alone shows nothing to be judged by; None where it may."""
        return self._state.odd

    def add(self, image: Image) -> None:
        """Take a frame that is fit to be judged; one of another size is a fault of its own."""
        if [image.shape[1], image.shape[0]] != self._learned.frame_px:
            size = "x".join(str(side) for side in self._learned.frame_px)
            found = f"the frame is {image.shape[1]}x{image.shape[0]}, commissioned was {size}"
            self._state.faults = (Fault("mark", found, SEVERE),)
            return
        # Detail and pose take turns, so that no frame pays for both: where something is off, each
        # frame does, so that its cause shows as soon as what follows from it.
        self._turn = not self._turn
        is_off = self._state.is_off
        seen = measure_picture(image, self._healthy, with_detail=self._turn or is_off)
        values = {name: float(getattr(seen, name)) for name in
                  ("light", "red", "blue", "focus", "noise")}  # fmt: skip
        # A missed flash takes its own part's PASS alone, not that of the next DIFFERENCES parts.
        if not self._is_odd(seen.light):
            values |= {"flicker": self._flicker.add(seen.light), "jumps": self._flicker.mean}
        values |= asdict(self._evenness.measure(seen.grey))
        values["spot"], values["glint"] = self._spots.add(seen.residual)
        is_brighter = self._is_brighter(seen.light)
        if not self._turn or self._is_lost or is_off or is_brighter:
            values |= self._pose_values(image)
        self._state.add(values, {"flicker": self._unsettled.add(seen.light)})

    def add_score(self, score: float) -> None:
        """Take the score of a part that passed."""
        self._state.add_score(score)

    def _is_odd(self, light: float) -> bool:
        """Whether the frame is odd by itself, and blocked for that already."""
        one = self._learned.limits.get("light")
        return one is not None and one.single is not None and abs(light - one.level) > one.single

    def _is_brighter(self, light: float) -> bool:
        """Whether it is brighter than of late: the marks say at once whether that is a veil."""
        limit = self._learned.limits.get("light")
        usual, self._light = self._light, self._light + (light - self._light) / KEPT_LIGHT
        return limit is not None and light - usual > limit.step

    def _pose_values(self, image: Image) -> dict[str, float]:
        if not self._learned.marks:
            return {}
        pose = camera_pose(image, self._learned.marks)
        right, down = self._shakes
        self._is_lost = pose.likeness < LEAST_LIKENESS
        shakes = max(right.add(pose.right_px), down.add(pose.down_px))
        return {**asdict(pose), "vibration": shakes}


class SensorWatch:
    """Takes the readings of one channel in their order; one thread may use it."""

    def __init__(self, learned: ChannelCommissioning) -> None:
        self._limits = learned.limits
        self._state = _Values(learned)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults after the last reading, the worst first."""
        return self._state.faults

    @property
    def odd(self) -> Fault | None:
        """Why the last reading alone shows nothing to be judged by; None where it may."""
        return self._state.odd

    def add(self, reading: Reading) -> None:
        """Take a reading; one that is too short is left to the inspector."""
        try:
            seen = measure_signal(reading)
        except ValueError:
            return
        values = asdict(seen)
        values["high"] = self._high(seen.high, values.pop("upper"))
        self._state.add(values)

    def add_score(self, score: float) -> None:
        """Take the score of a part that passed."""
        self._state.add_score(score)

    def _high(self, high: float, upper: float) -> float:
        """The share of high frequencies, which falls no further than they themselves account for:
        a hum or an unbalance beside them is no loose sensor."""
        share, power = self._limits.get("high"), self._limits.get("upper")
        if share is None or power is None:
            return high
        fall = min(0.0, upper - power.level + USUAL * power.reach)
        return max(high, share.level + FALLS * fall)


def _beside_marks(learned: ChannelCommissioning) -> NDArray[np.float32]:
    """0 for fields that a mark covers or may move into, else 1: a mark that moves is no dirt."""
    field = np.ones((CELLS_DOWN, CELLS_ACROSS), np.float32)
    width, height = learned.frame_px
    wide, high = SMALL_PX / CELLS_ACROSS, SMALL_PX * height / width / CELLS_DOWN
    for mark in learned.marks:
        rows = slice(max(0, int(mark.top_px / high) - 1), int((mark.top_px + MARK_PX) / high) + 2)
        across = int(mark.left_px / wide), int((mark.left_px + MARK_PX) / wide)
        field[rows, max(0, across[0] - 1) : across[1] + 2] = 0
    return field


def build_watch(learned: ChannelCommissioning) -> CameraWatch | SensorWatch:
    """The watch of a channel of that kind."""
    return CameraWatch(learned) if learned.kind == "image" else SensorWatch(learned)


class _Values:
    """The watches of all values of a channel."""

    def __init__(self, learned: ChannelCommissioning) -> None:
        self.faults: tuple[Fault, ...] = ()
        self.odd: Fault | None = None
        self._limits = learned.limits
        self._texts: dict[str, str] = {}
        self._off: dict[str, float] = {}
        self._scores: list[float] = []
        self._reshaped = False
        self._reference = learned.references.get("score")
        self._watches = {
            name: NewestWatch(limit) if name in UNREST else LimitWatch(limit)
            for name, limit in learned.limits.items()
        }
        self._missing = Missing()
        self._drifts = {name: DriftTest(one) for name, one in learned.references.items()}

    @property
    def is_off(self) -> bool:
        """Whether a value is beyond its limit, a fault or not yet."""
        return any(watch.is_off for watch in self._watches.values())

    def add(self, values: Mapping[str, float], signs: Mapping[str, float] = NONE) -> None:
        """Take the values of an item. signs: newest signs of causes whose own value is slower, in
        the unit of the value.
        """
        # What was last seen of the pose may be why the marks are lost: until they are found again.
        is_lost = means("likeness", self._off.get("likeness", 0.0), 1.0)
        for name, value in values.items():
            if name in self._watches and isfinite(value):
                self._off[name] = self._watches[name].add(value)
            if name in self._drifts and isfinite(value):
                self._drifts[name].add(value)
            is_kept = is_lost and name in EXPLAINS["likeness"]
            if self._missing.add(name, value) and not is_kept:
                self._off.pop(name, None)
        if not isfinite(values.get("veil", 0.0)):
            self._off.pop("veil", None)  # what cannot be told any more explains nothing
        self.odd = self._odd_one(values)
        beyond = {name: much for name, much in self._off.items() if means(name, much, 1.0)}
        found = []
        if beyond:
            for name, much in explained(beyond, self._off, self._newest(signs)).items():
                is_new = name not in beyond and abs(self._off.get(name, 0.0)) < LIKELY
                watch = self._watches[name]
                found.append(fault_of(name, much, watch.newest if is_new else watch.deviation))
        self._sort(found)

    def _newest(self, signs: Mapping[str, float]) -> dict[str, float]:
        """How far the newest values of the causes are off, in parts of their limits."""
        found = {}
        for name in EXPLAINS:
            if name in self._off:
                limit, newest = self._limits[name], self._watches[name].newest
                if name in signs:
                    newest = max(newest, signs[name] - limit.level)
                found[name] = newest / limit.reach
        return found

    def add_score(self, score: float) -> None:
        if self._reference is None or not isfinite(score):
            return
        self._drifts["score"].add(score)
        self._scores.append(score)
        if len(self._scores) == BLOCK:
            index, limit = population_stability(self._reference, np.array(self._scores))
            self._reshaped = index > limit
            self._scores.clear()

    def _odd_one(self, values: Mapping[str, float]) -> Fault | None:
        for name in LEAST_OF_ONE:
            limit, value = self._limits.get(name), values.get(name, nan)
            if limit is None or limit.single is None or not isfinite(value):
                continue
            off = value - limit.level
            if means(name, off, limit.single):
                words = ODD[name](off)
                return Fault(DEVIATIONS[name].kind, words, SEVERE * abs(off) / limit.single)
        return None

    def _sort(self, found: list[Fault]) -> None:
        """The worst of each kind first, then the drifts.

        A fault keeps the words that it began with: a state is told once, not with every part.
        """
        kinds: dict[str, Fault] = {}
        for fault in sorted(found, key=lambda one: -one.excess):
            text = self._texts.get(fault.kind, fault.text)
            kinds.setdefault(fault.kind, replace(fault, text=text))
        self._texts = {kind: fault.text for kind, fault in kinds.items()}
        drifts = [
            Fault("drift", f"{NAMES[name]} {'rose' if test.direction > 0 else 'fell'} slowly", 1.0)
            for name, test in self._drifts.items()
            if test.direction
        ]
        if self._reshaped and not drifts:
            drifts = [Fault("drift", f"{NAMES['score']} have another distribution", 1.0)]
        self.faults = (*kinds.values(), *drifts)
