"""The faults of a station: what a measured value that is off means, what follows from what, and the
cure of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import copysign, expm1
from typing import Literal

SEVERE = 2.0
"""Times a limit, from which parts get NO-VERDICT."""

CURES = {
    "focus": "clean the lens, focus it again and lock it; where only what moves is blurred, expose "
    "for a shorter time",
    "light": "look at the lamp, its supply and the exposure",
    "flicker": "look at the lamp and its supply; under mains light, expose for multiples of 10 ms "
    "(of 8.3 ms at 60 Hz); where whole rows are black, look at the camera's cable",
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
    "silent": "look at the sensor's cable, plug and contacts",
    "offset": "look at the sensor's seat and direction, its axes, its supply and cable",
    "rate": "correct the sampling rate in station.toml, or repair the sensor's clock",
    "drift": "look at recent rejects, and commission or train again where parts are right",
}
"""Kind of a fault -> what to do."""


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
        lambda off: f"the lamp is {abs(expm1(off)):.0%} {than(off)}",
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
    "jumps": Deviation(
        "flicker", lambda off: f"the light flickers by {off:.0%} more from part to part", "up"
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
    "silent": Deviation("silent", lambda off: f"{off:.0%} more of the signal is silent", "up"),
    "offset": Deviation("offset", lambda off: f"the mean of the signal moved by {off:+.2f}"),
    "rate": Deviation("rate", lambda off: f"the sampling rate is {off:+.1%} off"),
}
"""Measured value -> what its deviation means; light, tint and level deviate by a logarithm."""

ODD: dict[str, Callable[[float], str]] = {
    "light": lambda off: f"this frame is {abs(expm1(off)):.0%} {than(off)} than the line's",
    "level": lambda off: f"the level of this reading is {abs(expm1(off)):.0%} lower",
}
"""Measured value of which one item alone may be odd (LEAST_OF_ONE) -> what is said of it."""
LIKELY = 0.7
"""In parts of its limit: what a deviation must be to be the cause of another that is beyond its
own."""
LEAST_OF_EFFECT, LEAST_SOON = 0.25, 0.75
"""And at least so many times that of what is to follow from it, each in parts of its limit; or so
many times by its newest values alone, beyond their limit."""
MOVED = ("right_px", "down_px", "turn_deg")
UNEVEN = ("light_right", "light_down", "bands", "spot", "glint")
EXPLAINS = {
    "likeness": (*MOVED, *UNEVEN, "scale", "veil", "vibration"),
    "veil": ("light", "red", "blue", *UNEVEN),
    **dict.fromkeys(MOVED, ("spot", "glint")),
    "scale": ("veil", *UNEVEN),
    "focus": ("veil",),
    "flicker": ("light",),
    "jumps": ("light",),
    "bands": ("spot", "glint", "light_right", "light_down"),
    "vibration": MOVED,
}
"""Measured value -> those whose deviation follows from its own: a picture of another place has
other spots, and fog brightens it. What follows is no fault of its own, but weighs as much."""


def than(off: float) -> str:
    """The word for a deviation of the light."""
    return "brighter" if off > 0 else "darker"


def means(name: str, much: float, limit: float) -> bool:
    """Whether a deviation beyond a limit is one that means a fault."""
    return abs(much) > limit and DEVIATIONS[name].only != ("down" if much > 0 else "up")


def explained(
    beyond: Mapping[str, float], off: Mapping[str, float], newest: Mapping[str, float]
) -> dict[str, float]:
    """The deviations without those that follow from another, which is as large as they are.

    beyond: those of `off` that are faults; newest: of causes, by their newest values.
    """
    found = dict(beyond)
    for name, effects in EXPLAINS.items():
        much, soon = off.get(name, 0.0), newest.get(name, 0.0)
        # A turn makes the marks less alike too: they are lost when they are beyond their limit.
        is_likely = means(name, much, 1.0 if name == "likeness" else LIKELY)
        for effect in effects:
            size = abs(found.get(effect, 0.0))
            # Fog and stray light make nothing darker.
            is_darker = name == "veil" and effect == "light" and found.get(effect, 0.0) < 0
            is_cause = is_likely and abs(much) >= LEAST_OF_EFFECT * size
            is_soon = means(name, soon, max(1.0, LEAST_SOON * size))
            if effect in found and (is_cause or is_soon) and not is_darker:
                sign = much if is_cause else soon
                found[name] = copysign(max(abs(found.get(name, 0.0)), size), sign)
                del found[effect]
    return found


def fault_of(name: str, much: float, deviation: float) -> Fault:
    """The fault that a deviation means. much: in parts of the limit; deviation: in the unit of the
    value.
    """
    row = DEVIATIONS[name]
    return Fault(row.kind, row.text(deviation), abs(much))
