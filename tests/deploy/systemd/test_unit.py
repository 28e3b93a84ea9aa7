from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from string import Template

import pytest

from deploy.__main__ import main
from deploy.systemd.unit import FOLLOW_NAME, NAME, TEMPLATE, follow_text, unit_text
from edge_agent.contracts.core.errors import ConfigError

ANALYZE = shutil.which("systemd-analyze")


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed (apt install systemd)")
    return subprocess.run([ANALYZE, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_text(unit_text())
    return path


def test_systemd_reads_the_unit_without_a_complaint(tmp_path: Path) -> None:
    unit = tmp_path / NAME
    unit.write_text(unit_text(program="/bin/true"))
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_is_well_confined(unit: Path) -> None:
    """Exposure on systemd's scale of 0 to 100; an unconfined service has 96."""
    if "--threshold" not in analyze("--help").stdout:
        pytest.skip("this systemd cannot rate a unit file offline")
    done = analyze("security", "--offline=true", "--threshold=25", unit)
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("Service", "Restart", "always"),
        ("Service", "RestartPreventExitStatus", str(ConfigError.exit_code)),
        ("Service", "Type", "notify"),
        ("Unit", "StartLimitIntervalSec", "0"),
    ],
)
def test_only_a_wrong_configuration_ends_the_restarts(
    unit: Path, section: str, key: str, value: str
) -> None:
    """A key in the wrong section is one that systemd ignores."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(unit)
    assert parser[section][key] == value


def test_the_template_has_a_place_for_every_value() -> None:
    text = (files("deploy") / "systemd" / TEMPLATE).read_text()
    names = Template(text).get_identifiers()
    assert sorted(names) == ["config", "folder", "program", "user", "writable"]


def test_only_the_state_is_writable_for_the_agent(unit: Path) -> None:
    """Bundles and trusted keys lie beside it and belong to root."""
    lines = unit.read_text().splitlines()
    assert [line for line in lines if line.startswith(("StateDirectory=", "ReadWritePaths="))] == [
        "StateDirectory=lineside/state"
    ]


def test_unit_of_another_station_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--program", "/bin/true", "--station", "/srv/press-3/station.toml", "--user", "root"]
    assert main(["unit", *words, "--out", str(tmp_path)]) == 0
    assert "systemctl enable --now lineside-agent" in capsys.readouterr().err
    unit = tmp_path / "lineside-agent.service"
    lines = unit.read_text().splitlines()
    assert "ExecStart=/bin/true launch /srv/press-3/station.toml --quiet" in lines
    assert "ReadWritePaths=/srv/press-3" in lines
    assert "User=root" in lines
    assert not [line for line in lines if "/var/lib/lineside" in line and not line.startswith("#")]
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_unit_is_written_into_a_folder_or_a_unit_file(tmp_path: Path) -> None:
    assert main(["unit", "--out", str(tmp_path / "units")]) == 0
    assert main(["unit", "--out", str(tmp_path / "press3.service")]) == 0
    written = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.service")]
    assert sorted(written) == ["press3.service", "units/lineside-agent.service"]


def test_state_folder_below_var_lib_is_made_by_systemd(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unit", "--station", "/var/lib/lineside/press3/station.toml"]) == 0
    assert "\nStateDirectory=lineside/press3/state\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--station", "/home/pi/station.toml"], "is hidden from services"),
        (["--program", "bin/lineside-agent"], "no absolute path"),
        (["--program", "/opt/a b"], "no absolute path"),
        (["--station", "/srv/../etc/station.toml"], "no absolute path"),
        (["--user", "Robert Tables"], "no name of a user"),
    ],
    ids=str,
)
def test_unit_that_could_not_work_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unit", *words]) == 2
    assert said in capsys.readouterr().err


def test_rollouts_are_followed_by_a_confined_service(tmp_path: Path) -> None:
    unit = tmp_path / FOLLOW_NAME
    unit.write_text(follow_text("https://releases.plant/", program="/bin/true"))
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")
    if "--threshold" in analyze("--help").stdout:
        rated = analyze("security", "--offline=true", "--threshold=30", unit)
        assert rated.returncode == 0, rated.stdout[-200:]


def test_a_follower_takes_the_ca_of_the_plant(capsys: pytest.CaptureFixture[str]) -> None:
    ca = "/var/lib/lineside/tls/releases-ca.pem"
    assert main(["unit", "--follow", "https://releases.plant/", "--ca", ca]) == 0
    line = f"--root /var/lib/lineside --from https://releases.plant/ --ca {ca}\n"
    assert line in capsys.readouterr().out
    assert main(["unit", "--ca", ca]) == 2
    assert "--ca: is of no use alone: add --follow URL" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"--ca: .*no absolute path"):
        follow_text("https://releases.plant/", ca="ca.pem")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to lose")
def test_the_follower_may_use_a_tpm_that_belongs_to_another_group(tmp_path: Path) -> None:
    """Debian's udev rule makes /dev/tpmrm0 so: tss:tss, 0660."""
    unit = follow_text("https://releases.plant/")
    assert "\nDeviceAllow=/dev/tpmrm0 rw\n" in unit
    bounding = re.search(r"^CapabilityBoundingSet=(.+)$", unit, re.MULTILINE)
    assert bounding is not None
    kept = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in bounding[1].split())
    node = tmp_path / "tpmrm0"
    node.touch()
    node.chmod(0o660)
    os.chown(node, 12345, 12345)
    words = ["setpriv", "--bounding-set", f"-all{kept}", "sh", "-c", f"echo x >> {node}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("source", ["relative", "https://x/ -c evil", "/home/x", "https://$USER"])
def test_a_source_that_no_unit_can_hold_is_named(source: str) -> None:
    with pytest.raises(ConfigError, match=r"--follow: .*(no absolute path|no address|is hidden)"):
        follow_text(source)
