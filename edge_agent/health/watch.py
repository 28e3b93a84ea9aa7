"""The health of one channel at work: what commissioning learned, held against the last parts.

A watch names a fault with its cure. Beyond SEVERE times its limit parts get NO-VERDICT; below it
the station goes on and warns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import copysign, expm1, isfinite, nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Image, Reading
from edge_agent.health.commissioning import (
    LEAST_OF_ONE,
    SPOT_WINDOW,
    UNREST,
    ChannelCommissioning,
    spots,
)
from edge_agent.health.drift import DriftTest, population_stability
from edge_agent.health.evenness import EvennessGauge
from edge_agent.health.limits import LimitWatch, Missing, NewestWatch
from edge_agent.health.marks import LEAST_LIKENESS, MARK_PX, SMALL_PX, camera_pose
from edge_agent.health.picture import CELLS_ACROSS, CELLS_DOWN, measure_picture
from edge_agent.health.signal import measure_signal
from edge_agent.health.unrest import Unrest

SEVERE = 2.0
"""Times a limit, from which parts get NO-VERDICT."""

BLOCK = 500
"""Scores whose distribution as a whole is compared with the reference's."""

KEPT_LIGHT = 16
"""Frames over which it is said what the light was of late."""

CURES = {
    "focus": "clean the lens, focus it again and lock it",
    "light": "look at the lamp, its supply and the exposure",
    "flicker": "look at the lamp and its supply; under mains light, expose for multiples of 10 ms "
    "(of 8.3 ms at 60 Hz)",
    "uneven": "look at each lamp, and for what shades one side",
    "veil": "clean lens and cover glass of fog and oil, and keep stray light out",
    "tint": "look at the lamp and at the camera's white balance",
    "noise": "look at gain and temperature of the camera",
    "shift": "fix the camera's mount or the nest, then commission again",
    "turn": "fix the camera's mount or the nest, then commission again",
    "scale": "look at the camera's distance and the lens, then commission again",
    "vibration": "tighten the camera's mount and the nest, and keep the machine's shocks from them",
    "mark": "see whether the camera was moved far or something covers the mark",
    "dirt": "clean lens and cover glass, or look at the process where the spot is on the parts",
    "loose": "tighten the sensor on its seat",
    "level": "look at the sensor's seat, range and cable",
    "floor": "look at the sensor's cable and supply",
    "clipped": "take a larger range of the sensor",
    "repeated": "look at the sensor's bus and cable, and whether its range is far too large",
    "rate": "correct the sampling rate in station.toml, or repair the sensor's clock",
    "drift": "look at recent rejects, and commission or train again where parts are right",
}
"""Kind of a fault -> what to do."""

