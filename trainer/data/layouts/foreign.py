"""Layouts of other tools that hold no class folders: recognised, and named with the cure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LABELS = (
    "write labels.csv with path,label (and mask; split, where train and test are given), or sort "
    "the pictures into class folders"
)

TABLE = "a table"
DAGM = "the layout of DAGM"
_FORMATS: tuple[tuple[str, str, str], ...] = (
    (r"(coco\.json|(^|/)instances_[^/]*\.json)$", "COCO annotations", _LABELS),
    (r"(^|/)jpegimages/|(^|/)annotations/[^/]+\.xml$", "the layout of Pascal VOC", _LABELS),
    (r"(^|/)(data\.yaml|classes\.txt|obj\.names)$|(^|/)labels/.*\.txt$", "YOLO labels", _LABELS),
    (
        r"(^|/)split_csv/",
        "the layout of VisA",
        "name the folder Data of one object, which holds Images and Masks",
    ),
    (r"(^|/)label/labels\.txt$|(^|/)label/[^/]*_label\.png$", DAGM, _LABELS),
    (
        r"(^|/)(masks|mask|groundtruth|ground_truth)/",
        "pictures and masks, but no classes",
        f"{_LABELS}; a class that is called like masks needs another name",
    ),
    (r"\.tfrecords?$", "TFRecord files", "export the pictures as files in class folders"),
    (r"(^|/)[^/]*annotations?\.(json|xml)$", "annotations of a labelling tool", _LABELS),
    (r"(^|/)via_[^/]*\.json$", "annotations of VGG Image Annotator", _LABELS),
    (r"\.(xlsx?|ods)$", "a spreadsheet", "save it as labels.csv with the columns path,label"),
    (r"\.csv$", TABLE, ""),
    (
        r"(^|/)(train|val|valid|test)[^/]*\.txt$",
        "lists of files",
        "write labels.csv with path,label,split",
    ),
)
_BESIDE = {".xml": "Pascal VOC or LabelImg", ".json": "labelme", ".txt": "YOLO"}
"""Suffix of a file with a picture's stem, and the tools that write such files."""


def foreign_format(paths: Iterable[str]) -> tuple[str, str]:
    """The name of a layout that these paths speak of, and what to do; empty where there is none."""
    lower = [path.lower() for path in paths]
    for pattern, name, cure in _FORMATS:
        if any(re.search(pattern, path) for path in lower):
            return name, cure
    stems = {path.rpartition(".")[0] for path in lower if not path.endswith(tuple(_BESIDE))}
    for suffix, tools in _BESIDE.items():
        if any(path.removesuffix(suffix) in stems for path in lower if path.endswith(suffix)):
            return f"a {suffix} beside each picture, as {tools} writes them", _LABELS
    return "", ""
