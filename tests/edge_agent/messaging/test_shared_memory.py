"""Files in a folder that everybody may write: only what is ours, small and a file is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.messaging.shared_memory import file_prefix, new_map, read_own


def test_what_is_written_into_the_map_is_read_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "count"
    written = new_map(path, 64)
    assert path.stat().st_blocks * 512 >= 64
    assert path.stat().st_mode & 0o777 == 0o600
    written[8:12] = b"here"
    written.close()
    assert read_own(path, 64) == bytes(8) + b"here" + bytes(52)
    assert read_own(path, 63) is None


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "nothing"])
def test_what_is_no_file_of_ours_is_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "secret").write_bytes(b"secret")
        path.symlink_to(tmp_path / "secret")
    elif kind == "folder":
        path.mkdir()
    assert read_own(path, 4096) is None


def test_what_lies_there_is_never_used_anew(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_bytes(b"of another")
    with pytest.raises(FileExistsError):
        new_map(path, 64)
    assert path.read_bytes() == b"of another"


def test_a_map_that_gets_no_room_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"File too large|No space"):
        new_map(tmp_path / "count", 1 << 62)
    assert list(tmp_path.iterdir()) == []


def test_two_state_folders_and_two_kinds_have_names_of_their_own(tmp_path: Path) -> None:
    names = {file_prefix(tmp_path / name, kind) for name in "ab" for kind in ("", "unsaved-")}
    assert len(names) == 4
