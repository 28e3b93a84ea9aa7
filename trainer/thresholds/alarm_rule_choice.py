"""k of n, chosen on validation readings: the stated false-alarm rate, the shortest detection delay.

A reading is one window of vibration, or one row; windows of vibration that overlap are left out,
since a station's readings do not. The readings of one machine in one state, recordings in their
order, are one run. Every majority rule (k of n with 2k > n) up to n = 10 is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec, alarms
from edge_agent.contracts.model.scoring import Scoring, bad_mass, softmax
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.data.prepare import InputSpec, Prepared
from trainer.data.samples import Dataset, Indices
from trainer.thresholds.policy import upper_bound

Run = NDArray[np.float64]
"""(T,) scores of consecutive readings of one machine in one state, oldest first."""

LONGEST = 10
"""Readings that a rule looks back on at most."""
LEAST_NORMAL = 20
"""Normal readings below which no rule is chosen."""
PATIENCE = 100
"""Readings after which a fault counts as not found."""
STARTS = 8
"""Moments, evenly spaced, at which each faulty run is taken to begin."""
ASSUMED_HITS = 0.8
"""Without faulty validation readings: the share of a fault's readings over the threshold."""


@dataclass(frozen=True)
class Runs:
    """Runs of normal and of faulty readings."""

    normal: list[Run]
    faulty: list[Run]


@dataclass(frozen=True)
class Tally:
    """What a rule does: alarms among normal readings, and how soon faulty runs are found.

    over: normal readings over the threshold; found: runs with an alarm within PATIENCE readings;
    delay: readings until the alarm, mean over the runs (PATIENCE where there is none).
    """

    rule: AlarmRuleSpec
    normal: int
    over: int
    false_alarms: int
    faulty: int
    found: int
    delay: float

    @property
    def share(self) -> float:
        """Alarms in parts of the normal readings."""
        return self.false_alarms / self.normal if self.normal else 0.0

    @property
    def bound(self) -> float:
        """The share of false alarms is below this, with 95 % confidence."""
        return upper_bound(self.false_alarms, self.normal)

    def as_json(self) -> dict[str, object]:
        """For metrics.json."""
        return {
            "k": self.rule.k,
            "n": self.rule.n,
            "normal_readings": self.normal,
            "over_threshold": self.over,
            "false_alarms": self.false_alarms,
            "false_alarm_share_below": round(self.bound, 6),
            "faulty_runs": self.faulty,
            "found": self.found,
            "mean_delay_readings": round(self.delay, 3),
        }


def with_rule(scoring: Scoring, runs: Runs, limit: float | None) -> Scoring:
    """`scoring` with the rule of choose_rule, where a false-alarm rate is stated."""
    if limit is None:
        return scoring
    normal = sum(len(run) for run in runs.normal)
    if normal < LEAST_NORMAL:
        chosen_by = f"{normal} normal validation readings are too few: 1 of 1"
        return scoring.model_copy(update={"persistence_chosen_by": chosen_by})
    tally = choose_rule(runs, scoring.threshold, limit)
    update = {
        "persistence": tally.rule,
        "persistence_chosen_by": _sentence(tally, runs, scoring.threshold, limit),
    }
    return scoring.model_copy(update=update)


def with_alarm_rule(
    scoring: Scoring,
    dataset: Dataset,
    val: Prepared,
    outputs: NDArray[np.float32],
    spec: InputSpec,
    limit: float | None,
) -> Scoring:
    """`scoring` with a k-of-n rule, where the readings of `dataset` follow one another in time.

    outputs: (N, K) of the validation windows `val`; limit: the largest share of false alarms.
    """
    if not is_watched(dataset):
        return scoring
    return with_rule(scoring, runs_of(dataset, val, outputs, spec, scoring), limit)


def is_watched(dataset: Dataset) -> bool:
    """Whether readings follow one another in time: vibration, and rows of an anomaly detector."""
    return dataset.config.kind == "vibration" or dataset.config.task == "tabular-anomaly"


def choose_rule(runs: Runs, threshold: float, limit: float) -> Tally:
    """Of the rules that hold `limit` the one of the shortest delay; ties: fewest false alarms.

    Where none holds it, the one of the fewest false alarms.
    """
    faulty = runs.faulty or [_assumed(threshold)]
    told = [tally(rule, Runs(runs.normal, faulty), threshold) for rule in _rules()]
    holding = [one for one in told if one.share <= limit]
    if not holding:
        return min(told, key=lambda one: (one.false_alarms, one.delay, one.rule.n))
    return min(holding, key=lambda one: (round(one.delay, 6), one.false_alarms, one.rule.n))


