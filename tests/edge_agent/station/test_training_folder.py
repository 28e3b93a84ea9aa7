"""A data set that an earlier session began: gone on with, or refused with the file and the cure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.types import Frame
from edge_agent.station.training_folder import TrainingFolder


def folder(path: Path, label: str = "ok") -> TrainingFolder:
    return TrainingFolder(path, "image", label, good=True, session="1", channel="top")


def test_a_second_session_goes_on_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    first = folder(tmp_path)
    first.prepare()
    first.add(Frame(np.zeros((4, 4, 3), np.uint8), 0, 0, 0), "p1", ())
    toml = tmp_path / "dataset.toml"
    toml.write_text(toml.read_text() + "\n[image]\nbit_depth = 12\n")
    second = folder(tmp_path, "fine")
    second.prepare()
    assert "bit_depth = 12" in toml.read_text()
    assert 'good = [\n    "ok",\n    "fine",\n]' in toml.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task = ", "dataset.toml: is not TOML"),
        (b"\xff\xfe\x00", "dataset.toml: is not UTF-8"),
        ("a." * 5000 + "b = 1", "dataset.toml: is not TOML .*steps"),
        ('task = "image-class"\ngood = 3', "dataset.toml: `good` is no list"),
        ('task = "vibration-class"', "is a data set of task"),
    ],
    ids=["cut", "bytes", "deep", "good", "kind"],
)
def test_a_dataset_toml_that_is_none_is_refused(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    (tmp_path / "dataset.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=words):
        folder(tmp_path).prepare()


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        folder(tmp_path / "file" / "set").prepare()
