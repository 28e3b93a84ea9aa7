from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.push.host import Target, parse_target
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.bundle import read_bundle
from tests.deploy import sshd
from tests.signing_kit import Workshop, open_workshop

PROGRAM = f"{shlex.quote(sys.executable)} -m edge_agent"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


@pytest.fixture(scope="module")
def ssh_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.served(tmp_path_factory.mktemp("sshd")) as config:
        yield config


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
    assert parse_target(text) == Target(folder, host)


def test_host_that_looks_like_an_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no host: write user@host:DIR"):
        parse_target("-oProxyCommand=touch x:dir")


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
    assert push(workshop.signed("1.0.0"), str(root)) == 1
    assert "1.0.0 is older than 1.1.0" in capsys.readouterr().err
    assert main(["rollback", str(root)]) == 0
    assert current(root) == "1.0.0"


def test_push_of_an_unsigned_bundle_ends_before_the_station(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(workshop.unsigned(), "nowhere.invalid:dir", "--trust", workshop.public) == 1
    assert "not signed: run `lineside-deploy sign`" in capsys.readouterr().err


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
    assert (root / "trust" / workshop.public.name).is_file()
    assert push(workshop.signed("1.1.0"), target, *words) == 0
    capsys.readouterr()
    assert main(["status", target, "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)[0]["version"] == "1.1.0"
    assert push(first, target, *words) == 1
    assert "1.0.0 is older than 1.1.0" in capsys.readouterr().err
    assert main(["rollback", target, "brightness", *words]) == 0
    assert current(root) == "1.0.0"


def test_what_is_pushed_can_be_read_by_the_agents_own_user(
    workshop: Workshop, ssh_config: Path, tmp_path: Path
) -> None:
    root = tmp_path / "station"
    words = ["--trust", workshop.public, *there(ssh_config)]
    assert push(workshop.signed(), f"station:{root}", *words) == 0
    found = [root, *(path for path in root.rglob("*") if path.name != ".lock")]
    closed = [str(path) for path in found if path.stat().st_mode & 0o044 != 0o044]
    assert len(found) > 5
    assert not closed


def test_remote_push_leaves_nothing_in_the_temporary_folder(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, words = f"station:{tmp_path / 's'}", there(ssh_config)
    assert push(workshop.signed(), target, *words) == 1
    assert "trust: no folder of trusted keys" in capsys.readouterr().err
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
