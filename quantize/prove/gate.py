"""The gate: float and int8 on the same held-out samples, and what may be lost between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, GateError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.run_folder.rows import Prediction

Status = Literal["held", "broken", "not resolved"]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESAMPLES = 1000
LIMITED = ("auroc", "accuracy", "escapes", "rmse", "agreement")
"""The metrics that have a limit, as --allow names them."""


@dataclass(frozen=True)
class Limits:
    """What int8 may lose: AUROC, accuracy (both as fractions), and bad parts newly passed.

    rmse: by which share the error of a regression may grow. agreement: the share of samples that
    may be judged otherwise, rightly or wrongly: another verdict, or another label where no label
    is good.
    """

    auroc: float = 0.005
    accuracy: float = 0.005
    escapes: int = 0
    rmse: float = 0.02
    agreement: float = 0.005


@dataclass(frozen=True)
class Metric:
    """One figure of both networks. `loss` is positive where int8 is worse.

    ci95: bootstrap interval of the loss over samples, or None; p: McNemar's exact p, or None.
    """

    name: str
    before: float
    after: float
    loss: float
    limit: float | None
    status: Status
    ci95: tuple[float, float] | None = None
    p: float | None = None


@dataclass(frozen=True)
class Flip:
    """One sample that the two networks judge differently; `kind` says what that means."""

    before: Prediction
    after: Prediction
    kind: str


@dataclass(frozen=True)
class Comparison:
    """Float beside int8 on n held-out samples; before, after: these, and frames without a part."""

    n: int
    metrics: list[Metric]
    flips: list[Flip]
    agreement: float
    before: list[Prediction] = field(repr=False)
    after: list[Prediction] = field(repr=False)

    @property
    def broken(self) -> list[str]:
        """Names of the limits that are broken."""
        return [metric.name for metric in self.metrics if metric.status == "broken"]


def compare_samples(
    spec: ModelSpec, before: list[Prediction], after: list[Prediction], limits: Limits
) -> Comparison:
    """Compare the same samples, in the same order, judged by float (`before`) and int8.

    Frames without the part that is cut out count nowhere: what either network makes of a black
    picture says nothing. Raises GateError where no sample shows a part.
    """
    seen = _show_a_part(spec, before)
    old, new = _those(before, seen), _those(after, seen)
    if spec.scoring.kind == "value":
        metrics = [_rmse(old, new, limits.rmse)]
    else:
        metrics = [_accuracy(spec, old, new, limits.accuracy)]
    if spec.good:
        bad = np.array([sample.label not in spec.good for sample in old])
        if bad.any() and not bad.all():
            metrics.insert(0, _auroc(bad, old, new, limits.auroc))
        metrics += _verdict_counts(bad, old, new, limits.escapes)
    flips = [
        Flip(one, other, _flip_kind(spec, one, other))
        for one, other in zip(old, new, strict=True)
        if one.verdict != other.verdict or one.predicted != other.predicted
    ]
    verdicts = bool(spec.good) or spec.scoring.kind == "value"
    changed = sum(not verdicts or flip.before.verdict != flip.after.verdict for flip in flips)
    agreement = _agreement(changed, len(old), limits.agreement)
    return Comparison(len(old), [*metrics, agreement], flips, agreement.after, before, after)


def refuse_unknown(allowed: list[str]) -> None:
    """Raise ConfigError for a waiver of a limit that is none."""
    for name in allowed:
        if name not in LIMITED:
            cure = f"name one of {', '.join(sorted(LIMITED))}"
            raise ConfigError(f"no limit {name!r}", where="--allow", cure=cure)


def enforce(comparison: Comparison, allowed: list[str]) -> list[str]:
    """The limits that were broken and waived; raises GateError for those not waived."""
    refuse_unknown(allowed)
    broken = [metric for metric in comparison.metrics if metric.status == "broken"]
    refused = [metric for metric in broken if metric.name not in allowed]
    if refused:
        raise GateError(
            "; ".join(_sentence(metric) for metric in refused),
            where=f"int8 against float on {comparison.n} held-out samples",
            cure="calibrate with more or other training samples, try --variant float16, "
            f"or waive it knowingly with --allow {refused[0].name}",
        )
    return [f"{metric.name}: {_sentence(metric)}" for metric in broken]


def auroc(bad: Mask, scores: Floats) -> float:
    """Area under the ROC curve by the rank sum; ties count half (Mann and Whitney, 1947)."""
    from scipy.stats import rankdata

    n_bad = int(bad.sum())
    n_good = len(bad) - n_bad
    ranks = float(rankdata(scores)[bad].sum())
    return (ranks - n_bad * (n_bad + 1) / 2) / (n_bad * n_good)


def mcnemar(lost: int, won: int) -> float:
    """Two-sided exact p of McNemar's test from the discordant pairs (McNemar, 1947)."""
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0


