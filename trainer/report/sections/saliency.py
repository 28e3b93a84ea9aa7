"""The report's section on saliency: where the network looked."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import read_bytes
from edge_agent.contracts.run_folder.saliency import Overlay
from trainer.report.rendering import data_uri, render
from trainer.run_folder.run import FittedRun

SUSPICIOUS = 0.7
"""Rank correlation with the maps of random weights above which a map shows nothing learnt."""


def saliency(run: FittedRun) -> Markup:
    """The overlays of `fit` or `explain RUN`, and whether random weights give other maps."""
    maps = run.saliency()
    if maps is None:
        return Markup()
    return render(
        "saliency.html",
        overlays=[_overlay(run, one) for one in maps.pictures],
        foreground=_source(run, maps.foreground) if maps.foreground else "",
        sanity=maps.sanity,
        suspicious=maps.sanity > SUSPICIOUS,
    )


def _overlay(run: FittedRun, one: Overlay) -> dict[str, str]:
    source = _source(run, one.overlay)
    return {"source": source, "label": one.label, "verdict": one.verdict, "path": one.path}


def _source(run: FittedRun, name: str) -> str:
    """A picture of explained/ as a data URI."""
    folder = run.path / Path(files.EXPLAINED).parent
    return data_uri(read_bytes(folder / Path(name).name, "lineside-train explain RUN"), "image/png")
