"""The tables of station.toml: paths in it are relative to the file that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from edge_agent.contracts.core.strict import Strict

CURE = "`lineside-agent config --reference` lists all"


class Table(Strict):
    """One table of station.toml."""


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if path.is_absolute() or folder is None else Path(folder) / path


StationPath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path; a relative one is relative to the folder of the file that names it."""
