"""card.md: the model card, with the front matter that model hubs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.files import write_atomic
from trainer.experiment import Experiment


def write_card(folder: Path, experiment: Experiment, summary: Mapping[str, object]) -> None:
    """Write card.md from the figures of metrics.json."""
    write_atomic(folder / "card.md", card_text(experiment, summary).encode())


def card_text(experiment: Experiment, summary: Mapping[str, object]) -> str:
    """The card: data, protocol, figures with intervals, threshold, and what was not tested."""
    spec, split = experiment.spec, experiment.split
    held = summary["held_out"]
    assert isinstance(held, dict)
    rows = [
        f"| {name} | {row['value']:.4f} | {row['ci95'][0]:.4f} - {row['ci95'][1]:.4f} "
        f"| {row['n']} | {row['interval']} |"
        for name, row in held.items()
    ]
    decisions = [f"- {sentence}" for sentence in split.dataset.decisions]
    return "\n".join(
        [
            "---",
            "library_name: keras",
            f"tags: [{spec.task}, quality-inspection, edge]",
            f"model_name: {spec.name}",
            "---",
            "",
            f"# {spec.name}",
            "",
            f"A `{spec.architecture}` network for {spec.task}: "
            f"labels {', '.join(spec.labels)}; good: {', '.join(spec.good) or 'none'}.",
            "",
            "## Protocol",
            "",
            f"{split.protocol}. {len(split.train)} training, {len(split.val)} validation and "
            f"{len(split.test)} held-out samples, seed {experiment.config.seed}.",
            *decisions,
            "",
            "## Held-out figures (float model)",
            "",
            "| figure | value | 95 % interval | n | interval by |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Threshold {spec.scoring.threshold:.6g}: {spec.scoring.chosen_by}.",
            "",
            "## Not tested",
            "",
            "Parts, lines, light, sensors, mountings and speeds that the data set does not hold.",
            "",
        ]
    )
