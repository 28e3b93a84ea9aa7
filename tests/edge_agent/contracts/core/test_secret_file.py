"""Files of secrets: who else may read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.contracts.core import secret_file
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import is_open, read_secret, refuse_open, secret_line


def _file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620, 0o601])
@pytest.mark.parametrize("read", [read_secret, secret_line, refuse_open])
def test_a_secret_that_others_may_read_or_change_is_refused(
    tmp_path: Path, read: Callable[[Path, str], object], mode: int
) -> None:
    path = _file(tmp_path, b"s3cret\n", mode)
    words = rf"secret: the token is open to others \(mode {mode:o}\): chmod 600 "
    with pytest.raises(ConfigError, match=words):
        read(path, "the token")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_this_user_alone_is_read(tmp_path: Path, mode: int) -> None:
    path = _file(tmp_path, "s\u00fc\u00df\r\nmore".encode(), mode)
    refuse_open(path, "the token")
    assert secret_line(path, "the token") == "s\u00fc\u00df"
    assert read_secret(path, "the token").endswith(b"more")


def _status(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "owner", "is_one"),
    [
        (0o640, 0, False),
        (0o440, 0, False),
        (0o660, 0, True),
        (0o644, 0, True),
        (0o640, 1000, True),
        (0o600, 1000, False),
    ],
    ids=["root gives it", "systemd gives it", "its group writes", "all", "a group", "a person"],
)
def test_root_may_give_a_secret_to_the_group_of_a_service(
    tmp_path: Path, mode: int, owner: int, is_one: bool
) -> None:
    assert is_open(tmp_path / "secret", _status(stat.S_IFREG | mode, owner)) is is_one


def test_a_secret_of_a_container_is_as_the_engine_hands_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, b"s3cret", 0o444)
    link = tmp_path / "elsewhere"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match=r"open to others \(mode 444\)"):
        secret_line(link, "the token")
    monkeypatch.setattr(secret_file, "CONTAINER_SECRETS", tmp_path.resolve())
    assert secret_line(link, "the token") == "s3cret"


def test_a_pipe_is_no_file_that_lies_open(tmp_path: Path) -> None:
    assert not is_open(tmp_path / "pipe", _status(stat.S_IFIFO | 0o644, 1000))


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"], ids=["empty", "no line", "no text"])
def test_a_file_without_a_secret_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="secret: the token is "):
        secret_line(_file(tmp_path, content), "the token")


def test_a_missing_file_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the token cannot be read .*chmod 600"):
        secret_line(tmp_path / "none", "the token")
