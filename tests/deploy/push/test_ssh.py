"""An ssh that stands in for a far host: what is sent, and what its endings mean."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.push.ssh import run_script
from edge_agent.contracts.core.errors import ConfigError, DeviceError


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `ssh` that writes its words down and ends as `ending` asks."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(
        "#!/bin/bash\n"
        f'printf "%s\\n" "$@" > {tmp_path}/words\n'
        f"cat > {tmp_path}/payload\n"
        f"[ -e {tmp_path}/ending ] && . {tmp_path}/ending\n"
        "exit 0\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path


def test_the_host_cannot_become_an_option(ssh: Path) -> None:
    run_script("pi@[fe80::1%eth0]", "true", b"payload")
    words = (ssh / "words").read_text().splitlines()
    assert words[words.index("--") + 1] == "pi@fe80::1%eth0"
    assert "BatchMode=yes" in words
    assert (ssh / "payload").read_bytes() == b"payload"


def test_the_users_own_configuration_is_used(ssh: Path) -> None:
    run_script("pi", "true", b"", ssh_config=Path("my config"))
    words = (ssh / "words").read_text().splitlines()
    assert words[words.index("-F") + 1] == "my config"


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("echo 'Permission denied (publickey).' >&2; exit 255", r"\(Permission denied \(publickey"),
        ("exit 255", "no reason given"),
        ("echo 'sh: agent: not found' >&2; exit 127", "has no agent"),
        ("printf 'caf\\xe9\\n' >&2; exit 255", r"caf\\xe9"),
    ],
)
def test_an_ending_of_ssh_itself_is_told_apart(ssh: Path, ending: str, said: str) -> None:
    (ssh / "ending").write_text(ending)
    with pytest.raises(DeviceError, match=said):
        run_script("pi", "agent", b"", program="agent")


def test_a_host_that_talks_without_an_end_is_ended(ssh: Path) -> None:
    """What it says is kept in memory here, for each of many stations."""
    (ssh / "ending").write_text("exec yes")
    with pytest.raises(DeviceError, match="says more than 16 MiB"):
        run_script("pi", "agent", b"")


def test_a_host_that_does_not_end_has_a_limit(ssh: Path) -> None:
    (ssh / "ending").write_text("exec sleep 600")
    with pytest.raises(DeviceError, match="no answer within 1 s"):
        run_script("pi", "agent", b"", most_s=1)


def test_an_ending_of_the_program_is_the_answer(ssh: Path) -> None:
    (ssh / "ending").write_text("echo wrong >&2; exit 1")
    done = run_script("pi", "agent", b"")
    assert (done.returncode, done.stderr) == (1, b"wrong\n")


def test_a_machine_without_ssh_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt install openssh-client"):
        run_script("pi", "true", b"")
