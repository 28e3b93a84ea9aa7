"""The operating conditions that a detector of vibration knows, and how another one is recognised.

A detector learnt normal running at some speeds and loads. At another one every feature moves, and
it would take that for a fault. What a machine does there nobody has shown it: such a reading is
neither good nor bad, and needs a baseline. Where speeds are stated they decide. Elsewhere an alarm
stands if the features rose further than a faster run would raise them (a slower one is quieter, so
that a fall says nothing), or if the lines of the spectrum lie where those of a known condition lie:
lines keep their place when a fault comes, and leave it when the speed changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from edge_agent.contracts.vibration.baseline import raw_features
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.views import (
    ShaftView,
    Standard,
    nearest_centre,
    running_median,
)

Rows = NDArray[np.float64]

SAME_SPEED = 0.05
"""Part of a known speed within which another one is the same: an induction motor slips so much."""
MOST_NAMED = 6
"""Known speeds that a reason names one by one."""
WITHIN = 1.5
"""Spreads by which a feature may rise and say nothing."""
FLOOR_BINS = 25
"""Bins whose running median is the floor that a line stands on."""
NEEDS_BASELINE = "needs a baseline"
"""How the reason of such a NO-VERDICT begins."""


class KnownConditions(Strict):
    """What tells a known operating condition of a machine from another one."""

    rpm: list[float] = Field(
        default=[], description="as distinct_speeds of the training's; empty: unknown"
    )
    spread: list[float] = Field(
        min_length=1, description="unit in which the rise of each feature counts"
    )
    far: float = Field(gt=0, description="rise from which no other condition explains it")
    lines: ShaftView | None = Field(default=None, description="none: they do not tell the speed")
    known_lines: list[list[float]] = Field(
        default=[], max_length=16, description="of each condition, as unit vectors"
    )
    alike: float = Field(default=1.0, description="correlation from which lines are a known one's")
    chosen_by: str = Field(description="data behind the limits")

    def unknown(self, recording: Recording, spec: VibrationInput, *, alarmed: bool) -> str:
        """Why the condition of a recording is not a known one; "" where it is, or may be.

        spec: the model's input; alarmed: its score reached the threshold. Raises as
        prepare_recording does.
        """
        if self.rpm and recording.rpm is not None:
            return self._other_speed(recording.rpm)
        if not alarmed or spec.standard is None:
            return ""
        raw = prepare_recording(recording, raw_features(spec))
        moved = float(np.mean([movement(one, spec.standard, self.spread) for one in raw]))
        if moved >= self.far or self._has_known_lines(recording, spec):
            return ""
        share = f"{moved:.2f} of {self.far:.2f}"
        return f"unlike the training by no more than another speed would be ({share}){self._ask()}"

    def needs_baseline(self, recording: Recording, spec: VibrationInput) -> NeedsBaseline:
        """Which verdicts on a recording are withheld; raises as `unknown` does."""
        if self.unknown(recording, spec, alarmed=False):
            return "always"
        return "alarm" if self.unknown(recording, spec, alarmed=True) else ""

    def _other_speed(self, rpm: float) -> str:
        nearest = min(self.rpm, key=lambda known: abs(rpm / known - 1))
        if abs(rpm / nearest - 1) <= SAME_SPEED:
            return ""
        named = self._named()
        if len(self.rpm) > MOST_NAMED:
            named += f", nearest {nearest:g}"
        return f"{rpm:g} rpm, the training knows {named}"

    def _ask(self) -> str:
        """What to do first where the model knows its speeds and the reading states none."""
        if not self.rpm:
            return ""
        return (
            f"; state its speed, of which the training knows {self._named()} rpm: [channel.speed] "
            "of the station, --rpm of predict"
        )

    def _named(self) -> str:
        if len(self.rpm) > MOST_NAMED:
            return f"{min(self.rpm):g} to {max(self.rpm):g}"
        return ", ".join(f"{one:g}" for one in self.rpm)

    def _has_known_lines(self, recording: Recording, spec: VibrationInput) -> bool:
        if self.lines is None:
            return False
        found = lines_of(prepare_recording(recording, lines_input(spec, self.lines)))
        best = (found @ np.array(self.known_lines).T).max(axis=1)
        return float(best.mean()) >= self.alike


def distinct_speeds(rpm: Iterable[float]) -> list[float]:
    """The fewest of these speeds, in 1/min and ascending, that cover what all of them cover.

    Each covers SAME_SPEED on both sides. Measured speeds lie close: one in about 10 % is left.
    """
    kept: list[float] = []
    ordered = sorted(set(rpm))
    for one, following in pairwise([*ordered, np.inf]):
        reach = kept[-1] * (1 + SAME_SPEED) if kept else 0.0
        if following * (1 - SAME_SPEED) > reach:
            kept.append(one)
    return kept


def movement(raw: NDArray[np.floating], standard: Standard, spread: list[float] | Rows) -> float:
    """How far one window's features, (bins, channels) before standardisation, rose above the
    nearest centre: the mean of what exceeds WITHIN spreads, of the channel where it is largest.
    """
    flat = raw.reshape(-1).astype(np.float64)
    centre = np.array(standard.centres[nearest_centre(flat, standard)])
    excess = np.maximum((flat - centre) / np.array(spread) - WITHIN, 0)
    return float(excess.reshape(raw.shape).mean(axis=0).max())


def lines_input(spec: VibrationInput, lines: ShaftView) -> VibrationInput:
    """The windows of `spec` as lines of their spectrum."""
    return spec.model_copy(update={"views": [lines], "standard": None})


def lines_of(spectra: NDArray[np.floating]) -> Rows:
    """(N, bins, axes) of a ShaftView -> unit vectors (N, bins * axes), above their floor."""
    above = [one - running_median(one, FLOOR_BINS) for one in spectra.astype(np.float64)]
    return unit_rows(np.array(above).reshape(len(spectra), -1))


def unit_rows(rows: Rows) -> Rows:
    """Each row (N, F) less its mean, with a norm of 1: the product of two is their correlation."""
    level = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(level / np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-9))
