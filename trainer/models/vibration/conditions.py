"""What a detector of vibration knows of operating conditions: see contracts/vibration/conditions.

Each condition of the training is left out once: how far its levels rise above the others, and how
like theirs its spectral lines are, is what an unseen condition would show. What few conditions
cannot show is a law of physics: forces and flow grow with a power of the speed. The lean of the
sensor counts for nothing, since a speed, a load and a mounting change it by no known law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.vibration.baseline import raw_features
from edge_agent.contracts.vibration.conditions import (
    WITHIN,
    KnownConditions,
    distinct_speeds,
    lines_input,
    lines_of,
    movement,
    unit_rows,
)
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import AnyView, ShaftView, SpectrumView
from trainer.console.progress import SilentProgress
from trainer.data.prepare import prepare, read_sample
from trainer.models.vibration.features import MOST_CENTRES, standard_within
from trainer.training.api import Training

LEVEL_STEP = 0.1
"""Decades of power density in which a rise counts."""
UNCOUNTED = 1e6
"""The spread of a feature whose rise says nothing."""
FASTER = 2.0
"""Times the speed of the loudest known condition, the highest that a machine is taken to reach."""
GROWTH = 6.0
"""Power density grows with at most this power of the speed: the fourth where the force is of an
unbalance, the sixth where flow meets a surface (N. Curle, Proc. R. Soc. A 231 (1955) 505-514)."""
LEAST_FAR = GROWTH * float(np.log10(FASTER)) / LEVEL_STEP - WITHIN
"""A mean rise of 1.8 decades."""
MARGIN = 1.5
"""Times the farthest rise of a condition that was left out: the next one may lie beyond all."""
RARE = 0.01
"""Share of an unseen condition's windows that may be taken for a known one, or for a fault."""
LINES = 100
STRETCHES = (1 / 3, 0.5, 2 / 3, 0.8, 0.85, 0.9, 1.1, 1.15, 1.2, 1.5, 2.0, 3.0)
"""Speeds, in parts of a known one, at which its lines must not be taken for known: the next ones,
and those whose multiples fall on its own."""
TOLD = 0.8
"""Share of known windows whose lines must tell them from unseen ones, or lines say nothing."""
MOST_COMMON = 0.7
"""Correlation of two speeds' lines from which on they are not the shaft's but of structure and
sensor, and would be there at an unseen speed too (two rigs and motors: 0.4 to 0.6, a fan 0.85)."""

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class _Runs:
    """Of every condition its windows' raw features (N, bins, channels), its lines (N, F)."""

    names: list[str]
    raw: list[NDArray[np.float32]]
    lines: list[Rows]
    bins: int


def conditions_of(training: Training) -> KnownConditions | None:
    """The conditions of the training samples; None for another model than a detector."""
    spec = training.spec
    is_detector = training.dataset.config.task == "vibration-anomaly"
    if not is_detector or not isinstance(spec, VibrationInput) or spec.standard is None:
        return None
    view = lines_view(spec)
    runs = _runs(training, spec, view)
    several = 1 < len(runs.names) <= MOST_CENTRES
    spread = rise_spread(spec)
    moved = _moved(runs, spec, spread) if several else []
    alike = _alike(runs) if several else None
    far = max([LEAST_FAR, *(MARGIN * one for one in moved)])
    known = [unit_rows(one.mean(axis=0)[None])[0] for one in runs.lines] if alike else []
    said = f"{len(runs.names)} conditions, each left out once" if several else "no two conditions"
    return KnownConditions(
        rpm=_known_rpm(training),
        spread=[float(f"{value:.4g}") for value in spread],
        far=round(far, 3),
        lines=view if alike else None,
        known_lines=[[round(float(value), 4) for value in one] for one in known],
        alike=alike or 1.0,
        chosen_by=said,
    )


