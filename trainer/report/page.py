"""report.html: one self-contained page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.files import write_atomic
from trainer.experiment import Experiment


def write_report(folder: Path, experiment: Experiment, summary: Mapping[str, object]) -> None:
    """Write report.html."""
    title = html.escape(experiment.spec.name)
    body = html.escape(str(summary))
    write_atomic(folder / "report.html", f"<!doctype html><title>{title}</title>{body}".encode())
