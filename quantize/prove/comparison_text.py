"""The comparison of float and quantised network as text: for the bundle's card, for a terminal."""

from __future__ import annotations

from edge_agent.contracts.core.printable import printable
from quantize.convert.conversion_process import Converted
from quantize.prove.gate import Comparison, Metric
from quantize.prove.rung_cost import rung_sentence
from quantize.prove.trial import VariantTrial
from quantize.targets.target import Target

METRIC_HEAD = ("metric", "float", "quantised", "loss", "allowed", "95 % interval of loss", "status")
"""The columns of `cells`."""
MOST_FLIPS = 50
"""More lines than anyone reads; the count is always given."""


def card(
    text: str,
    comparison: Comparison,
    converted: Converted,
    target: Target,
    trials: list[VariantTrial],
) -> str:
    """The run's card with a section on the quantised network."""
    lines = [
        text.rstrip(),
        "",
        "## Quantised network",
        "",
        f"{converted.variant} for {target.title}, {len(converted.model) / 1024:.0f} KiB; "
        f"converted in {converted.seconds:.0f} s with {converted.peak_mb} MB.",
        *(f"- {note}" for note in converted.notes),
        *(f"- {trial.variant} was tried: {trial.fault}" for trial in trials if trial.fault),
        *(f"- {trial.variant} {trial.outcome}" for trial in trials if trial.lowered),
        *(f"- {cost}" for cost in [rung_sentence(trials, target)] if cost),
        "",
        f"Float beside {converted.variant} on the same {comparison.n} held-out samples, "
        f"agreement of verdicts {comparison.agreement:.4f}:",
        "",
        "| metric | float | quantised | loss | allowed | 95 % interval of the loss | status |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(cells(metric))} |" for metric in comparison.metrics),
        "",
        *flip_lines(comparison),
    ]
    return "\n".join(lines) + "\n"


def table(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    rows = [METRIC_HEAD, *(tuple(cells(metric)) for metric in comparison.metrics)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    agreed = f"{comparison.n} held-out samples, verdicts agree on {comparison.agreement:.2%}"
    return "\n".join([*(line.rstrip() for line in lines), agreed, *flip_lines(comparison)])


def flip_lines(comparison: Comparison) -> list[str]:
    """One line for each sample that flipped."""
    if not comparison.flips:
        return ["No sample flips."]
    lines = [f"{len(comparison.flips)} samples flip:"]
    for flip in comparison.flips[:MOST_FLIPS]:
        old, new = flip.before, flip.after
        path, truth = printable(old.path), printable(old.label)
        lines.append(
            f"- {flip.kind}: {path} ({truth}): {printable(old.predicted)} {old.score:.4f} "
            f"{old.verdict} -> {printable(new.predicted)} {new.score:.4f} {new.verdict}"
        )
    return lines


def cells(metric: Metric) -> list[str]:
    """name, float, quantised, loss, allowed, interval, status."""
    whole = metric.limit is None or metric.name == "escapes"
    form = "{:.0f}" if whole else "{:.4f}"
    ci95 = f"{metric.ci95[0]:+.4f} .. {metric.ci95[1]:+.4f}" if metric.ci95 else ""
    return [
        metric.name,
        form.format(metric.before),
        form.format(metric.after),
        form.format(metric.loss),
        form.format(metric.limit) if metric.limit is not None else "",
        ci95,
        metric.status,
    ]
