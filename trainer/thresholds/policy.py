"""Thresholds from money and promises: costs, escapes in ppm, false rejects, and what is proven.

Scores: higher is worse; a part is rejected from the cut upwards. All of it is computed on parts
that no gradient has seen. Bounds on shares are one-sided Clopper-Pearson at 95 % (Biometrika 26,
1934); the cut from good parts alone is split-conformal (Vovk, Gammerman & Shafer, Algorithmic
Learning in a Random World, 2005): the next good part is rejected with at most the asked chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from edge_agent.contracts.core.errors import ConfigError

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Costs:
    """escape: of one bad part delivered; reject: of one good part thrown away (same currency);
    defect_rate: the share of bad parts on the line, which a training set never shows."""

    escape: float
    reject: float
    defect_rate: float


@dataclass(frozen=True)
class Point:
    """What a cut does on known parts: counts, not shares."""

    cut: float
    escapes: int
    bad: int
    rejects: int
    good: int

    @property
    def miss_bound(self) -> float:
        """The share of bad parts that escape is below this, with 95 % confidence."""
        return upper_bound(self.escapes, self.bad)

    @property
    def reject_bound(self) -> float:
        """The share of good parts that are rejected is below this, with 95 % confidence."""
        return upper_bound(self.rejects, self.good)

    def cost_per_1000(self, costs: Costs) -> float:
        """Expected cost of 1,000 parts of the line, from the observed shares."""
        return _cost(costs, _part(self.escapes, self.bad), _part(self.rejects, self.good))

    def cost_bound_per_1000(self, costs: Costs) -> float:
        """The cost of 1,000 parts when both shares are at their bounds."""
        return _cost(costs, self.miss_bound, self.reject_bound)

    def escape_ppm(self, defect_rate: float) -> tuple[float, float]:
        """Bad parts delivered per million made: as observed, and its bound."""
        scale = defect_rate * 1e6
        return _part(self.escapes, self.bad) * scale, self.miss_bound * scale


@dataclass(frozen=True)
class Choice:
    """A cut, the rule behind it, and whether the parts at hand prove the promise.

    more_good, more_bad: further parts without an error that would prove it; 0 where proven.
    """

    point: Point
    rule: str
    proven: bool
    more_good: int = 0
    more_bad: int = 0


def upper_bound(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided Clopper-Pearson bound of a share of which `errors` in `n` were seen."""
    if n == 0 or errors >= n:
        return 1.0
    return float(beta.ppf(confidence, errors + 1, n - errors))


def parts_needed(errors: int, limit: float, confidence: float = CONFIDENCE) -> int:
    """The least number of parts, `errors` wrong ones among them, that prove a share <= limit."""
    if limit <= 0:
        raise ConfigError("a promise of zero cannot be proven", cure="allow a small share")
    low, high = errors, max(errors + 1, 8)
    while upper_bound(errors, high, confidence) > limit:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        proven = upper_bound(errors, middle, confidence) <= limit
        low, high = (low, middle) if proven else (middle, high)
    return high


def point_at(scores: Scores, bad: Flags, cut: float) -> Point:
    """What `cut` does to the parts."""
    rejected = scores >= cut
    return Point(
        cut=cut,
        escapes=int((~rejected & bad).sum()),
        bad=int(bad.sum()),
        rejects=int((rejected & ~bad).sum()),
        good=int((~bad).sum()),
    )


def cheapest(scores: Scores, bad: Flags, costs: Costs) -> Choice:
    """The cut of the least expected cost; between equals the middle of the widest gap."""
    _refuse_one_sided(bad, "costs need good and bad parts")
    cuts, widths = _cuts(scores)
    points = [point_at(scores, bad, float(cut)) for cut in cuts]
    prices = np.array([point.cost_per_1000(costs) for point in points])
    best = np.flatnonzero(prices <= prices.min() + 1e-9)
    chosen = points[int(best[np.argmax(widths[best])])]
    rule = (
        f"least expected cost at {costs.escape:g} an escape, {costs.reject:g} a false reject, "
        f"{costs.defect_rate:.3%} defects"
    )
    return Choice(chosen, rule, proven=True)


