"""Debian's mender-client installs, commits and rolls back artifacts of `lineside-deploy pack`."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_agent.update.bundle_update import journal_of
from tests.edge_agent.rollout.rollout_kit import Line
from tests.edge_agent.update.updaters.updater_kit import (
    agent_program,
    disarming,
    need,
    packed,
    run,
    station,
    version,
)

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(600)]

MODULES, CONFIG = "/usr/share/mender/modules/v3", "/etc/mender"
DEVICE = "press"


class Client:
    """A Mender client whose modules are ours, in a mount namespace of its own."""

    def __init__(self, line: Line, probation_s: float = 0.0) -> None:
        need("mender", "mender-artifact", "unshare")
        self.folder = line.folder / "mender"
        modules, data = self.folder / "modules", self.folder / "data"
        shutil.copytree(MODULES, modules, ignore=lambda *_: [])
        data.mkdir()
        (self.folder / "etc").mkdir()
        (self.folder / "etc" / "mender.conf").write_text("{}")
        (self.folder / "etc" / "artifact_info").write_text("artifact_name=as-delivered\n")
        (data / "device_type").write_text(f"device_type={DEVICE}\n")
        module = modules / "lineside"
        options = f"--root {line.root} --probation {probation_s:g}"
        program = agent_program(self.folder)
        module.write_text(f'#!/bin/sh\nexec {program} updater mender "$@" {options}\n')
        module.chmod(0o755)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = ["--no-syslog", "--config", f"{CONFIG}/mender.conf"]
        client = shlex.join(["mender", *options, "--data", f"{self.folder}/data", *words])
        bind = f"mount --bind {self.folder}/modules {MODULES}"
        bind += f" && mount --bind {self.folder}/etc {CONFIG}"
        done = run(["unshare", "-m", "sh", "-c", f"{bind} && {client}"], self.folder)
        if "unshare failed" in done.stderr or "mount:" in done.stderr:
            pytest.skip("a mount namespace of its own needs root")
        return done


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return station(tmp_path)


def artifact(line: Line, version: str, score_off: float = 0.0) -> str:
    release = packed(line, version, "--mender", DEVICE, score_off=score_off)
    return str(release.with_suffix(".mender"))


def test_a_release_is_installed_and_committed(line: Line) -> None:
    client = Client(line)
    done = client("install", artifact(line, "1.1.0"))
    assert done.returncode == 0, done.stderr
    journal = journal_of(line.root)
    assert journal is not None
    assert (journal.state, version(line)) == ("commit", "1.1.0")
    done = client("commit")
    assert done.returncode == 0, done.stderr
    journal = journal_of(line.root)
    assert journal is not None
    assert (journal.state, version(line)) == ("done", "1.1.0")
    assert "brightness-1.1.0" in client("show-artifact").stdout


def test_a_release_is_rolled_back_by_a_person_and_comes_again(line: Line) -> None:
    client, path = Client(line), artifact(line, "1.1.0")
    assert client("install", path).returncode == 0
    assert version(line) == "1.1.0"
    done = client("rollback")
    assert done.returncode == 0, done.stderr
    assert version(line) == "1.0.0"
    assert client("install", path).returncode == 0
    assert client("commit").returncode == 0
    assert version(line) == "1.1.0"


def test_a_release_that_computes_otherwise_here_fails_in_mender(line: Line) -> None:
    client = Client(line)
    done = client("install", artifact(line, "1.1.0", score_off=0.5))
    assert done.returncode != 0
    assert "parity" in done.stderr.lower()
    assert version(line) == "1.0.0"
    assert client("commit").returncode == 2  # nothing is at work


def test_a_release_that_disarms_the_station_is_back_by_itself(line: Line) -> None:
    client, path = Client(line, probation_s=60), artifact(line, "1.1.0")
    with disarming(line, "brightness 1.1.0"):
        done = client("install", path)
    assert done.returncode != 0
    assert "failed its probation" in done.stderr
    assert version(line) == "1.0.0"


def test_an_older_release_is_refused(line: Line) -> None:
    client = Client(line)
    old, new = artifact(line, "1.1.0"), artifact(line, "1.2.0")
    assert client("install", new).returncode == 0
    assert client("commit").returncode == 0
    done = client("install", old)
    assert done.returncode != 0
    assert "is older than" in done.stderr
    assert version(line) == "1.2.0"
