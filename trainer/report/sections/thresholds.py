"""The report's section on the threshold: what it costs, and what is proven of it."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.metrics import PolicyCounts, ThresholdPolicy
from trainer.report.rendering import Table, render
from trainer.run_folder.run import FittedRun


def thresholds(run: FittedRun) -> Markup:
    """Counts, bounds and costs of the threshold; nothing where nobody asked for a rule."""
    policy = run.metrics.threshold_policy
    if policy is None:
        return Markup()
    return render(
        "thresholds.html",
        policy=policy,
        proven_matters=policy.costs is None,
        more=policy.more_good or policy.more_bad,
        more_kind="good" if policy.more_good else "bad",
        counts=_counts(policy),
        costs=_costs(policy),
    )


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
