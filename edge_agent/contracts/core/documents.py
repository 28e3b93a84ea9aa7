"""Reading the files of people and of other programs: TOML and Parquet, with errors that help."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pyarrow


def read_toml_document(path: Path) -> dict[str, object]:
    """The tables of a TOML file; raises ConfigError that names the file and the line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"is not TOML ({error})", where=str(path), cure="correct the line it names"
        ) from error


def read_parquet_table(path: Path) -> pyarrow.Table:
    """The columns of a Parquet file; raises InputError, also where pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "reading .parquet needs pyarrow", where=str(path), cure="pip install pyarrow, or CSV"
        ) from error
    try:
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"not a readable Parquet file ({error})", where=str(path), cure="write it again"
        ) from error
