"""The tables of station.toml about parts: what names them, and what a job is judged by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.decide.item_time import WindowMs
from edge_agent.settings.toml import StationPath, Table
from edge_agent.trigger.trigger import TriggerField


class PartIdTable(Table):
    """A reader whose codes name the parts that the trigger reports (line.join = trigger)."""

    source: TriggerField = Field(description="the reader: a trigger driver that names parts")
    window_ms: WindowMs = Field(
        default=(-100.0, 100.0),
        description="first and last moment at which a part's code is read, from its trigger on",
    )
    missing: Literal["number", "no-verdict"] = Field(
        default="no-verdict",
        description="a part without a code: gets a number and may pass, or is NO-VERDICT",
    )


class RecipeTable(Table):
    """What a job is judged by."""

    job: str = Field(
        min_length=1, max_length=63, description="the job as PLC, barcode or command names it"
    )
    bundle: dict[str, StationPath] = Field(
        default_factory=dict,
        description="channel -> its bundle for this job; a channel that is not named keeps its own",
    )
