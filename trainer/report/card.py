"""card.md: the model card, with the front matter that model hubs read."""

from __future__ import annotations

import json

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.printable import printable
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.metrics import Metric
from edge_agent.contracts.run_folder.run import RunFolder
from trainer.report.words import (
    interval_text,
    result_sentence,
    title_of,
    value_text,
    warnings_of,
)

NOT_TESTED = (
    "Parts, lines, cameras, light, sensors, mountings and speeds that the data set does not hold; "
    "drift over months; the quantised model (its bundle carries its own comparison)."
)

STANDARDISED = (
    "- grey levels: the same mean and spread in every picture; a part that is darker as a whole "
    "looks no different"
)


def write_card(run: RunFolder) -> None:
    """Write card.md into the run."""
    write_atomic(run.path / files.CARD, card_text(run).encode())


def card_text(run: RunFolder) -> str:
    """Data, protocol, figures with intervals, threshold, and what was not tested."""
    lines = [*_front_matter(run), *_data(run), *_figures(run), *_limits(run)]
    return "".join(f"{_plain(line)}\n" for line in lines)


def _plain(line: str) -> str:
    """One line of Markdown in which no label can break the line or become HTML."""
    return printable(line).replace("<", "&lt;")


def _front_matter(run: RunFolder) -> list[str]:
    tags = ["quality-inspection", "edge", "tflite", run.spec.task]
    return [
        "---",
        "library_name: keras",
        f"pipeline_tag: {'image-classification' if run.spec.input.kind == 'image' else 'other'}",
        f"tags: {json.dumps(tags)}",
        f"model_name: {run.spec.name}",
        "---",
        "",
        f"# {run.spec.name}",
        "",
        result_sentence(run),
        *warnings_of(run),
        "",
    ]


def _data(run: RunFolder) -> list[str]:
    spec, counts = run.spec, run.metrics.samples
    return [
        "## Model and data",
        "",
        f"- network: `{spec.architecture}`, {run.metrics.parameters:,} parameters, {spec.task}",
        f"- input: {'x'.join(map(str, spec.input.shape))} ({spec.input.kind})",
        *([STANDARDISED] if spec.input.kind == "image" and spec.input.standardise else []),
        f"- labels: {', '.join(spec.labels)}; good: {', '.join(spec.good) or 'none named'}",
        f"- samples: {counts.train} training, {counts.val} validation, "
        f"{counts.test} held out; data set sha256 {run.provenance.dataset_sha256}",
        f"- protocol: {run.metrics.protocol}; seed {run.provenance.seed}",
        *[f"- decided: {decision}" for decision in run.metrics.decisions],
        "",
    ]


def _figures(run: RunFolder) -> list[str]:
    rows = [
        _figure_line(name, title_of(name), metric)
        for name, metric in run.metrics.held_out.present().items()
    ]
    baselines = [
        _figure_line(key, f"{title_of(key)}, {name} (no network)", metric)
        for name, row in run.metrics.baselines.items()
        for key, metric in (("accuracy", row.accuracy), ("auroc", row.auroc))
        if metric is not None
    ]
    return [
        "## Held-out figures (float model)",
        "",
        "| figure | value | 95 % interval | n | interval by |",
        "|---|---|---|---|---|",
        *rows,
        *baselines,
        "",
        f"Threshold {run.spec.scoring.threshold:.6g}: {run.spec.scoring.chosen_by}.",
        "",
    ]


def _figure_line(name: str, title: str, metric: Metric) -> str:
    value, interval = value_text(name, metric.value), interval_text(name, metric)
    return f"| {title} | {value} | {interval} | {metric.n} | {metric.interval} |"


def _limits(run: RunFolder) -> list[str]:
    packages = ", ".join(f"{name} {v}" for name, v in run.provenance.trained_with.items())
    return [
        "## Not tested",
        "",
        NOT_TESTED,
        "",
        "## Made with",
        "",
        f"{packages}, {run.provenance.created_at}.",
    ]
