"""report.html: one self-contained page, made from the run folder alone.

A section is a function FittedRun -> Markup, empty where it has nothing to show; SECTIONS is their
order.
"""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.report import style
from trainer.report.card import write_card
from trainer.report.rendering import render
from trainer.report.sections.acceptance import acceptance, comparison
from trainer.report.sections.alarm_rule import alarm_rule
from trainer.report.sections.augmentations import augmentations, shown_inputs
from trainer.report.sections.budget import budget
from trainer.report.sections.data import data, limits
from trainer.report.sections.disturbances import disturbances, localisation
from trainer.report.sections.label_doubts import label_doubts
from trainer.report.sections.leakage import leakage
from trainer.report.sections.mistakes import mistakes
from trainer.report.sections.process import gbm_reference, values
from trainer.report.sections.ranking import ranking
from trainer.report.sections.results import results, training
from trainer.report.sections.saliency import saliency
from trainer.report.sections.thresholds import thresholds
from trainer.report.words import (
    interval_text,
    result_sentence,
    title_of,
    value_text,
    warnings_of,
)
from trainer.run_folder.run import FittedRun

Section = Callable[[FittedRun], Markup]
SECTIONS: tuple[Section, ...] = (
    acceptance,
    results,
    thresholds,
    alarm_rule,
    leakage,
    label_doubts,
    gbm_reference,
    values,
    ranking,
    disturbances,
    localisation,
    mistakes,
    saliency,
    budget,
    training,
    augmentations,
    data,
    limits,
)
TILES = (
    "rmse",
    "mae",
    "interval_coverage",
    "detected",
    "false_reject",
    "accuracy",
    "recall_at_1pct_false_reject",
    "average_precision",
    "undecided_bad",
    "undecided_good",
    "auroc",
    "macro_f1",
    "window_accuracy",
)
"""Figures of HeldOutMetrics, the first that there are as tiles. Accuracy says little of rare
defects: average precision and what is found at 1 % false rejects stand beside it."""

MOST_TILES = 6


def write_report(run: FittedRun) -> None:
    """Write report.html and card.md into the run."""
    write_atomic(run.path / files.REPORT, page(run).encode())
    write_card(run)


def refuse_damaged(run: FittedRun) -> None:
    """Read every file that the page shows; raises RunError.

    It takes milliseconds, and the charts that would be drawn in vain take seconds.
    """
    run.splits()
    run.history()
    shown_inputs(run)
    if run.spec.scoring.kind != "value":
        _ = run.held_out, run.held_out_tags()


def page(run: FittedRun) -> str:
    """The whole document; it loads nothing from anywhere. Raises RunError before it draws."""
    refuse_damaged(run)
    return str(
        render(
            "report.html",
            title=run.spec.name,
            style=Markup(style()),
            under=f"{run.spec.architecture} · {run.spec.task} · {run.provenance.created_at[:10]}",
            result=result_sentence(run),
            warnings=warnings_of(run),
            tiles=_tiles(run),
            comparison=comparison(run),
            sections=[text for section in SECTIONS if (text := section(run))],
        )
    )


def _tiles(run: FittedRun) -> list[dict[str, str]]:
    held_out = run.metrics.held_out.present()
    return [
        {
            "name": title_of(name),
            "value": value_text(name, held_out[name].value),
            "interval": interval_text(name, held_out[name]),
        }
        for name in [name for name in TILES if name in held_out][:MOST_TILES]
    ]
