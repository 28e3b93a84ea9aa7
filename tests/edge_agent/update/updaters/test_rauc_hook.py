"""The hook of a RAUC bundle: what it does by itself, and what Debian's rauc does with it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import StorageError
from edge_agent.update.bundle_update import journal_of
from edge_agent.update.handed_over import HandOver
from edge_agent.update.updater import Call
from edge_agent.update.updaters.rauc import IMAGE, UPDATER
from tests.edge_agent.rollout.rollout_kit import Line
from tests.edge_agent.update.updaters.updater_kit import (
    agent_program,
    disarming,
    need,
    packed,
    run,
    say_state,
    station,
    version,
)
from tests.station_kit import wait_until

SYSTEM = """[system]
compatible=press
bootloader=noop
mountprefix={folder}/mnt
statusfile={folder}/central.status

[keyring]
path={folder}/cert.pem
use-bundle-signing-time=true

[slot.rootfs.0]
device={folder}/root0
type=raw
bootname=system0

[slot.lineside.0]
device={folder}/slot0
type=raw
"""
SERVICE = """export DBUS_STARTER_BUS_TYPE=session
rauc --conf={folder}/system.conf --override-boot-slot=system0 service 2>{folder}/service.log &
service=$!
for i in 1 2 3 4 5 6 7 8 9 10; do rauc status >/dev/null 2>&1 && break; sleep 0.5; done
rauc install {bundle}; code=$?
cat {folder}/service.log >&2
kill $service
exit $code
"""


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return station(tmp_path)


def test_the_hook_brings_the_image_to_its_end(
    line: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--root", str(line.root), "--probation", "0"]
    assert main(["updater", "rauc", "slot-post-install", *words]) == 0
    monkeypatch.delenv("RAUC_IMAGE_NAME", raising=False)
    assert main(["updater", "rauc", "slot-install", *words]) == 2
    assert "RAUC_IMAGE_NAME is not set" in capsys.readouterr().err
    monkeypatch.setenv("RAUC_IMAGE_NAME", str(packed(line, "1.1.0")))
    assert main(["updater", "rauc", "slot-install", *words]) == 0
    assert version(line) == "1.1.0"


def test_a_hook_that_fails_leaves_nothing_at_work(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = packed(line, "1.1.0")
    monkeypatch.setenv(IMAGE, str(release))
    options = argparse.Namespace(hook="slot-install", probation=0.0)
    call = Call(options, line.station(), print, threading.Event)

    bring = HandOver.bring

    def refuse(hand_over: HandOver, payload: Path, **_: object) -> None:
        bring(hand_over, payload)  # it waits at `commit`
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(HandOver, "bring", refuse)
        with pytest.raises(StorageError, match="the disk is full"):
            UPDATER.run(call)
    assert version(line) == "1.0.0"
    assert UPDATER.run(call) == 0
    assert version(line) == "1.1.0"


def hook(line: Line, release: Path, probation_s: float) -> subprocess.Popen[bytes]:
    """The hook as a process of its own, as RAUC calls it."""
    words = ["updater", "rauc", "slot-install", "--root", str(line.root)]
    return subprocess.Popen(
        [sys.executable, "-m", "edge_agent", *words, f"--probation={probation_s}"],
        env={**os.environ, IMAGE: str(release)},
    )


@pytest.mark.parametrize("then", ["1.1.0", "1.2.0"], ids=["the same again", "another one"])
def test_what_a_killed_hook_left_at_work_is_ended_by_the_next(line: Line, then: str) -> None:
    """Killed in the probation: nobody else would go on with it."""
    say_state(line, "armed", "brightness 1.1.0")
    first = packed(line, "1.1.0")
    killed = hook(line, first, 3)
    assert wait_until(lambda: state_of(line) == "probation", 120)
    killed.kill()
    killed.wait()
    assert state_of(line) == "probation"
    following = first if then == "1.1.0" else packed(line, then)
    assert hook(line, following, 0).wait(300) == 0
    assert (version(line), state_of(line)) == (then, "done")


def test_what_waits_for_a_commit_that_no_hook_makes_is_committed(line: Line) -> None:
    """As a hook of an earlier version left it that was killed between its two steps."""
    HandOver(line.station(), "rauc 0123", probation_s=0).bring(packed(line, "1.1.0"))
    assert state_of(line) == "commit"
    assert hook(line, packed(line, "1.2.0"), 0).wait(300) == 0
    assert (version(line), state_of(line)) == ("1.2.0", "done")
    assert main(["slots", "rollback", "brightness", "--root", str(line.root)]) == 0
    assert version(line) == "1.1.0"


def test_the_update_of_another_updater_is_not_ended_by_a_hook(line: Line) -> None:
    other = HandOver(line.station(), "mender 0123", probation_s=0)
    other.bring(packed(line, "1.1.0"))
    mine = HandOver(line.station(), "rauc 4567", probation_s=0, retry_s=0.0)
    with pytest.raises(StorageError, match="another update is in the state commit"):
        mine.bring(packed(line, "1.2.0"), waits=False)
    assert state_of(line) == "commit"
    assert version(line) == "1.1.0"


def state_of(line: Line) -> str:
    journal = journal_of(line.root)
    return "" if journal is None else journal.state


class Rauc:
    """RAUC's service with slots that are files, on a bus of its own."""

    def __init__(self, line: Line) -> None:
        need("rauc", "mksquashfs", "dbus-run-session", "openssl")
        self.line = line
        self.folder = line.folder / "rauc"
        (self.folder / "mnt").mkdir(parents=True)
        for slot in ("root0", "slot0"):
            (self.folder / slot).touch()
        (self.folder / "system.conf").write_text(SYSTEM.format(folder=self.folder))
        words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=plant -batch"
        files = ["-keyout", "key.pem", "-out", "cert.pem"]
        assert run([*words.split(), *files], self.folder).returncode == 0
        self.program = agent_program(self.folder)

    def bundle(self, version: str, probation_s: float = 0.0, score_off: float = 0.0) -> Path:
        """`lineside-deploy pack --rauc` of a new release."""
        signature = ["--cert", f"{self.folder}/cert.pem", "--key", f"{self.folder}/key.pem"]
        there = ["--program", str(self.program), "--root", str(self.line.root)]
        words = ["--rauc", "press", *signature, *there, "--probation", str(probation_s)]
        release = packed(self.line, version, *words, score_off=score_off)
        return release.with_suffix(".raucb")

    def install(self, bundle: Path) -> tuple[int, str]:
        """Exit code of `rauc install`, and what the service said."""
        script = SERVICE.format(folder=self.folder, bundle=bundle)
        done = run(["dbus-run-session", "--", "sh", "-c", script], self.folder)
        if "failed to set up loop device" in done.stderr.lower():
            pytest.skip("RAUC mounts its bundles: this needs root and loop devices")
        return done.returncode, done.stdout + done.stderr


@pytest.mark.integrations
@pytest.mark.timeout(600)
def test_rauc_installs_a_release(line: Line) -> None:
    rauc = Rauc(line)
    code, said = rauc.install(rauc.bundle("1.1.0"))
    assert code == 0, said
    assert version(line) == "1.1.0"
    assert (rauc.folder / "slot0").stat().st_size == 0


@pytest.mark.integrations
@pytest.mark.timeout(600)
def test_rauc_fails_where_the_station_refuses(line: Line) -> None:
    rauc = Rauc(line)
    code, said = rauc.install(rauc.bundle("1.1.0", score_off=0.5))
    assert code != 0
    assert version(line) == "1.0.0", said
    bundle = rauc.bundle("1.2.0", probation_s=60)
    with disarming(line, "brightness 1.2.0"):
        code, said = rauc.install(bundle)
    assert code != 0
    assert "failed its probation" in said
    assert version(line) == "1.0.0"
