"""The schema of dataset.toml."""

from __future__ import annotations

from pydantic import Field

from edge_agent.contracts.manifest import Task
from trainer.strict_toml import StrictTable

DATASET_TOML = "dataset.toml"


class VibrationColumns(StrictTable):
    """[vibration]: which columns of a recording are read, and at what rate they were taken."""

    rate_hz: float | None = Field(
        default=None, gt=0, description="a rate_hz column of the labels overrides it"
    )
    axes: list[str] = Field(
        default=[], description="column names, positions or patterns; empty: all of the first file"
    )
    unit: str = "g"


class TabularColumns(StrictTable):
    """[tabular]: which columns of a process table are tags, and which is to be foretold."""

    file: str = Field(description="CSV or Parquet, relative to dataset.toml")
    label: str
    features: list[str] = Field(default=[], description="empty: every column not excluded")
    exclude: list[str] = Field(default=[], description="identifiers, and columns that leak")


class DatasetConfig(StrictTable):
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
