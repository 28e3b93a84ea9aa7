from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.contracts.core.folder_scan import (
    FolderScan,
    LeftOut,
    count_by_reason,
    printable,
    scan_folder,
)


def scanned(root: Path, names: list[str]) -> FolderScan:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return scan_folder(root, {".png"}, {".csv", "readme.md"})


def test_every_file_is_either_read_or_named(tmp_path: Path) -> None:
    names = ["a/1.png", "a/2.PNG", "a/3.gif", "b/4.png", "README.md", "l.csv", "noext"]
    found = scanned(tmp_path, names)
    assert found.files == ["a/1.png", "a/2.PNG", "b/4.png"]
    assert [(one.path, one.harmless) for one in found.left_out] == [
        ("a/3.gif", False),
        ("noext", False),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "@tmp/1.png", "~snapshot/ok/1.png", "ok/Thumbnails/1.png",
        "a/@eaDir/1.png/SYNO.png", "#recycle/ok/1.png", ".Trash-1000/1.png", "__MACOSX/1.png",
        "$RECYCLE.BIN/1.png", "a/Thumbs.db", "a/._1.png", ".hidden/1.png", "a/.DS_Store",
        "caps.bundle", "lost+found/1.png",
    ],
)  # fmt: skip
def test_what_a_nas_or_system_leaves_is_no_data(tmp_path: Path, name: str) -> None:
    found = scanned(tmp_path, ["a/1.png", name])
    assert found.files == ["a/1.png"]
    assert [one.harmless for one in found.left_out] == [True]


def test_own_runs_are_no_class(tmp_path: Path) -> None:
    run = ["runs/x/spec.json", "runs/x/config.toml", "runs/x/saliency/1.png"]
    found = scanned(tmp_path, ["a/1.png", *run])
    assert found.files == ["a/1.png"]
    assert found.left_out == [LeftOut("runs/x", "a run of lineside-train", harmless=True)]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    scanned(elsewhere, ["2.png"])
    scanned(root, ["a/1.png"])
    (root / "b").symlink_to(elsewhere)
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "gone.png").symlink_to("nowhere.png")
    found = scan_folder(root, {".png"})
    assert found.files == ["a/1.png", "b/2.png"]
    assert {one.path: one.why for one in found.left_out} == {
        "a/gone.png": "a link whose target is not there",
        "a/up": "a link to a folder above it",
    }


@pytest.mark.parametrize(
    "name", [b"gr\xfcn.png", "line\u2028break.png".encode(), b"new\nline.png", b"bell\x07.png"]
)
def test_names_that_cannot_be_written_down_are_refused(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    found = scan_folder(tmp_path, {".png"})
    assert found.files == []
    assert "rename it" in found.left_out[0].why
    assert printable(found.left_out[0].path).isprintable()
    printable(found.left_out[0].path).encode()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "dent" / "deep").mkdir(parents=True)
    assert scanned(tmp_path, ["a/1.png"]).empty == ["dent/deep", "dent"]


def test_reasons_are_counted() -> None:
    left = [LeftOut(f"a/{n}.gif", "files .gif are not read") for n in range(3)]
    assert count_by_reason(left) == ["3 left out: files .gif are not read (a/0.gif ...)"]
