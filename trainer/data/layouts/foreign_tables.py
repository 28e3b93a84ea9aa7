"""Tables of other tools beside pictures, told by their headers, and how a list is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_agent.contracts.core.errors import DatasetError
from trainer.data.labels_csv import read_table_here

_LIST = (
    "write labels.csv in the data set's folder, with path (from that folder on), label, a line "
    "for each file once"
)
_SORT = "sort the files into class folders"


def refuse_table(root: Path, tables: Sequence[str]) -> DatasetError:
    """The refusal of the table that tells most of the pictures: the first that is known, or the
    first one; those that only show how results are handed in come last. tables: paths from `root`
    on, at least one.
    """
    ordered = sorted(tables, key=lambda path: ("submission" in path.lower(), path))
    for path in ordered:
        what, cure = _told(root / path)
        if what:
            return DatasetError(f"{what}: not read", where=str(root / path), cure=cure)
    path, what = ordered[0], "a table without the columns path and label"
    named = "" if "/" in path else "name its columns path and label, if it lists each file; or "
    cure = f"{named}{_LIST}; or {_SORT}"
    return DatasetError(f"{what}: not read", where=str(root / path), cure=cure)


def _told(path: Path) -> tuple[str, str]:
    """What a table is, and what to do; both empty where its header does not tell."""
    try:
        table = read_table_here(path).columns
    except DatasetError:
        return "", ""
    names = {name.strip().casefold() for name in table}
    if {"encodedpixels"} & names:
        return (
            "a table of run-length encoded masks, a line for each defect of a picture",
            f"draw the masks as pictures, and {_LIST}, and mask; pictures without a line are good",
        )
    if names == {"pixel value", "class"}:
        return "the pixel values of segmentation masks", f"{_LIST}, and mask"
    flags = [cells for name, cells in table.items() if name.strip().casefold() != "filename"]
    # A table of names alone has no flags, of which all() would say yes.
    if "filename" in names and flags and all(map(_is_flag, flags)):
        return (
            "a table with a column of 0 and 1 for each class",
            f"{_LIST}: the name of the column that holds 1; and split, of tables in train, valid "
            "and test; or sort the pictures into a folder for each class",
        )
    if {"annotation_id", "lead_time"} <= names:
        return (
            "an export of Label Studio, whose paths are those of its server",
            f"{_LIST}, as the files are named here, not as in /data/upload",
        )
    return "", ""


def _is_flag(cells: Iterable[object]) -> bool:
    return {str(cell).strip() for cell in cells} <= {"0", "1"}
