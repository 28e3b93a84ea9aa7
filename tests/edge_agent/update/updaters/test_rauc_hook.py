"""The hook of a RAUC bundle: what it does by itself, and what Debian's rauc does with it."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import StorageError
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
    station,
    version,
)

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

    def refuse(_: HandOver) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(HandOver, "commit", refuse)
        with pytest.raises(StorageError, match="the disk is full"):
            UPDATER.run(call)
    assert version(line) == "1.0.0"
    assert UPDATER.run(call) == 0
    assert version(line) == "1.1.0"


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
