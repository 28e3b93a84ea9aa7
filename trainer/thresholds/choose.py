"""Where PASS ends and FAIL begins, chosen on data that no gradient has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.thresholds.good_only import good_only_cut

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

GOOD_ONLY_FALSE_REJECT = 0.01


def choose_threshold(
    scores: Scores,
    bad: Flags,
    undecided: float | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[float, str]:
    """A threshold and the rule behind it, for scores (higher is worse) of validation samples.

    undecided: the score at which a part is as likely bad as good, where scores are probabilities.
    groups: of each score; good parts of one group count as one part. None: each is its own.
    Good parts alone are the case of `good_parts`, which gives the same threshold and these parts.
    """
    if bad.all() or not len(scores):
        return 0.5, "no good validation sample: default 0.5"
    if not bad.any():
        cut = good_only_cut(scores, GOOD_ONLY_FALSE_REJECT, groups)
        return cut.threshold, cut.rule
    return best_balance(scores, bad, undecided)


def best_balance(scores: Scores, bad: Flags, undecided: float | None = None) -> tuple[float, str]:
    """The cut with the best mean of detection and pass rate; ties go to the widest gap's middle.

    Of probabilities the cut nearest to `undecided` that is worse by less than one standard error:
    a few validation samples are no reason to leave it.
    """
    values = np.unique(scores)
    cuts = np.concatenate(
        [[values[0]], (values[1:] + values[:-1]) / 2, [np.nextafter(values[-1], np.inf)]]
    )
    if undecided is not None:
        cuts = np.append(cuts, undecided)
    detected = np.array([(scores[bad] >= cut).mean() for cut in cuts])
    passed = np.array([(scores[~bad] < cut).mean() for cut in cuts])
    balance = (detected + passed) / 2
    first = int(balance.argmax())
    share = f"{balance.max():.3f} over {len(scores)} validation samples"
    if undecided is not None:
        noise = _standard_error(detected[first], bad.sum(), passed[first], (~bad).sum())
        near = np.flatnonzero(balance >= balance.max() - noise)
        cut = float(cuts[near[np.abs(cuts[near] - undecided).argmin()]])
        return cut, f"within a standard error of the best balanced accuracy, {share}"
    best = np.flatnonzero(balance >= balance.max() - 1e-12)
    widths = np.concatenate([[0.0], values[1:] - values[:-1], [0.0]])
    cut = float(cuts[best[np.argmax(widths[best])]])
    return cut, f"best balanced accuracy, {share}"


def _standard_error(detected: float, bad: int, passed: float, good: int) -> float:
    """Of the mean of two shares; half a sample is added to each side, so that it is never 0."""
    variance = 0.0
    for share, count in ((detected, bad), (passed, good)):
        steady = (share * count + 0.5) / (count + 1)
        variance += steady * (1 - steady) / count
    return float(np.sqrt(variance) / 2)


def best_f1(scores: Scores, bad: Flags) -> tuple[float, float]:
    """The middle of the cuts whose F1 of the defects is within 0.005 of the best, and that F1."""
    cuts = np.linspace(0.02, 0.98, 97)
    hits = np.array([(scores[bad] >= cut).sum() for cut in cuts], np.float64)
    given = np.array([(scores >= cut).sum() for cut in cuts], np.float64)
    f1 = 2 * hits / np.maximum(given + bad.sum(), 1)
    near = cuts[f1 >= f1.max() - 0.005]
    return float(np.median(near)), float(f1.max())


def good_quantile(scores: Scores, false_reject: float) -> tuple[float, str]:
    """The score that `false_reject` of good validation samples reach.

    Samples too few to count such a share (n < 1 / false_reject) are extrapolated: their largest
    alone would be passed by one good part in n + 1.
    """
    cut = float(np.quantile(scores, 1 - false_reject, method="higher"))
    rule = f"at most {false_reject:.1%} of {len(scores)} good validation samples rejected"
    if len(scores) * false_reject < 1:
        tail = gumbel_quantile(scores, 1 - false_reject)
        if tail > cut:
            cut = tail
            rule = (
                f"{false_reject:.1%} of good parts by a Gumbel tail through {len(scores)} of them"
            )
    cut = float(np.nextafter(np.float32(cut), np.float32(np.inf)))
    return cut, rule


def gumbel_quantile(scores: Scores, share: float) -> float:
    """The `share` quantile of a Gumbel distribution with the scores' mean and spread.

    A score is the largest of many places' distances, and the largest of many is Gumbel distributed
    (Fisher and Tippett 1928). Moments: scale = s sqrt(6) / pi, location = mean - 0.5772 scale.
    """
    if len(scores) < 2:
        return float(scores.max())
    scale = float(np.std(scores, ddof=1)) * np.sqrt(6) / np.pi
    location = float(np.mean(scores)) - np.euler_gamma * scale
    return float(location - scale * np.log(-np.log(share)))
