"""The schema of dataset.toml."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.process.input import Derived

DATASET_TOML = "dataset.toml"


class ImageFiles(Strict):
    """[image]: what the picture files do not say themselves."""

    bit_depth: int | None = Field(
        default=None,
        ge=9,
        le=16,
        description="bits that the camera fills in files with 16 bits a sample: 10, 12, 14 or 16",
    )


class VibrationColumns(Strict):
    """[vibration]: which columns of a recording are read, and at what rate they were taken."""

    rate_hz: float | None = Field(
        default=None, gt=0, description="a rate_hz column of the labels overrides it"
    )
    axes: list[str] = Field(
        default=[], description="column names, positions or patterns; empty: all of the first file"
    )
    unit: str = "g"


class TagBounds(Strict):
    """[tabular.tags."NAME"]: what is known of one tag beforehand."""

    unit: str = Field(default="", description="empty: the unit in the brackets of its name")
    low: float | None = Field(default=None, description="lowest plausible value")
    high: float | None = Field(default=None, description="highest plausible value")
    missing: Literal["auto", "refuse", "fill", "hold"] = Field(
        default="auto", description="auto: fill with the training median where values are missing"
    )


class TabularColumns(Strict):
    """[tabular]: which columns of a process table are tags, and which is to be foretold."""

    file: str = Field(description="CSV or Parquet, relative to dataset.toml")
    header: list[str] = Field(default=[], description="column names of a file without header line")
    label: str
    features: list[str] = Field(default=[], description="empty: every column not excluded")
    exclude: list[str] = Field(default=[], description="identifiers, and columns that leak")
    trusted: list[str] = Field(
        default=[],
        description="columns known before the label, although they foretell it perfectly",
    )
    derived: list[Derived] = Field(default=[], description="features computed from tags")
    tags: dict[str, TagBounds] = Field(default={}, description="units and plausible ranges")
    series: str | None = Field(
        default=None, description="column that tells one series from the next; groups the splits"
    )
    run_to_failure: bool = Field(
        default=False, description="each series ends with the failure: the label is the rows left"
    )
    cap: float | None = Field(default=None, gt=0, description="regression: larger labels count so")
    fail_below: float | None = Field(default=None, description="regression: FAIL from here down")
    fail_above: float | None = Field(default=None, description="regression: FAIL from here up")

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.fail_below is not None and self.fail_above is not None:
            raise ValueError("fail_below and fail_above exclude each other")
        if self.run_to_failure and self.series is None:
            raise ValueError("run_to_failure needs the series column")
        return self


class DatasetConfig(Strict):
    """A data set: its task, its labels, and the groups that no split may cut."""

    task: Task
    good: list[str] = Field(default=[], description="the labels of a good part")
    labels: str | None = Field(
        default=None, description="CSV: path,label and conditions; else folder names are labels"
    )
    group: str | None = Field(default=None, description="column: one group never straddles a split")
    fold: str | None = Field(default=None, description="column of given folds")
    split: str = Field(default="split", description="column of a given train, val, test split")
    exclude: list[str] = Field(default=[], description="globs of files to leave out")
    image: ImageFiles = ImageFiles()
    vibration: VibrationColumns | None = None
    tabular: TabularColumns | None = None

    @property
    def kind(self) -> str:
        """image, vibration or tabular."""
        return self.task.split("-", 1)[0]

    @property
    def good_only(self) -> bool:
        """Whether a model learns from good samples alone."""
        return self.task.endswith("-anomaly")