def for_escape_ppm(scores: Scores, bad: Flags, ppm: float, defect_rate: float) -> Choice:
    """The cut of fewest false rejects at which at most `ppm` bad parts in a million escape.

    Proven where the bound keeps the promise; else the cut at which no known bad part escapes.
    """
    _refuse_one_sided(bad, "a promise about escapes needs bad parts")
    limit = min(1.0, ppm / (1e6 * defect_rate))
    rule = f"at most {ppm:g} ppm escapes at {defect_rate:.3%} defects"
    cuts, _ = _cuts(scores)
    points = [point_at(scores, bad, float(cut)) for cut in cuts]
    keeping = [point for point in points if point.miss_bound <= limit]
    if keeping:
        fewest = min(keeping, key=lambda point: (point.rejects, -point.cut))
        return Choice(fewest, rule, proven=True)
    safest = max((point for point in points if point.escapes == 0), key=lambda point: point.cut)
    missing = parts_needed(0, limit) - safest.bad
    return Choice(safest, rule, proven=False, more_bad=missing)


def for_false_reject(scores: Scores, bad: Flags, share: float) -> Choice:
    """The lowest cut that rejects a new good part with a chance of at most `share`.

    Needs good parts alone. Too few of them: a cut just above all of them, and how many more.
    """
    good = np.sort(scores[~bad])
    if not len(good):
        raise ConfigError("no good part among those kept for the choice", cure="fit with good ones")
    rank = math.ceil((len(good) + 1) * (1 - share))
    cut = _above(float(good[min(rank, len(good)) - 1]))
    needed = math.ceil(1 / share) - 1
    proven = len(good) >= needed
    bound = f"{share:.3%}" if proven else f"{1 / (len(good) + 1):.1%}"
    rule = f"at most {bound} of good parts rejected (conformal on {len(good)} good parts)"
    if not proven:
        rule += f"; asked is {share:.3%}, for which they are too few: just above all of them"
    point = point_at(scores, bad, cut)
    return Choice(point, rule, proven, more_good=0 if proven else needed - len(good))


def unsure_band(scores: Scores, cut: float, share: float) -> tuple[float, float]:
    """(low, high) around the cut that holds at most `share` of the parts: a person decides."""
    if not 0 < share < 1:
        raise ConfigError("the unsure share lies between 0 and 1", where="--unsure", cure="0.02")
    low = high = cut
    ordered = scores[np.argsort(np.abs(_ranks(scores) - (scores < cut).sum()))]
    for score in ordered[: int(share * len(scores))]:
        low, high = min(low, float(score)), max(high, _above(float(score)))
    return low, high


def _above(score: float) -> float:
    """The next float32 above, so that the station's arithmetic agrees."""
    return float(np.nextafter(np.float32(score), np.float32(np.inf)))


def _ranks(scores: Scores) -> Scores:
    """(N,) ordinal ranks from 0.5 on; equal scores in their order."""
    return np.asarray(rankdata(scores, method="ordinal") - 0.5, np.float64)


def _cuts(scores: Scores) -> tuple[Scores, Scores]:
    """Every cut that judges the parts differently, with the width of its gap."""
    values = np.unique(scores)
    middles = (values[1:] + values[:-1]) / 2
    cuts = np.concatenate([[values[0]], middles, [_above(float(values[-1]))]])
    return cuts, np.concatenate([[0.0], np.diff(values), [0.0]])


def _cost(costs: Costs, missed: float, refused: float) -> float:
    bad, good = 1000 * costs.defect_rate, 1000 * (1 - costs.defect_rate)
    return bad * missed * costs.escape + good * refused * costs.reject


def _part(count: int, n: int) -> float:
    return count / n if n else 0.0


def _refuse_one_sided(bad: Flags, what: str) -> None:
    if bad.all() or not bad.any():
        raise ConfigError(
            what,
            where="the parts kept for the choice",
            cure="--max-false-reject needs good parts only",
        )
