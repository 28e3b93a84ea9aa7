"""The files of a folder, and what happens where they cannot be listed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import (
    files_below,
    remove_unfinished,
    whole_folder,
    write_atomic,
)
from tests.station_kit import wait_until


def test_files_are_sorted_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/1.png", "a.png", "a.txt", ".a.png.tmp.png", ".cache/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    found = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path, {".png"})]
    assert found == ["a.png", "b/1.png", "b/2.PNG"]


def test_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "made" / "set"
    with pytest.raises(ZeroDivisionError), whole_folder(target) as folder:
        (folder / "half.txt").write_text(str(1 / 0))
    assert list(target.parent.iterdir()) == []
    for text in ("one", "two"):
        with whole_folder(target) as folder:
            (folder / f"{text}.txt").touch()
        assert [path.name for path in target.iterdir()] == [f"{text}.txt"]
    assert list(target.parent.iterdir()) == [target]


def test_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match="a file lies where a folder is needed"),
        whole_folder(tmp_path / "file" / "set"),
    ):
        pytest.fail("there is no folder to fill")


def test_interrupted_twin_leaves_no_half_data_set(tmp_path: Path) -> None:
    words = ["edge_agent", "simulate", "images", "--out", "caps", "--count", "100000"]
    # A shell's background ignores SIGINT, and the program leaves what it inherits alone.
    attended = ["env", "--default-signal=INT", sys.executable, "-m"]
    with subprocess.Popen(
        [*attended, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as twin:
        assert wait_until(lambda: list(tmp_path.glob(".caps.*/good/*.png")))
        twin.send_signal(signal.SIGINT)
        _, said = twin.communicate(timeout=20)
    assert (twin.returncode, said) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_absent_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_below(tmp_path / "nowhere", {".png"})


BARE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Root without the right to read what is closed to it, as any other user."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer", "check", "set"], "error: set/closed: Permission denied: check the path"),
        (["trainer", "check", "one"], "fault    bad/0.png: unreadable, Permission denied\n"),
        (["edge_agent", "replay", "set", "--bundle", "none"], "none: cannot be read"),
    ],
    ids=["folder", "file", "bundle"],
)
def test_what_this_user_may_not_read_is_named(tmp_path: Path, words: list[str], said: str) -> None:
    for name in ("set/open/0.png", "set/closed/0.png", "one/ok/0.png", "one/bad/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "set" / "closed").chmod(0)
    (tmp_path / "one" / "bad" / "0.png").chmod(0)
    user = BARE if os.geteuid() == 0 else []
    if user and subprocess.run([*user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("setpriv cannot give up root's rights here")
    command = [*user, sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "set" / "closed").chmod(0o700)
    assert done.returncode != 0
    assert said in done.stderr.replace(f"{tmp_path}/", "") + done.stdout
    assert "Traceback" not in done.stderr


def test_what_killed_writes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_atomic(tmp_path / "channels" / "top.json", b"{}")
    for name in ("channels/.top.json.1jgn1hzf", ".epoch.6chm_99a", ".young.00000000", ".profile"):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1000, 1000 if "young" not in name else 3000))
    remove_unfinished(tmp_path, before_s=2000)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == [".profile", ".young.00000000", "channels", "channels/top.json"]
