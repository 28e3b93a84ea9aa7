"""A station's baseline: at most a minute of its own normal, held in the model's standardisation.

Another mounting, another machine of the same kind or another speed moves every feature. The
baseline moves the centre there and widens the spread where this station varies more; the network
stays as it was proven. The station keeps the result beside its state, not in the bundle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import Standard, standardise

MIN_WINDOWS = 10
"""Windows below which a spread cannot be learnt. Fewer than 20 hold false alarms only because the
spread is that of a prediction: after ten on two rigs and a motor 0 to 3 %, after twenty 0.3 %."""

TWO_SIDED = 1.96
"""Normal quantile of 97.5 %."""

FOLDS = 5
REACH = 5.0
"""Robust standard deviations above the median of a station's own normal."""


RESTLESS = 5.0
"""Times the training's spread: no machine at a steady speed scatters so (a fan with a still sensor
1.5 at most, with a sensor that is carried about 21)."""


def raw_features(spec: VibrationInput) -> VibrationInput:
    """The same input before standardisation: what a baseline is learnt from."""
    return spec.model_copy(update={"standard": None})


def rebase(
    spec: VibrationInput, normal: NDArray[np.float32], least: int = MIN_WINDOWS
) -> VibrationInput:
    """`spec` standing on this station's normal windows, (N, bins, channels) of raw_features.

    The spread of each feature is that of a new window: the larger of the training's and this
    station's, which few windows widen. Raises InputError for fewer than `least` windows and for a
    model without a standardisation.
    """
    if spec.standard is None:
        raise InputError(
            "the model has no standardisation to move", where="baseline", cure="none is needed"
        )
    if len(normal) < least:
        raise InputError(
            f"{len(normal)} normal windows, {least} are needed",
            where="baseline",
            cure="record the machine's normal running for longer",
        )
    flat = normal.reshape(len(normal), -1).astype(np.float64)
    spread = predicted_spread(flat, np.array(spec.standard.spread))
    return spec.model_copy(
        update={"standard": standard_of([flat.mean(axis=0)], spread, spec.standard.clip)}
    )


def predicted_spread(
    rows: NDArray[np.float64], least: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """How far a new window may lie from the mean of these (N, features): sqrt(1 + 1 / N) of the
    larger of `least`, a known spread, and of their own.

    Their own times the ratio of Student's and the normal quantile of 97.5 %, by the expansion of
    Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.5 (2.258 for 9 degrees of freedom,
    where tables have 2.262).
    """
    count, z = len(rows), TWO_SIDED
    free = max(count - 1, 1)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    student = z + first / free + second / free**2
    own = rows.std(axis=0) * np.sqrt(count / free) * student / z
    return np.asarray(np.sqrt(1 + 1 / count) * np.maximum(own, least))


def false_alarm_bound(scores: NDArray[np.floating], threshold: float, apart: int) -> float:
    """The share of this station's normal readings that reach the threshold, at most, by the ranks
    of its baseline's `scores`, of which `apart` share no samples.

    (reached + 1) / (apart + 1): whatever their distribution, 2 % can be shown by 49 readings apart
    and by no fewer. Each is judged by a centre of the others, so it is no strict bound.
    """
    reached = float((scores >= threshold).mean()) * apart
    return min(1.0, (reached + 1) / (apart + 1))


def standing(spec: VibrationInput, raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, bins, channels) of raw_features -> the same, standardised as `spec` says."""
    if spec.standard is None:
        raise InputError(
            "the model has no standardisation", where="baseline", cure="none is needed"
        )
    rows = [standardise(one.astype(np.float64), spec.standard) for one in raw]
    return np.stack(rows).astype(np.float32)


def judged_by_others(spec: VibrationInput, normal: NDArray[np.float32]) -> NDArray[np.float32]:
    """The windows of a baseline in the network's input, each fifth standing on the other four.

    Raises InputError for fewer than MIN_WINDOWS windows.
    """
    rebase(spec, normal)
    least = MIN_WINDOWS * (FOLDS - 1) // FOLDS
    rows = [
        standing(rebase(spec, normal[on], least), normal[judged])
        for on, judged in folds_of(len(normal))
    ]
    return np.concatenate(rows)


def scatter(spec: VibrationInput, normal: NDArray[np.float32]) -> float:
    """How many times as much as in training that feature of raw_features scatters that does most.

    From RESTLESS on the sensor was moved or the machine changed: a station that stands on such
    windows takes everything for normal that is smaller.
    """
    if spec.standard is None:
        return 1.0
    flat = normal.reshape(len(normal), -1).astype(np.float64)
    return float(np.max(flat.std(axis=0) / np.array(spec.standard.spread)))


def folds_of(count: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """FOLDS pairs (stands on, judged) of consecutive windows, so that a baseline judges itself."""
    blocks = np.array_split(np.arange(count), FOLDS)
    whole = np.arange(count)
    return [(np.setdiff1d(whole, block), block) for block in blocks]


def raised_threshold(scores: NDArray[np.floating], threshold: float) -> float:
    """The threshold on a station whose baseline windows scored `scores`, each judged by the others.

    median + 5 * 1.4826 * MAD, which Gaussian scores reach once in three million, where that is
    higher: a baseline may make a station more patient than the model, never less.
    """
    middle = float(np.median(scores))
    spread = 1.4826 * float(np.median(np.abs(scores - middle)))
    return max(threshold, middle + REACH * spread)


def standard_of(
    centres: list[NDArray[np.float64]], spread: NDArray[np.float64], clip: float
) -> Standard:
    """A standardisation in five digits, which keeps the manifest readable and hashes stable."""
    return Standard(
        centres=[_digits(centre) for centre in centres],
        spread=_digits(np.maximum(spread, 1e-6)),
        clip=clip,
    )


def _digits(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