def lines_view(spec: VibrationInput) -> ShaftView:
    """The lowest lines that a window can tell apart, one a bin."""
    step_hz = spec.rate_hz / spec.window_samples
    bins = min(LINES, spec.window_samples // 2 - 1)
    return ShaftView(bins=bins, low=step_hz / 2, high=step_hz * (bins + 0.5))


def rise_spread(spec: VibrationInput) -> Rows:
    """In which unit the rise of each feature counts, (features,): levels of a spectrum only."""
    columns = [np.full(view.channels(len(spec.axes)), _unit_of(view)) for view in spec.views]
    return np.tile(np.concatenate(columns), spec.shape[0])


def _unit_of(view: AnyView) -> float:
    return LEVEL_STEP if isinstance(view, SpectrumView) else UNCOUNTED


def _runs(training: Training, spec: VibrationInput, view: ShaftView) -> _Runs:
    groups = np.array(training.dataset.groups())
    train = training.split.train
    names = sorted(set(groups[train].tolist()))
    raw: list[NDArray[np.float32]] = []
    lines: list[NDArray[np.float32]] = []
    for name in names:
        samples = train[groups[train] == name]
        for given, found in ((raw_features(spec), raw), (lines_input(spec, view), lines)):
            found.append(prepare(training.dataset, samples, given, SilentProgress(), "").inputs)
    return _Runs(names, raw, [lines_of(one) for one in lines], view.bins)


def _moved(runs: _Runs, spec: VibrationInput, spread: Rows) -> list[float]:
    """How far all but RARE of each condition's windows rose above the others, at the most."""
    found = []
    for place, left_out in enumerate(runs.raw):
        rest = [one.reshape(len(one), -1) for n, one in enumerate(runs.raw) if n != place]
        standard = standard_within([one.astype(np.float64) for one in rest], spec)
        far = [movement(window, standard, spread) for window in left_out]
        found.append(float(np.quantile(far, 1 - RARE)))
    return found


def _alike(runs: _Runs) -> float | None:
    """The correlation from which lines are a known condition's; None where lines do not tell.

    Two thirds of each condition make its lines, the last third is judged: as it is by its own, and
    as what is unseen by those of the others, and stretched by its own. A condition of one window
    has none to judge.
    """
    cut = [max(1, 2 * len(one) // 3) for one in runs.lines]
    known = np.concatenate(
        [unit_rows(one[:end].mean(axis=0)[None]) for one, end in zip(runs.lines, cut, strict=True)]
    )
    same, other = [], []
    for place, (rows, end) in enumerate(zip(runs.lines, cut, strict=True)):
        judged = rows[end:]
        if not len(judged):
            continue
        likeness = judged @ known.T
        same.append(likeness[:, place])
        other.append(np.delete(likeness, place, axis=1).max(axis=1))
        other += [stretched(judged, runs.bins, by) @ known[place] for by in STRETCHES]
    if not same:
        return None
    own, strange = np.concatenate(same), np.concatenate(other)
    unseen = float(np.quantile(strange, 1 - RARE))
    if unseen > MOST_COMMON or (own > unseen).mean() < TOLD:
        return None
    # A fault adds lines of its own and so lowers the likeness: half of the way is left to it.
    return round((unseen + max(unseen, float(np.quantile(own, 0.05)))) / 2, 4)


def stretched(lines: Rows, bins: int, by: float) -> Rows:
    """Lines (N, bins * axes) of a machine that turns `by` times as fast, as unit vectors."""
    at = np.arange(bins) / by
    whole = lines.reshape(len(lines), bins, -1)
    moved = [[np.interp(at, np.arange(bins), axis) for axis in one.T] for one in whole]
    return unit_rows(np.array(moved).transpose(0, 2, 1).reshape(len(lines), -1))


def _known_rpm(training: Training) -> list[float]:
    """The distinct speeds of the training samples; none where a sample does not state its own."""
    found = [read_sample(training.dataset, int(one)).rpm for one in training.split.train]
    known = [rpm for rpm in found if rpm is not None]
    if len(known) < len(found):
        return []
    return distinct_speeds(float(f"{rpm:.4g}") for rpm in known)
