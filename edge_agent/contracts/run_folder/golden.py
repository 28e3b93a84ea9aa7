"""golden/golden.json: raw files of held-out samples that travel with the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, field_validator

from edge_agent.contracts.run_folder.files import (
    damaged,
    document_bytes,
    read_bytes,
    read_document,
)


class GoldenFile(BaseModel):
    """One raw file of a held-out sample. rate_hz, axes, rpm: of a recording."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    file: str
    label: str
    rate_hz: float | None = None
    axes: list[str] | None = None
    rpm: float | None = None

    @field_validator("file")
    @classmethod
    def _lies_in_golden(cls, name: str) -> str:
        if Path(name).name != name or "\0" in name:
            raise ValueError(f"{name!r} lies outside of golden/")
        return name


class GoldenEntry(GoldenFile):
    """A golden file in a bundle: what the converted model must say of it."""

    verdict: str
    score: float


class GoldenFiles(RootModel[list[GoldenFile]]):
    """The content of golden.json in a run."""


class GoldenEntries(RootModel[list[GoldenEntry]]):
    """The content of golden.json in a bundle."""


def read_golden_list(path: Path) -> list[GoldenFile]:
    """The golden files of a run; raises RunError for a damaged or empty list."""
    files = read_document(GoldenFiles, path).root
    if not files:
        raise damaged(path, "lists no samples")
    return files


def golden_list_bytes(files: Sequence[GoldenFile]) -> bytes:
    """golden.json of a run."""
    return document_bytes(GoldenFiles(list(files)), exclude_none=True)


def read_payload(folder: Path, golden: GoldenFile) -> bytes:
    """The raw bytes of one golden file in `folder`; raises RunError."""
    return read_bytes(folder / golden.file)
