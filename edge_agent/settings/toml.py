"""The tables of station.toml: paths in it are relative to the file that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from edge_agent.contracts.core.extras import Library
from edge_agent.contracts.core.strict import Strict

CURE = "`lineside-agent config --reference` lists all"


class Table(Strict):
    """One table of station.toml, and what it asks of the board."""

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return ()

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return ()

    @property
    def device_nodes(self) -> tuple[str, ...]:
        """The device nodes that it opens: every value that is the path of one."""
        values = (value for value in self.__dict__.values() if isinstance(value, str))
        return tuple(value for value in values if value.startswith("/dev/"))


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if path.is_absolute() or folder is None else Path(folder) / path


StationPath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path; a relative one is relative to the folder of the file that names it."""
