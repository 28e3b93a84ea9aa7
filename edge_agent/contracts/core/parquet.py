"""Parquet files, with errors that help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow


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
