from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.file_faults import Inspection, inspect_files, type_of
from trainer.data.load import load_dataset
from trainer.data.survey import survey

Make = Callable[[dict[str, int]], Path]


def inspect(root: Path) -> Inspection:
    return inspect_files(load_dataset(root), SilentProgress())


def test_sound_files_have_no_fault(images: Make) -> None:
    found = inspect(images({"ok": 3, "bad": 3}))
    assert found.faults == []
    assert found.identical == []


def test_an_empty_file_is_named(images: Make) -> None:
    root = images({"ok": 2, "bad": 2})
    (root / "ok" / "0.png").write_bytes(b"")
    (fault,) = inspect(root).faults
    assert (fault.path, fault.kind) == ("ok/0.png", "empty")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_image_is_named_although_it_decodes(
    plates: Path, tmp_path: Path, suffix
) -> None:  # type: ignore[no-untyped-def]
    import cv2

    for label in ("ok", "bad"):
        (tmp_path / label).mkdir()
    image = cv2.imread(str(plates / "ok" / "00_0.png"))
    cv2.imwrite(str(tmp_path / "ok" / f"a{suffix}"), image)
    whole = (tmp_path / "ok" / f"a{suffix}").read_bytes()
    (tmp_path / "bad" / f"b{suffix}").write_bytes(whole[: len(whole) // 2])
    (fault,) = inspect(tmp_path).faults
    assert fault.path == f"bad/b{suffix}"
    assert fault.kind == "unreadable"


def test_a_png_called_jpg_is_named(images: Make) -> None:
    root = images({"ok": 2, "bad": 2})
    (root / "ok" / "0.png").rename(root / "ok" / "0.jpg")
    (fault,) = inspect(root).faults
    assert fault.kind == "wrong type"
    assert fault.what == "named .jpg, but its content is PNG"


def test_text_called_png_is_named(images: Make) -> None:
    root = images({"ok": 2, "bad": 2})
    (root / "ok" / "0.png").write_text("hello")
    (fault,) = inspect(root).faults
    assert fault.what == "named .png, but its content is of another type"


def test_identical_files_are_listed_and_only_other_labels_are_a_fault(images: Make) -> None:
    root = images({"ok": 2, "bad": 2})
    shutil.copy(root / "ok" / "0.png", root / "ok" / "copy.png")
    found = inspect(root)
    assert found.identical == [["ok/0.png", "ok/copy.png"]]
    assert found.faults == []
    shutil.copy(root / "ok" / "0.png", root / "bad" / "copy.png")
    (fault,) = inspect(root).faults
    assert fault.kind == "contradiction"
    assert "labels bad and ok" in fault.what


def recordings(root: Path, broken: np.ndarray) -> Path:
    for label, signal in (("ok", np.arange(9.0)), ("worn", broken)):
        (root / label).mkdir()
        np.savez(root / label / "a.npz", x=signal, fs=100.0)
    return root


def test_a_recording_with_nan_is_named(tmp_path: Path) -> None:
    (fault,) = inspect(recordings(tmp_path, np.array([1.0, np.nan, 2.0]))).faults
    assert (fault.path, fault.what) == ("worn/a.npz", "holds values that are not numbers")


def test_a_dead_axis_is_named(tmp_path: Path) -> None:
    (fault,) = inspect(recordings(tmp_path, np.ones(9))).faults
    assert (fault.kind, fault.what) == ("signal", "axis x never changes")


def test_a_file_of_matlab_7_3_among_others_says_how_to_save_it(tmp_path: Path) -> None:
    root = recordings(tmp_path, np.arange(9.0)[::-1])
    (root / "ok" / "b.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(200))
    (fault,) = inspect(root).faults
    assert (fault.path, fault.kind) == ("ok/b.mat", "wrong type")
    assert "MATLAB 7.3 (HDF5; save it with -v7)" in fault.what


def test_a_recording_that_cannot_be_read_is_named_with_its_line_and_cure(tmp_path: Path) -> None:
    for label, rows in (("ok", "1,2\n3,4\n"), ("worn", "1,2,5\n3,4\n")):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.csv").write_text("x,y\n" + rows)
    (tmp_path / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["ok"]\n[vibration]\nrate_hz = 100\n'
    )
    (fault,) = inspect(tmp_path).faults
    assert (fault.path, fault.kind) == ("worn/a.csv", "unreadable")
    assert "line 1 names 2 columns, line 2 has 3 cells: give each column one name" in fault.what


def test_a_missing_file_is_a_fault(plates: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(plates, tmp_path / "plates"))
    (root / "ok" / "00_0.png").unlink()
    (fault,) = inspect(root).faults
    assert (fault.path, fault.kind) == ("ok/00_0.png", "missing")


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAVE"),
        (b"RIFF\0\0\0\0WEBP", "WebP"),
        (b"PAR1", "Parquet"),
        (b"1,2,3", ""),
    ],
)
def test_types_are_told_by_their_first_bytes(start: bytes, name: str) -> None:
    assert type_of(start) == name


def test_the_survey_counts_groups_and_plans_the_split(plates: Path) -> None:
    found = survey(load_dataset(plates), FitConfig(), SilentProgress())
    ok = next(row for row in found.rows if row.label == "ok")
    assert (ok.samples, ok.groups, ok.good) == (30, 10, True)
    assert ok.train + ok.val + ok.test == 30
    assert found.refusal == ""


def test_the_survey_says_why_nothing_can_be_split(images: Make) -> None:
    found = survey(load_dataset(images({"ok": 1, "bad": 1})), FitConfig(), SilentProgress())
    assert "no sample is left for" in found.refusal


def table(root: Path, extra: str = "") -> Path:
    lines = ["speed [rpm],tool,torque,failed"]
    lines += [f"{900 + n * 37 % 60},{'AB'[n % 2]},{n * n % 7}.5,{(n % 3) // 2}" for n in range(60)]
    (root / "rows.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(
        'task = "tabular-class"\ngood = ["0"]\n[tabular]\nfile = "rows.csv"\nlabel = "failed"\n'
        + extra
    )
    return root


def test_the_survey_of_a_table_tells_its_tags(tmp_path: Path) -> None:
    found = survey(load_dataset(table(tmp_path)), FitConfig(), SilentProgress())
    assert "speed [rpm]: 900 to 959 rpm" in found.tags
    assert "tool: A, B" in found.tags
    assert found.faults == []


def test_values_outside_the_declared_range_are_a_fault(tmp_path: Path) -> None:
    root = table(tmp_path, '[tabular.tags."speed [rpm]"]\nhigh = 950.0\n')
    (fault,) = survey(load_dataset(root), FitConfig(), SilentProgress()).faults
    assert fault.path == "rows.csv: speed [rpm]"
    assert fault.what.startswith("9 values outside")
