from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.push.host import Host, parse_host
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.own_version import own_version
from edge_agent.contracts.model.bundle import read_bundle
from tests.deploy import sshd
from tests.signing_kit import Workshop, open_workshop

PROGRAM = f"{shlex.quote(sys.executable)} -m edge_agent"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


def current(root: Path) -> str:
    return read_bundle(
        root / "bundles" / "brightness" / "current" / "brightness.bundle"
    ).manifest.version


def push(bundle: Path, target: str, *words: str | Path) -> int:
    return main(["push", str(bundle), "--to", target, *map(str, words)])


def there(config: Path) -> list[str]:
    return ["--ssh-config", str(config), "--program", PROGRAM]


@pytest.mark.parametrize(
    ("text", "host", "folder"),
    [
        ("station", "", "station"),
        ("/mnt/card:1/lineside", "", "/mnt/card:1/lineside"),
        ("./odd:name", "", "./odd:name"),
        ("pi@line3:/var/lib/lineside", "pi@line3", "/var/lib/lineside"),
        ("line3:station", "line3", "station"),
        ("pi@[fe80::1%eth0]:st", "pi@[fe80::1%eth0]", "st"),
    ],
)
def test_targets_are_read_as_scp_reads_them(text: str, host: str, folder: str) -> None:
    assert parse_host(text) == Host(folder, host)


@pytest.mark.parametrize(
    "text",
    [
        "-oProxyCommand=touch x:dir",
        "a@-oProxyCommand=touch:dir",
        "[-oProxyCommand=touch]:dir",
        "a@[-oProxyCommand=touch]:dir",
        "h\n-oProxyCommand=touch:dir",
        "two words:dir",
    ],
)
def test_host_that_ssh_would_take_for_more_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no host: write user@host:DIR"):
        parse_host(text)