NAMES = {"light": "the light", "focus": "focus", "level": "the level",
         "score": "the scores of passed parts"}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One fault of a station. kind: a key of CURES; excess: in parts of the limit, above 1."""

    kind: str
    text: str
    excess: float

    @property
    def is_severe(self) -> bool:
        """Whether parts get NO-VERDICT: a drift alone never does."""
        return self.excess >= SEVERE and self.kind != "drift"

    def __str__(self) -> str:
        return f"{self.text}: {CURES[self.kind]}"


@dataclass(frozen=True)
class Deviation:
    """What it means that a value is off. kind: a key of CURES; text: from the size of it."""

    kind: str
    text: Callable[[float], str]
    only: Literal["up", "down", ""] = ""


DEVIATIONS = {
    "focus": Deviation("focus", lambda off: f"out of focus (sharpness {off:+.2f})", "down"),
    "light": Deviation(
        "light",
        lambda off: f"the lamp is {abs(expm1(off)):.0%} {_than(off)}",
    ),
    "red": Deviation("tint", lambda off: f"colour cast (red {expm1(off):+.0%})"),
    "blue": Deviation("tint", lambda off: f"colour cast (blue {expm1(off):+.0%})"),
    "noise": Deviation("noise", lambda off: "the frames are noisier", "up"),
    "right_px": Deviation("shift", lambda off: f"the picture moved {off:+.1f} px to the right"),
    "down_px": Deviation("shift", lambda off: f"the picture moved {off:+.1f} px down"),
    "turn_deg": Deviation("turn", lambda off: f"the picture turned {off:+.1f} degrees"),
    "scale": Deviation(
        "scale", lambda off: f"the picture is {abs(off):.1%} {'larger' if off > 0 else 'smaller'}"
    ),
    "vibration": Deviation(
        "vibration", lambda off: f"the picture shakes by {off:.1f} px from part to part", "up"
    ),
    "veil": Deviation("veil", lambda off: f"a veil takes {off:.0%} of the contrast", "up"),
    "flicker": Deviation(
        "flicker", lambda off: f"the light flickers by {off:.0%} from part to part", "up"
    ),
    "bands": Deviation(
        "flicker", lambda off: f"bands of light cross the picture ({off:.0%})", "up"
    ),
    "light_right": Deviation(
        "uneven",
        lambda off: f"the {'left' if off > 0 else 'right'} side is {-expm1(-abs(off)):.0%} darker",
    ),
    "light_down": Deviation(
        "uneven",
        lambda off: f"the {'upper' if off > 0 else 'lower'} side is {-expm1(-abs(off)):.0%} darker",
    ),
    "likeness": Deviation("mark", lambda off: "the reference mark is not found", "down"),
    "spot": Deviation("dirt", lambda off: "a dark spot stays in its place", "down"),
    "glint": Deviation("dirt", lambda off: "a bright spot stays in its place", "up"),
    "level": Deviation("level", lambda off: f"the level is {abs(expm1(off)):.0%} lower", "down"),
    "high": Deviation("loose", lambda off: "loose sensor, high frequencies are missing", "down"),
    "floor": Deviation("floor", lambda off: "the noise floor fell", "down"),
    "clipped": Deviation("clipped", lambda off: "the signal is clipped", "up"),
    "repeated": Deviation("repeated", lambda off: f"{off:.0%} more samples repeat", "up"),
    "rate": Deviation("rate", lambda off: f"the sampling rate is {off:+.1%} off"),
}
"""Measured value -> what its deviation means; light, tint and level deviate by a logarithm."""

ODD: dict[str, Callable[[float], str]] = {
    "light": lambda off: f"this frame is {abs(expm1(off)):.0%} {_than(off)} than the line's",
    "level": lambda off: f"the level of this reading is {abs(expm1(off)):.0%} lower",
}
"""Measured value of which one item alone may be odd (LEAST_OF_ONE) -> what is said of it."""
LIKELY = 0.7
"""In parts of its limit: what a deviation must be to be the cause of another that is beyond its
own."""
MOVED = ("right_px", "down_px", "turn_deg")
UNEVEN = ("light_right", "light_down", "bands", "spot", "glint")
EXPLAINS = {
    "likeness": (*MOVED, *UNEVEN, "scale", "veil", "vibration"),
    "veil": ("light", "red", "blue", *UNEVEN),
    **dict.fromkeys(MOVED, ("spot", "glint")),
    "scale": ("veil", *UNEVEN),
    "focus": ("veil",),
    "flicker": ("light",),
    "bands": ("spot", "glint", "light_right", "light_down"),
    "vibration": MOVED,
}
"""Measured value -> those whose deviation follows from its own: a picture of another place has
other spots, and fog brightens it. What follows is no fault of its own, but weighs as much."""


class CameraWatch:
    """Takes the frames of one channel in their order; one thread may use it."""

    def __init__(self, learned: ChannelCommissioning) -> None:
        self._learned = learned
        self._healthy = learned.healthy()
        self._turn = False
        self._light = 0.0  # of late, as a logarithm
        self._is_lost = False  # the marks were not found: they are sought in every frame
        self._beside_marks = _beside_marks(learned)
        self._residuals: deque[NDArray[np.float32]] = deque(maxlen=SPOT_WINDOW)
        self._evenness = EvennessGauge(self._healthy.steady)
        self._flicker = Unrest()
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
        # Detail and pose take turns, so that no frame pays for both.
        self._turn = not self._turn
        seen = measure_picture(image, self._healthy, with_detail=self._turn)
        self._residuals.append(seen.residual * self._beside_marks)
        values = {name: float(getattr(seen, name)) for name in
                  ("light", "red", "blue", "focus", "noise")}  # fmt: skip
        # A missed flash takes its own part's PASS alone, not that of the next DIFFERENCES parts.
        values["flicker"] = nan if self._is_odd(seen.light) else self._flicker.add(seen.light)
        values |= asdict(self._evenness.measure(seen.grey))
        if not self._turn or self._is_lost or self._is_brighter(seen.light):
            values |= self._pose_values(image)
        if len(self._residuals) == SPOT_WINDOW:
            values["spot"], values["glint"] = spots(tuple(self._residuals))
        self._state.add(values)

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
        self._state.add(asdict(seen))

    def add_score(self, score: float) -> None:
        """Take the score of a part that passed."""
        self._state.add_score(score)


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

    def add(self, values: Mapping[str, float]) -> None:
        # What was last seen of the pose may be why the marks are lost: until they are found again.
        is_lost = _means("likeness", self._off.get("likeness", 0.0), 1.0)
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
        beyond = {name: much for name, much in self._off.items() if _means(name, much, 1.0)}
        found = [
            _fault(name, much, self._watches[name].deviation)
            for name, much in _explained(beyond, self._off).items()
        ]
        self._sort(found)

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
            if _means(name, off, limit.single):
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


def _than(off: float) -> str:
    return "brighter" if off > 0 else "darker"


def _means(name: str, much: float, limit: float) -> bool:
    """Whether a deviation beyond a limit is one that means a fault."""
    return abs(much) > limit and DEVIATIONS[name].only != ("down" if much > 0 else "up")


def _explained(beyond: Mapping[str, float], off: Mapping[str, float]) -> dict[str, float]:
    """The deviations without those that follow from another, which is as large as they are.

    beyond: those of `off` that are faults.
    """
    found = dict(beyond)
    for name, effects in EXPLAINS.items():
        # A turn makes the marks less alike too: they are lost when they are beyond their limit.
        if not _means(name, off.get(name, 0.0), 1.0 if name == "likeness" else LIKELY):
            continue
        for effect in effects:
            # Fog and stray light make nothing darker.
            is_darker = effect == "light" and found.get(effect, 0.0) < 0
            if effect in found and not (name == "veil" and is_darker):
                much = max(abs(found.get(name, 0.0)), abs(found.pop(effect)))
                found[name] = copysign(much, off[name])
    return found


def _fault(name: str, much: float, deviation: float) -> Fault:
    """The fault that a deviation means. much: in parts of the limit; deviation: in the unit of the
    value.
    """
    row = DEVIATIONS[name]
    return Fault(row.kind, row.text(deviation), abs(much))
