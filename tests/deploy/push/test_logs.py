"""The log of a host, over a real sshd: a file, and a journal by the program that keeps it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.push.logs import LogWish, log_script
from edge_agent.contracts.core.errors import ConfigError
from tests.station_kit import wait_until


def test_a_log_file_comes_whole_or_its_newest_lines(
    ssh_config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "it's a $log"
    log.write_text("one\ntwo\nthree\n")
    words = ["logs", "station:x", "--ssh-config", str(ssh_config), "--file", str(log)]
    assert main(words) == 0
    assert capfd.readouterr().out == "one\ntwo\nthree\n"
    assert main([*words, "--lines", "1"]) == 0
    assert capfd.readouterr().out == "three\n"
    assert main(["logs", str(tmp_path), "--file", str(log), "--lines", "2"]) == 0
    assert capfd.readouterr().out == "two\nthree\n"


def test_what_is_logged_next_follows(ssh_config: Path, tmp_path: Path) -> None:
    log, shown = tmp_path / "log", tmp_path / "shown"
    log.write_text("one\n")
    words = ["station:x", "--ssh-config", str(ssh_config), "--file", str(log), "--follow"]
    with shown.open("wb") as stream:
        command = [sys.executable, "-m", "deploy", "logs", *words]
        following = subprocess.Popen(command, stdout=stream)
    try:
        assert wait_until(lambda: shown.read_text() == "one\n", 120)
        with log.open("a") as stream:
            stream.write("two\n")
        assert wait_until(lambda: shown.read_text() == "one\ntwo\n", 120)
    finally:
        following.terminate()
        following.wait()


def test_the_journal_is_asked_for_the_agent_alone(tmp_path: Path) -> None:
    """By a program in the place of journalctl, which prints its words."""
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    wish = LogWish(since="1 hour ago; reboot", lines=5, follow=True)
    script = f"PATH={shlex.quote(str(tmp_path))}\n{log_script(wish)}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    asked = ["--unit=lineside-agent", "--since=1 hour ago; reboot", "--lines=5", "--follow"]
    assert done.stdout.splitlines() == ["--no-pager", "--output=short-iso", *asked]


def test_a_host_without_a_journal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["logs", "station"]) == 2
    assert "station: has no journal: name the agent's log with --file" in capsys.readouterr().err


def test_wishes_that_cannot_be_met_are_refused(
    ssh_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="--since and --file exclude each other"):
        log_script(LogWish(since="today", file="log"))
    with pytest.raises(ConfigError, match="is no unit"):
        log_script(LogWish(unit="a b"))
    assert main(["logs", "nobody@127.0.0.1:x", "--ssh-config", "/dev/null"]) == 4
    assert "cannot be reached by ssh" in capsys.readouterr().err
