"""Where PASS ends and FAIL begins, chosen on data that no gradient has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

GOOD_ONLY_FALSE_REJECT = 0.01


def choose_threshold(scores: Scores, bad: Flags) -> tuple[float, str]:
    """A threshold and the rule behind it, for scores (higher is worse) of validation samples."""
    if bad.all() or not len(scores):
        return 0.5, "no good validation sample: default 0.5"
    if not bad.any():
        return good_quantile(scores, GOOD_ONLY_FALSE_REJECT)
    return best_balance(scores, bad)


def best_balance(scores: Scores, bad: Flags) -> tuple[float, str]:
    """The cut with the best mean of detection and pass rate; ties go to the widest gap's middle."""
    values = np.unique(scores)
    cuts = np.concatenate(
        [[values[0]], (values[1:] + values[:-1]) / 2, [np.nextafter(values[-1], np.inf)]]
    )
    detected = np.array([(scores[bad] >= cut).mean() for cut in cuts])
    passed = np.array([(scores[~bad] < cut).mean() for cut in cuts])
    balance = (detected + passed) / 2
    best = np.flatnonzero(balance >= balance.max() - 1e-12)
    widths = np.concatenate([[0.0], values[1:] - values[:-1], [0.0]])
    cut = float(cuts[best[np.argmax(widths[best])]])
    share = f"{balance.max():.3f} over {len(scores)} validation samples"
    return cut, f"best balanced accuracy, {share}"


def best_f1(scores: Scores, bad: Flags) -> tuple[float, float]:
    """The middle of the cuts whose F1 of the defects is within 0.005 of the best, and that F1."""
    cuts = np.linspace(0.02, 0.98, 97)
    hits = np.array([(scores[bad] >= cut).sum() for cut in cuts], np.float64)
    given = np.array([(scores >= cut).sum() for cut in cuts], np.float64)
    f1 = 2 * hits / np.maximum(given + bad.sum(), 1)
    near = cuts[f1 >= f1.max() - 0.005]
    return float(np.median(near)), float(f1.max())


def good_quantile(scores: Scores, false_reject: float) -> tuple[float, str]:
    """The score that at most `false_reject` of good validation samples reach."""
    cut = float(np.quantile(scores, 1 - false_reject, method="higher"))
    cut = float(np.nextafter(np.float32(cut), np.float32(np.inf)))
    said = f"at most {false_reject:.1%} of {len(scores)} good validation samples rejected"
    return cut, said
