from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.image.input import Region
from edge_agent.contracts.process.tables import Table
from trainer.data.image.part_boxes import small_box
from trainer.data.labels_csv import read_table_here
from trainer.data.layouts import foreign_tables
from trainer.data.layouts.foreign_tables import refuse_table
from trainer.data.load import load_dataset


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("train.csv", "ImageId,ClassId,EncodedPixels\na.jpg,1,7 9\n", "run-length encoded masks"),
        ("train/_classes.csv", "filename, ok, bad\na.jpg, 1, 0\n", "a column of 0 and 1 for each"),
        ("train/_classes.csv", "Pixel Value, Class\n0, background\n", "segmentation masks"),
        ("p.csv", "image,choice,annotation_id,lead_time\n/d/a.jpg,ok,1,2\n", "of Label Studio"),
        ("t.csv", "filename\na.jpg\n", "without the columns path and label"),
        ("t.csv", "file,quality\na.jpg,ok\n", "without the columns path and label"),
    ],
)
def test_a_table_of_another_tool_is_named_with_its_file(
    tmp_path: Path, path: str, text: str, what: str
) -> None:
    (tmp_path / "train").mkdir()
    cv2.imwrite(str(tmp_path / "train" / "a.jpg"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / path).write_text(text)
    with pytest.raises(DatasetError, match=f"{what}.*not read: .*labels.csv") as refused:
        load_dataset(tmp_path)
    assert refused.value.where == str(tmp_path / path)
    (tmp_path / "labels.csv").write_text("path,label\ntrain/a.jpg,ok\n")
    assert load_dataset(tmp_path).counts() == {"ok": 1}


def test_the_table_that_is_known_is_named_before_others(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    for name in ("sample_submission.csv", "train.csv"):
        (tmp_path / name).write_text("ImageId,EncodedPixels\na.jpg,7 9\n")
    assert refuse_table(tmp_path, ["a.csv", "sample_submission.csv", "train.csv"]).where == str(
        tmp_path / "train.csv"
    )


def test_tables_below_the_first_known_one_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a.csv", "b.csv", "c.csv"]
    for name in names:
        (tmp_path / name).write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("ImageId,EncodedPixels\na.jpg,7 9\n")
    read: list[str] = []

    def reading(path: Path) -> Table:
        read.append(path.name)
        return read_table_here(path)

    monkeypatch.setattr(foreign_tables, "read_table_here", reading)
    assert refuse_table(tmp_path, names).where == str(tmp_path / "b.csv")
    assert read == ["a.csv", "b.csv"]


def test_paths_of_another_computer_are_named_with_the_first(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("path,label\n/data/upload/a.jpg,ok\n")
    with pytest.raises(DatasetError, match=r"none of 1 listed files is there, the first /data/up"):
        load_dataset(tmp_path)


def test_no_picture_that_can_be_read_makes_no_box_and_no_warning(tmp_path: Path) -> None:
    (tmp_path / "ok").mkdir()
    (tmp_path / "ok" / "a.png").write_bytes(b"")
    assert small_box(load_dataset(tmp_path), np.array([], np.intp), Region()) is None