def tally(rule: AlarmRuleSpec, runs: Runs, threshold: float) -> Tally:
    """What `rule` does on the runs."""
    raised = [alarms(run, threshold, rule) for run in runs.normal]
    delays = [_delay(run, threshold, rule) for run in runs.faulty]
    return Tally(
        rule,
        normal=sum(len(run) for run in runs.normal),
        over=sum(int((run >= threshold).sum()) for run in runs.normal),
        false_alarms=sum(int(one.sum()) for one in raised),
        faulty=len(runs.faulty),
        found=sum(delay < PATIENCE for delay in delays),
        delay=float(np.mean(delays)) if delays else 0.0,
    )


def runs_of(
    dataset: Dataset,
    prepared: Prepared,
    outputs: NDArray[np.float32],
    spec: InputSpec,
    scoring: Scoring,
) -> Runs:
    """The runs in the prepared windows of some samples, by machine (group) and label."""
    scores = window_scores(outputs, dataset.labels, dataset.good, scoring)
    bad, groups = dataset.is_bad(), dataset.groups()
    collected: dict[tuple[bool, str, str], list[float]] = {}
    for at in np.flatnonzero(apart(prepared.sample, spec)).tolist():
        sample = int(prepared.sample[at])
        machine = dataset.samples[sample].group and groups[sample]
        key = (bool(bad[sample]), machine, dataset.samples[sample].label)
        collected.setdefault(key, []).append(float(scores[at]))
    normal = [np.array(run) for (is_bad, *_), run in collected.items() if not is_bad]
    return Runs(normal, [np.array(run) for (is_bad, *_), run in collected.items() if is_bad])


def window_scores(
    outputs: NDArray[np.float32], labels: Sequence[str], good: Sequence[str], scoring: Scoring
) -> Run:
    """(N, K) outputs of single windows -> (N,) scores."""
    if scoring.kind == "logits":
        return bad_mass(softmax(outputs), list(labels), list(good))
    return np.asarray(outputs[:, 0], np.float64)


def apart(sample: Indices, spec: InputSpec) -> NDArray[np.bool_]:
    """Which inputs overlap none of those before them; (N,) `sample` tells the recording of each."""
    step = 1
    if isinstance(spec, VibrationInput):
        step = -(-spec.window_samples // spec.hop_samples)
    order = np.zeros(len(sample), np.int64)
    for at in range(1, len(sample)):
        order[at] = order[at - 1] + 1 if sample[at] == sample[at - 1] else 0
    return np.asarray(order % step == 0)


def _rules() -> list[AlarmRuleSpec]:
    return [
        AlarmRuleSpec(k=k, n=n) for n in range(1, LONGEST + 1) for k in range(n // 2 + 1, n + 1)
    ]


def _delay(run: Run, threshold: float, rule: AlarmRuleSpec) -> float:
    """Readings until the alarm when the fault begins somewhere in `run`, which then repeats."""
    starts = np.unique(np.linspace(0, len(run), STARTS, endpoint=False).astype(int))
    repeated = np.tile(run, -(-(len(run) + PATIENCE) // len(run)))
    delays = []
    for start in starts:
        raised = alarms(repeated[start : start + PATIENCE], threshold, rule)
        delays.append(int(raised.argmax()) + 1 if raised.any() else PATIENCE)
    return float(np.mean(delays))


def _assumed(threshold: float) -> Run:
    """A fault of which ASSUMED_HITS of the readings are over the threshold, in random order."""
    over = np.random.default_rng(0).random(1000) < ASSUMED_HITS
    return np.where(over, threshold + 1.0, threshold - 1.0)


def _sentence(tally: Tally, runs: Runs, threshold: float, limit: float) -> str:
    reached = "asked" if tally.share <= limit else "no rule holds the"
    fault = (
        f"{tally.found} of {tally.faulty} faulty runs (a machine in a state) are found"
        if runs.faulty
        else f"a fault that is over the threshold in {ASSUMED_HITS:.0%} of readings (assumed: no "
        "faulty validation readings) is found"
    )
    return (
        f"{tally.rule.k} of {tally.rule.n} at {threshold:.4g}: {tally.false_alarms} of "
        f"{tally.normal} normal validation readings raise an alarm (below {tally.bound:.2%} with "
        "95 % confidence), "
        f"{tally.over} are over the threshold, {reached} {limit:.2%}; {fault} after "
        f"{tally.delay:.1f} readings on average"
    )