def _show_a_part(spec: ModelSpec, samples: list[Prediction]) -> Mask:
    """(N,): False for a frame without the part that is cut out, whose judgement says nothing."""
    seen = np.array([not spec.saw_no_part(one.needs_baseline) for one in samples])
    if not seen.any():
        raise GateError(
            "none shows a part that could be cut out",
            where=f"int8 against float on {len(samples)} held-out samples",
            cure="hold out pictures with parts, or fit again without cut_out",
        )
    return seen


def _those(samples: list[Prediction], seen: Mask) -> list[Prediction]:
    return [one for one, shows in zip(samples, seen, strict=True) if shows]


def _auroc(bad: Mask, before: list[Prediction], after: list[Prediction], limit: float) -> Metric:
    old = np.array([sample.score for sample in before])
    new = np.array([sample.score for sample in after])
    was, is_ = auroc(bad, old), auroc(bad, new)
    ci95 = _bootstrap_auroc(bad, old, new)
    step = 1 / min(int(bad.sum()), int((~bad).sum()))
    status = _status(was - is_, limit, step, proven=ci95[0] > 0, sure=ci95[1] <= limit)
    return Metric("auroc", was, is_, was - is_, limit, status, ci95)


def _bootstrap_auroc(bad: Mask, old: Floats, new: Floats) -> tuple[float, float]:
    """95 % interval of the AUROC lost, good and bad samples drawn apart (Efron, 1979)."""
    random = np.random.default_rng(0)
    bads, goods = np.flatnonzero(bad), np.flatnonzero(~bad)
    losses = np.empty(RESAMPLES)
    mask = np.repeat([True, False], [len(bads), len(goods)])
    for turn in range(RESAMPLES):
        drawn = np.concatenate([random.choice(bads, len(bads)), random.choice(goods, len(goods))])
        losses[turn] = auroc(mask, old[drawn]) - auroc(mask, new[drawn])
    low, high = np.quantile(losses, [0.025, 0.975])
    return float(low), float(high)


def _accuracy(
    spec: ModelSpec, before: list[Prediction], after: list[Prediction], limit: float
) -> Metric:
    old = np.array([_is_right(spec, sample) for sample in before])
    new = np.array([_is_right(spec, sample) for sample in after])
    lost, won = int((old & ~new).sum()), int((~old & new).sum())
    n = len(before)
    loss = (lost - won) / n
    half = 1.96 * math.sqrt(max(lost + won - (lost - won) ** 2 / n, 0.0)) / n
    p = mcnemar(lost, won)
    status = _status(loss, limit, 1 / n, proven=p < 0.05, sure=loss + half <= limit)
    ci95 = (loss - half, loss + half)
    return Metric("accuracy", float(old.mean()), float(new.mean()), loss, limit, status, ci95, p)


