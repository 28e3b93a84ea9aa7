"""From a network's output to a label, a score and a verdict; thresholds never enter the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Judgement, Verdict
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec

Float = NDArray[np.float32]


class Scoring(Strict):
    """How the output becomes a score (higher is worse) and the score a verdict.

    logits: one output per label; score = 1 - the softmax mass of the good labels.
    anomaly: one output, the score itself.
    value: a regression in parts of `full_scale`: the value, or its low, middle and high estimate;
    the score is the value, and `margin` widens the interval on both sides.
    FAIL from `threshold` upwards; with worse = "low" (a remaining life), from it downwards.
    Between `unsure_low` and `unsure_high` a person decides.
    `windows` says how the windows of one recording or the tiles of one frame are joined.
    """

    kind: Literal["logits", "anomaly", "value"] = "logits"
    threshold: float = 0.5
    worse: Literal["high", "low"] = "high"
    full_scale: float = Field(default=1.0, gt=0, description="value: unit of the network's output")
    margin: float = Field(default=0.0, ge=0, description="value: what the interval is widened by")
    unsure_low: float | None = None
    unsure_high: float | None = None
    windows: Literal["mean", "max"] = "mean"
    chosen_by: str = Field(default="default", description="rule and data behind the threshold")
    persistence: AlarmRuleSpec = Field(
        default=AlarmRuleSpec(), description="alarm when k of the last n readings are over"
    )
    persistence_chosen_by: str = Field(default="default", description="data behind k and n")

    @model_validator(mode="after")
    def _band_is_ordered(self) -> Self:
        low, high = self.unsure_low, self.unsure_high
        if (low is None) != (high is None):
            raise ValueError("unsure_low and unsure_high come together")
        if low is not None and high is not None and low > high:
            raise ValueError(f"unsure_low {low} lies above unsure_high {high}")
        return self

    @model_validator(mode="after")
    def _threshold_can_be_reached(self) -> Self:
        """A probability never reaches a threshold above 1: every part would pass unseen."""
        if self.worse == "low" and self.kind != "value":
            raise ValueError(f'worse = "low" is for a value; a score of {self.kind} is worse high')
        if self.kind != "logits":
            return self
        for name, bound in (("threshold", self.threshold), ("unsure_low", self.unsure_low)):
            if bound is not None and not 0 <= bound <= 1:
                raise ValueError(f"{name} {bound} of a classifier is no probability (0 to 1)")
        return self

    def with_threshold(self, threshold: float, chosen_by: str) -> Scoring:
        """The same by another threshold; a classifier's that lies just above 1 becomes 1."""
        top = 1.0 if self.kind == "logits" else threshold
        update = {"threshold": min(threshold, top), "chosen_by": chosen_by}
        return Scoring.model_validate(self.model_dump() | update)


def judge(outputs: Float, labels: list[str], good: list[str], scoring: Scoring) -> Judgement:
    """Judge one input from its outputs: float32 (N, K), one row for each window or tile.

    Outputs are dequantised values (logits, or one anomaly score each).
    """
    rows = np.atleast_2d(outputs).astype(np.float64)
    if scoring.kind == "anomaly":
        return _judge_anomaly(rows, scoring)
    if scoring.kind == "value":
        return _judge_value(rows, labels, scoring)
    weights = _join(softmax(rows), scoring)
    score = float(bad_mass(weights[None], labels, good)[0])
    verdict, reason = decide(score, scoring)
    label = label_of(weights, labels, good, verdict)
    mass = tuple(weights.tolist())
    return Judgement(verdict, label, score, scoring.threshold, reason, mass)


def label_of(
    weights: NDArray[np.floating], labels: list[str], good: list[str], verdict: Verdict
) -> str:
    """The likeliest label among those that the verdict allows: a FAIL names a defect.

    The likeliest label of all may be a good one although the defects together reach the threshold.
    """
    is_bad = _is_bad(tuple(labels), tuple(good))
    wanted = {Verdict.FAIL: is_bad, Verdict.PASS: ~is_bad}.get(verdict)
    places: Sequence[int] = range(len(labels))
    if wanted is not None and wanted.any():
        places = np.flatnonzero(wanted).tolist()
    likely = weights.tolist()
    return labels[max(places, key=likely.__getitem__)]


def decide(score: float, scoring: Scoring) -> tuple[Verdict, str]:
    """The verdict of a score, and a reason where it is NO-VERDICT."""
    if not math.isfinite(score):
        return Verdict.NO_VERDICT, "the score is not a number"
    low, high = scoring.unsure_low, scoring.unsure_high
    if low is not None and high is not None and low <= score < high:
        return Verdict.NO_VERDICT, f"unsure: score {score:.3f} lies between {low} and {high}"
    fails = score <= scoring.threshold if scoring.worse == "low" else score >= scoring.threshold
    return (Verdict.FAIL if fails else Verdict.PASS), ""


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64."""
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def bad_mass(
    probabilities: NDArray[np.floating], labels: list[str], good: list[str]
) -> NDArray[np.float64]:
    """1 - the mass of the good labels: (N, K) -> (N,)."""
    is_bad = _is_bad(tuple(labels), tuple(good))
    bad = np.asarray(probabilities, np.float64)[:, is_bad]
    return np.asarray(bad.sum(axis=1), np.float64)


def dequantise(values: NDArray[np.generic], scale: float, zero_point: int) -> Float:
    """Integers to real values: scale * (q - zero_point); floats pass unchanged."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def quantise(
    values: NDArray[np.floating], scale: float, zero_point: int, dtype: str
) -> NDArray[np.generic]:
    """Real values to integers: clip(round(x / scale + zero_point)) to the range of `dtype`."""
    if dtype == "float32":
        return values.astype(np.float32)
    limits = np.iinfo(dtype)
    steps = np.round(values.astype(np.float64) / scale + zero_point)
    return np.clip(steps, limits.min, limits.max).astype(dtype)


@lru_cache(maxsize=64)
def _is_bad(labels: tuple[str, ...], good: tuple[str, ...]) -> NDArray[np.bool_]:
    """Which labels are no good ones, (K,). A station asks it of every part, of the same few models;
    whoever asks must not write into it.
    """
    is_bad = np.array([label not in good for label in labels], bool)
    is_bad.flags.writeable = False
    return is_bad


def _join(rows: NDArray[np.float64], scoring: Scoring) -> NDArray[np.float64]:
    if len(rows) == 1:
        return np.asarray(rows[0])
    if scoring.windows == "mean":
        return np.asarray(rows.mean(axis=0))
    peak = rows.max(axis=0)
    return np.asarray(peak / peak.sum())


def _judge_anomaly(rows: NDArray[np.float64], scoring: Scoring) -> Judgement:
    scores = rows.max(axis=1)
    score = float(scores.mean() if scoring.windows == "mean" else scores.max())
    verdict, reason = decide(score, scoring)
    label = "anomaly" if score >= scoring.threshold else "normal"
    return Judgement(verdict, label, score, scoring.threshold, reason)


def _judge_value(rows: NDArray[np.float64], labels: list[str], scoring: Scoring) -> Judgement:
    """The last row decides: a value is judged where the series ends."""
    values = rows[-1] * scoring.full_scale
    value = float(values[len(values) // 2])
    verdict, reason = decide(value, scoring)
    interval = None
    if len(values) == 3:
        interval = (
            float(min(values[0], value) - scoring.margin),
            float(max(values[2], value) + scoring.margin),
        )
    return Judgement(verdict, labels[0], value, scoring.threshold, reason, interval=interval)
