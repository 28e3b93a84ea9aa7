"""card.md: the model card, with the front matter that model hubs read."""

from __future__ import annotations

import json

from edge_agent.contracts.core.files import write_atomic
from trainer.report.words import called, interval, rivalled, sentence, written
from trainer.run_folder.run import Run

NOT_TESTED = (
    "Parts, lines, cameras, light, sensors, mountings and speeds that the data set does not hold; "
    "drift over months; the quantised model (its bundle carries its own comparison)."
)

STANDARDISED = (
    "- grey levels: the same mean and spread in every picture; a part that is darker as a whole "
    "looks no different"
)


def write_card(run: Run) -> None:
    """Write card.md into the run."""
    write_atomic(run.path / "card.md", card_text(run).encode())


def card_text(run: Run) -> str:
    """Data, protocol, figures with intervals, threshold, and what was not tested."""
    return "\n".join([*_front_matter(run), *_data(run), *_figures(run), *_limits(run)]) + "\n"


def _front_matter(run: Run) -> list[str]:
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
        sentence(run.metrics["held_out"], run.spec.good),
        *filter(None, [rivalled(run.metrics["held_out"], run.metrics["baselines"])]),
        "",
    ]


def _data(run: Run) -> list[str]:
    spec, counts = run.spec, run.metrics["samples"]
    return [
        "## Model and data",
        "",
        f"- network: `{spec.architecture}`, {run.metrics['parameters']:,} parameters, {spec.task}",
        f"- input: {'x'.join(map(str, spec.input.shape))} ({spec.input.kind})",
        *([STANDARDISED] if spec.input.kind == "image" and spec.input.standardise else []),
        f"- labels: {', '.join(spec.labels)}; good: {', '.join(spec.good) or 'none named'}",
        f"- samples: {counts['train']} training, {counts['val']} validation, "
        f"{counts['test']} held out; data set sha256 {run.provenance.dataset_sha256}",
        f"- protocol: {run.metrics['protocol']}; seed {run.provenance.seed}",
        *[f"- decided: {said}" for said in run.metrics["decisions"]],
        "",
    ]


def _figures(run: Run) -> list[str]:
    rows = [
        f"| {called(name)} | {written(name, figure['value'])} | {interval(name, figure)} "
        f"| {figure['n']} | {figure['interval']} |"
        for name, figure in run.metrics["held_out"].items()
    ]
    baselines = [
        f"| {called(key)}, {name} (no network) | {written(key, figure['value'])} "
        f"| {interval(key, figure)} | {figure['n']} | {figure['interval']} |"
        for name, row in run.metrics["baselines"].items()
        for key, figure in row.items()
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


def _limits(run: Run) -> list[str]:
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
