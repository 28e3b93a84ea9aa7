"""explained/explained.json: the saliency overlays that the report shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Overlay(BaseModel):
    """One overlay. overlay: the file's name in explained/; path, label, verdict: its sample."""

    model_config = ConfigDict(frozen=True)
    overlay: str
    path: str
    label: str
    verdict: str


class Saliency(BaseModel):
    """sanity: rank correlation with the maps of a network with random weights (1: the same);
    foreground: the file in explained/ that shows where a detector scores, "" where it scores
    everywhere.
    """

    model_config = ConfigDict(frozen=True)
    sanity: float
    pictures: list[Overlay]
    foreground: str = ""
