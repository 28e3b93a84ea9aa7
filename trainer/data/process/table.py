"""CSV and Parquet tables as columns of text."""

from __future__ import annotations

import csv
from pathlib import Path

from edge_agent.contracts.core.errors import DatasetError


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV (comma or semicolon, UTF-8) by column name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            delimiter = ";" if first.count(";") > first.count(",") else ","
            reader = csv.DictReader(stream, delimiter=delimiter, restval="", strict=True)
            rows = [{k.strip(): (v or "").strip() for k, v in row.items() if k} for row in reader]
    except OSError as error:
        raise DatasetError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check its name"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"is not a CSV table ({error})", where=str(path), cure="save it as UTF-8 CSV"
        ) from error
    if not rows:
        raise DatasetError("has no rows", where=str(path), cure="list the samples in it")
    return rows


def column_names(path: Path) -> list[str]:
    """The column names of a CSV or Parquet table."""
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        return list(parquet.read_schema(path).names)
    return list(read_rows(path)[0])


def column_values(path: Path, column: str) -> list[str]:
    """One column as text."""
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        return [str(value) for value in parquet.read_table(path)[column].to_pylist()]
    return [row[column] for row in read_rows(path)]
