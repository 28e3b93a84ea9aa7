from __future__ import annotations

from pathlib import Path

from trainer.data.layout_notes import layout_notes
from trainer.data.load import load_dataset
from trainer.data.samples import Sample


def test_the_folders_joined_in_a_label_are_named(tmp_path: Path) -> None:
    for name in ("ok/1.png", "hang/ball/6g/1.png", "hang/ball/6g/2.png", "hang/cage/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    said = [one for one in load_dataset(tmp_path).decisions if "joined" in one]
    assert len(said) == 1
    assert "joined in it: hang (ball/6g, cage); to keep them apart" in said[0]


def test_a_recording_that_lies_there_in_two_formats_is_pointed_out() -> None:
    samples = [Sample(f"{kind}/ok/{n}.{kind}", "ok") for kind in ("csv", "mat") for n in range(3)]
    (said,) = layout_notes(samples, "vibration")
    assert said.startswith("3 recordings lie there twice by name (csv/ok/0.csv, mat/ok/0.mat)")
    assert said.endswith('exclude = ["**/*.mat"] in dataset.toml')


def test_one_folder_and_one_format_are_not_spoken_of() -> None:
    samples = [Sample("ok/deep/1.mat", "ok"), Sample("bad/1.csv", "bad")]
    assert layout_notes(samples, "vibration") == ()


def test_pictures_of_one_name_in_two_formats_are_left_to_the_search_for_copies() -> None:
    assert layout_notes([Sample("ok/1.png", "ok"), Sample("ok/1.jpg", "ok")], "image") == ()