def _rmse(before: list[Prediction], after: list[Prediction], share: float) -> Metric:
    """The error of both networks; the samples' labels are the true values."""
    truth = np.array([float(sample.label) for sample in before])
    errors = [
        (np.array([sample.score for sample in side]) - truth) ** 2 for side in (before, after)
    ]
    was, is_ = (float(np.sqrt(error.mean())) for error in errors)
    random = np.random.default_rng(0)
    losses = []
    for _ in range(RESAMPLES):
        drawn = random.integers(0, len(truth), len(truth))
        losses.append(np.sqrt(errors[1][drawn].mean()) - np.sqrt(errors[0][drawn].mean()))
    low, high = (float(edge) for edge in np.quantile(losses, [0.025, 0.975]))
    limit = share * was
    status = _status(is_ - was, limit, 0.0, proven=low > 0, sure=high <= limit)
    return Metric("rmse", was, is_, is_ - was, limit, status, (low, high))


def _agreement(other: int, n: int, limit: float) -> Metric:
    """Broken where more than one sample flips, and so many are unlikely (p < 0.05) at `limit`."""
    loss = other / n
    proven = other > 1 and binomial_tail(other, n, limit) < 0.05
    status: Status = "broken" if proven and loss > limit else "not resolved"
    return Metric("agreement", 1.0, 1 - loss, loss, limit, status if loss > limit else "held")


def binomial_tail(least: int, n: int, rate: float) -> float:
    """Probability of `least` or more successes in n trials; 0 where the rate is no positive one."""
    from scipy.stats import binom

    if least <= 0:
        return 1.0
    return float(binom.sf(least - 1, n, rate)) if rate > 0 else 0.0


def _is_right(spec: ModelSpec, sample: Prediction) -> bool:
    """Classes: the right label. Detectors: FAIL for the bad and PASS for the good."""
    if spec.scoring.kind == "logits":
        return sample.predicted == sample.label
    wanted = Verdict.PASS if sample.label in spec.good else Verdict.FAIL
    return sample.verdict == wanted


def _status(loss: float, limit: float, step: float, *, proven: bool, sure: bool) -> Status:
    """Broken: above the limit, and either proven or more than one sample's weight above it.

    Held: within the limit. Where one sample weighs more than the limit and the interval reaches
    beyond it, the samples cannot tell.
    """
    if loss > limit and (proven or loss > limit + step or step <= limit):
        return "broken"
    if loss <= limit and (sure or step <= limit):
        return "held"
    return "not resolved"


def _verdict_counts(
    bad: Mask, before: list[Prediction], after: list[Prediction], limit: int
) -> list[Metric]:
    old = np.array([sample.verdict for sample in before])
    new = np.array([sample.verdict for sample in after])
    added = int((bad & (old != Verdict.PASS) & (new == Verdict.PASS)).sum())
    was, is_ = int((bad & (old == Verdict.PASS)).sum()), int((bad & (new == Verdict.PASS)).sum())
    rejects = [int((~bad & (one == Verdict.FAIL)).sum()) for one in (old, new)]
    status: Status = "broken" if added > limit else "held"
    return [
        Metric("escapes", was, is_, added, limit, status),
        Metric("false rejects", rejects[0], rejects[1], rejects[1] - rejects[0], None, "held"),
    ]


def _flip_kind(spec: ModelSpec, old: Prediction, new: Prediction) -> str:
    if old.verdict == new.verdict:
        return "label changed"
    if not spec.good:
        return "verdict changed"
    bad = old.label not in spec.good
    wrong = Verdict.PASS if bad else Verdict.FAIL
    name = "escape" if bad else "false reject"
    if new.verdict == wrong:
        return f"new {name}"
    return f"{name} gone" if old.verdict == wrong else "verdict changed"


def _sentence(metric: Metric) -> str:
    if metric.name == "escapes":
        return f"{metric.loss:.0f} bad parts newly passed, {metric.limit:.0f} allowed"
    limit = metric.limit if metric.limit is not None else 0.0
    if metric.name == "agreement":
        return f"{metric.loss:.1%} of the samples are judged otherwise, {limit:.1%} allowed"
    if metric.name == "rmse":
        return (
            f"rmse rose from {metric.before:.4f} to {metric.after:.4f} "
            f"(by {metric.loss:.4f}, {limit:.4f} allowed)"
        )
    return (
        f"{metric.name} fell from {metric.before:.4f} to {metric.after:.4f} "
        f"(by {metric.loss:.4f}, {limit:.4f} allowed)"
    )
