"""The report's section on the threshold: what it costs, and what is proven of it."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import (
    ExtremeGoodPart,
    GoodOnlyThreshold,
    PolicyCounts,
    ThresholdPolicy,
)
from trainer.report.rendering import Table, render
from trainer.report.sections.gallery import shown
from trainer.run_folder.run import FittedRun


def thresholds(run: FittedRun) -> Markup:
    """Counts, bounds and costs of the threshold where somebody asked for a rule; what the most
    extreme good parts do to it where good parts alone have chosen it.
    """
    policy, found = run.metrics.threshold_policy, run.metrics.good_only
    good_only = _good_only(run, found) if found else Markup()
    if policy is None:
        return render("thresholds.html", policy=None, good_only=good_only) if found else Markup()
    return render(
        "thresholds.html",
        policy=policy,
        proven_matters=policy.costs is None,
        more=policy.more_good or policy.more_bad,
        more_kind="good" if policy.more_good else "bad",
        counts=_counts(policy),
        costs=_costs(policy),
        good_only=good_only,
    )


def _good_only(run: FittedRun, found: GoodOnlyThreshold) -> Markup:
    """Pictures of parts; of recordings the names and times; of rows where they stand."""
    is_image = run.spec.input.kind == "image"
    pictures = [shown(run.thumbnails, one.path, *_said_of(one, found)) for one in found.extreme]
    names = [[one.path, *_said_of(one, found)] for one in found.extreme]
    what = "row" if found.unit == "rows" else "recording"
    return render(
        "good_only.html",
        unit=found.unit,
        threshold=f"{found.threshold:.4g}",
        judged=found.judged,
        left_out=found.left_out,
        replaced=run.spec.scoring.threshold != found.threshold,
        rows=_thresholds(found),
        several=found.extreme_count > 1,
        pictures=pictures if is_image else [],
        names=Table([what, *["", ""][: len(names[0]) - 1]], names),
        left=found.extreme_count - len(found.extreme),
    )


def _said_of(one: ExtremeGoodPart, found: GoodOnlyThreshold) -> list[str]:
    above = ", rejected" if one.score >= found.threshold else ""
    lines = [f"score {one.score:.4g}{above}"]
    return lines if one.starts_s is None else [f"from {one.starts_s:g} s", *lines]


def _thresholds(found: GoodOnlyThreshold) -> Table:
    """The threshold of the fit, with all good parts, and without the most extreme ones."""
    count = found.extreme_count
    rows = [("as chosen", found.threshold)]
    if found.left_out:
        rows.append((f"if all {found.judged} {found.unit} counted", found.with_all))
    if found.without_extreme is not None:
        unit = found.unit if count > 1 else found.unit.removesuffix("s")
        name = (
            f"as if the {f'{count} ' if count > 1 else ''}most extreme {unit} below did not exist"
        )
        rows.append((name, found.without_extreme))
    cells = [
        [name, f"{value:.4g}", f"{value / found.threshold - 1:+.1%}" if found.threshold else ""]
        for name, value in rows
    ]
    return Table(["", "threshold", "against the chosen one"], cells)


def _counts(policy: ThresholdPolicy) -> Table:
    head = ["", "bad parts", "escape", "share below", "good parts", "rejected", "share below"]
    rows = [
        _count_cells("parts the threshold was chosen on", policy.chosen_on),
        _count_cells("held-out parts", policy.held_out),
    ]
    return Table(head, rows)


def _count_cells(name: str, counts: PolicyCounts) -> list[str]:
    return [
        name,
        str(counts.bad),
        str(counts.escapes),
        f"{counts.escape_share_below:.2%}",
        str(counts.good),
        str(counts.rejects),
        f"{counts.reject_share_below:.2%}",
    ]


def _costs(policy: ThresholdPolicy) -> Table | None:
    if policy.costs is None:
        return None
    head = ["", "expected cost of 1,000 parts", "at most", "escapes in ppm", "at most"]
    rows = [
        [
            name,
            f"{counts.cost_per_1000:.2f}",
            f"{counts.cost_per_1000_below:.2f}",
            f"{counts.escape_ppm:.0f}",
            f"{counts.escape_ppm_below:.0f}",
        ]
        for name, counts in (("chosen on", policy.chosen_on), ("held out", policy.held_out))
    ]
    return Table(head, rows)