def test_local_line_from_push_to_rollback(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "my station"
    assert push(workshop.signed("1.0.0"), str(root), "--trust", workshop.public) == 0
    assert "brightness 1.0.0 is current" in capsys.readouterr().out
    assert push(workshop.signed("1.1.0"), str(root)) == 0
    assert "1.0.0 before" in capsys.readouterr().out
    assert main(["status", str(root), "--json"]) == 0
    (slot,) = json.loads(capsys.readouterr().out)
    assert (slot["version"], slot["previous"], slot["fault"]) == ("1.1.0", "1.0.0", "")
    assert slot["agent"] == own_version()
    assert push(workshop.signed("1.0.0"), str(root)) == 1
    assert "error: brightness-1.0.0.bundle: version 1.0.0 is older" in capsys.readouterr().err
    assert main(["rollback", str(root)]) == 0
    assert current(root) == "1.0.0"


def test_push_of_an_unsigned_bundle_ends_before_the_station(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(workshop.unsigned(), "nowhere.invalid:dir", "--trust", workshop.public) == 1
    assert "not signed: run `lineside-deploy release`" in capsys.readouterr().err


def test_dry_run_says_what_would_happen(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "station"
    assert push(workshop.signed(), str(root), "--trust", workshop.public, "--dry-run") == 0
    assert "can be installed" in capsys.readouterr().out
    assert not root.exists()


def test_remote_line_from_push_to_rollback(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "it's a $tation"
    target, words = f"station:{root}", there(ssh_config)
    first = workshop.signed("1.0.0")
    assert push(first, target, "--trust", workshop.public, *words) == 0, capsys.readouterr().err
    assert current(root) == "1.0.0"
    assert (root / "trust" / "trusted.json").is_file()
    assert push(workshop.signed("1.1.0"), target, *words) == 0
    capsys.readouterr()
    assert main(["status", target, "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)[0]["version"] == "1.1.0"
    assert push(first, target, *words) == 1
    error = capsys.readouterr().err
    assert "older than 2, which this station has seen" in error
    assert "error: brightness-1.0.0.bundle: " in error
    assert main(["rollback", target, "brightness", *words]) == 0
    assert current(root) == "1.0.0"


def test_a_bundle_of_any_name_arrives_and_can_be_read_by_the_agents_own_user(
    workshop: Workshop, ssh_config: Path, tmp_path: Path
) -> None:
    root = tmp_path / "station"
    bundle = workshop.signed().rename(tmp_path / "a'b $(touch x) `touch y`;key.pub")
    words = ["--trust", workshop.public, *there(ssh_config)]
    assert push(bundle, f"station:{root}", *words) == 0
    assert current(root) == "1.0.0"
    assert not (tmp_path / "x").exists()
    found = [root, *(path for path in root.rglob("*") if path.name != ".lock")]
    closed = [str(path) for path in found if path.stat().st_mode & 0o044 != 0o044]
    assert len(found) > 5
    assert not closed


def test_a_push_takes_the_newest_metadata_along(workshop: Workshop, tmp_path: Path) -> None:
    """Two bundles released one after the other, and pushed the other way round."""
    first, second = workshop.signed("1.0.0"), workshop.signed("1.1.0")
    root = str(tmp_path / "station")
    assert push(second, root, "--trust", workshop.public) == 0
    assert push(first, root) == 1
    releases = workshop.folder / "releases"
    assert push(first, str(tmp_path / "s"), "--trust", workshop.public, "--releases", releases) == 0
    assert push(workshop.signed("1.2.0"), str(tmp_path / "s")) == 0


def test_what_a_host_greets_with_is_no_part_of_the_answer(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A login script or a sudo lecture, in Latin-1, before the program says anything."""
    greeting = tmp_path / "agent"
    greeting.write_bytes(b"#!/bin/sh\nprintf 'caf\xe9\\n' >&2\nexec %s \"$@\"\n" % PROGRAM.encode())
    greeting.chmod(0o755)
    words = ["--ssh-config", ssh_config, "--program", greeting, "--json"]
    target = f"station:{tmp_path / 's'}"
    assert push(workshop.signed(), target, "--trust", workshop.public, *words) == 0
    answer = capsys.readouterr()
    assert json.loads(answer.out)["version"] == "1.0.0"
    assert "café" in answer.err


def test_answer_is_parted_from_a_greeting_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An ssh whose other end prints a banner first; the remote command runs here."""
    ssh = tmp_path / "ssh"
    ssh.write_bytes(
        b"#!/bin/bash\nprintf 'Gr\xfc\xdfe von Linie 3\\n'\nexec bash -c \"${@: -1}\"\n"
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "station").mkdir()
    target = f"line3:{tmp_path / 'station'}"
    assert main(["status", target, "--program", PROGRAM, "--json"]) == 0
    answer = capsys.readouterr()
    assert json.loads(answer.out) == []
    assert "Grüße von Linie 3" in answer.err


@pytest.mark.parametrize("text", [b"\0\5\26\7", b"{}", b"[1]", b'{"signed": 1}'])
def test_a_root_that_is_none_is_refused_here(
    text: bytes, workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "._root.json"
    root.write_bytes(text)
    assert push(workshop.signed(), "nowhere.invalid:dir", "--trust", root) == 1
    assert "._root.json: no root of trust" in capsys.readouterr().err


def test_every_verb_answers_in_json(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, bundle = tmp_path / "station", workshop.unsigned("1.0.0")

    def ask(*words: str | Path) -> dict[str, str]:
        assert main([*map(str, words), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        return answer[0] if isinstance(answer, list) else answer

    public = Path(ask("keys", "init", tmp_path / "keys")["root"])
    assert public.is_file()
    released = ask("release", bundle, "--keys", tmp_path / "keys")["released"]
    assert "main/brightness-1.0.0.bundle" in released
    assert ask("push", bundle, "--to", root, "--trust", public)["version"] == "1.0.0"
    ask("release", workshop.unsigned("1.1.0"), "--keys", tmp_path / "keys")
    assert ask("push", workshop.folder / "brightness-1.1.0.bundle", "--to", root)["replaced"]
    assert ask("status", root)["previous"] == "1.0.0"
    assert ask("rollback", root)["version"] == "1.0.0"
    assert "[Service]" in ask("unit")["unit"]
    assert ask("unit", "--out", tmp_path)["path"] == str(tmp_path / "lineside-agent.service")


def test_remote_push_leaves_nothing_in_the_temporary_folder(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, words = f"station:{tmp_path / 's'}", there(ssh_config)
    assert push(workshop.signed(), target, *words) == 1
    assert "trust: no folder with a root of trust" in capsys.readouterr().err
    assert push(workshop.signed(), target, "--trust", workshop.public, *words) == 0
    assert not list((ssh_config.parent / "scratch").iterdir())


def test_station_without_the_program_is_told_apart(
    workshop: Workshop, ssh_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--ssh-config", ssh_config, "--program", "no-such-agent"]
    assert push(workshop.signed(), "station:dir", *options) == 4
    error = capsys.readouterr().err
    assert "station: has no no-such-agent" in error
    assert "install lineside[device] there, or give its path with --program" in error


def test_refused_key_and_unknown_host_are_told(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger"], check=True
    )
    text = ssh_config.read_text()
    config = tmp_path / "config"
    config.write_text(text.replace(f"{ssh_config.parent}/user\n", f"{tmp_path}/stranger\n"))
    assert main(["status", "station:dir", "--ssh-config", str(config)]) == 4
    assert "Permission denied" in capsys.readouterr().err
    config.write_text(text.replace(f"{ssh_config.parent}/known", f"{tmp_path}/unknown"))
    assert main(["status", "station:dir", "--ssh-config", str(config)]) == 4
    error = capsys.readouterr().err
    assert "Host key verification failed" in error
    assert "make `ssh -o BatchMode=yes station true` work" in error


def test_host_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    if reason := sshd.missing():
        pytest.skip(reason)
    assert main(["status", "pi@127.0.0.1:dir", "--ssh-config", "/dev/null"]) == 4
    assert "pi@127.0.0.1: cannot be reached by ssh" in capsys.readouterr().err


def test_a_withdrawn_bundle_is_refused_before_the_station(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It still carries its signature of before, which a station that saw no later one takes."""
    first, releases = workshop.signed("1.0.0"), workshop.folder / "releases"
    workshop.signed("1.1.0")
    workshop.repository().withdraw("main/brightness-1.0.0.bundle")
    root = tmp_path / "station"
    words = ["--trust", workshop.public, "--releases", releases]
    assert push(first, str(root), *words) == 1
    assert f"withdrawn in {releases}: release another one" in capsys.readouterr().err
    assert not root.exists()
    assert main(["release", str(first), "--keys", str(workshop.keys)]) == 2
    assert "main/brightness-1.0.0.bundle was withdrawn" in capsys.readouterr().err
