"""RAUC itself, with the board's own system.conf, on an image; and GRUB, which obeys it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.carriers.rauc_system import ROOT, write_system_bundle
from deploy.image.filesystems import make_root
from deploy.image.grub import FOLDER
from deploy.image.layout import MIB, Span
from deploy.image.two_systems import read_two_systems, write_two_systems
from tests.deploy.image.grub_board import GrubBoard

pytestmark = pytest.mark.integrations

SERVICE = """
export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"
rauc --conf={conf} --override-boot-slot={system} service >{log} 2>&1 &
service=$!
trap 'kill $service' EXIT
tries=0
until rauc status >/dev/null 2>&1; do
    tries=$((tries + 1)); [ $tries -lt 100 ] || {{ cat {log}; exit 1; }}
    sleep 0.1
done
{command}
"""


class Board:
    """The board's file system below `root`, RAUC's slots on loop devices, GRUB in an image."""

    def __init__(self, folder: Path, grub: GrubBoard, devices: tuple[str, str]) -> None:
        self.grub = grub
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        self._log = folder / "rauc.log"
        new_signer(self.cert, self.key)
        root = folder / "board"
        write_two_systems(root, read_two_systems("press", self.cert, "1.0.0"))
        self._conf = root / "etc/rauc/system.conf"
        self._conf.write_text(self._conf.read_text().replace("=/", f"={root}/"))
        self._environment = root / "boot/firmware" / FOLDER / "grubenv"
        for place in (self._environment.parent, root / "dev/lineside", root / "run/rauc"):
            place.mkdir(parents=True)
        for name, device in zip("ab", devices, strict=True):
            (root / f"dev/lineside/system-{name}").symlink_to(device)

    def rauc(self, system: str, command: str) -> subprocess.CompletedProcess[str]:
        """What RAUC says to a command while `system` runs; GRUB finds then what it wrote."""
        self._environment.write_bytes(self.grub.environment)
        script = SERVICE.format(conf=self._conf, system=system, log=self._log, command=command)
        words = ["unshare", "--mount", "dbus-run-session", "--", "sh", "-c", script]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
        self.grub.write(self._environment.read_bytes())
        return done


def new_signer(cert: Path, key: Path) -> None:
    """A development certificate of RAUC's bundles."""
    text = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -batch"
    words = [*text.split(), "-subj", "/CN=plant", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def loops(image: Path, spans: tuple[Span, Span]) -> Iterator[tuple[str, str]]:
    """Block devices of two parts of an image."""
    devices: list[str] = []
    try:
        for span in spans:
            place = ["--offset", str(span.start), "--sizelimit", str(span.size)]
            words = ["losetup", "--find", "--show", *place, str(image)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"NOT TESTED: no loop device ({done.stderr.strip()})")
            devices.append(done.stdout.strip())
        yield devices[0], devices[1]
    finally:
        for device in devices:
            subprocess.run(["losetup", "-d", device], check=True)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    for program in ("rauc", "mksquashfs", "dbus-run-session", "grub-editenv"):
        if os.geteuid() != 0 or shutil.which(program) is None:
            pytest.skip(f"NOT TESTED: needs root and {program}")
    grub = GrubBoard(tmp_path)
    assert grub.layout.spare is not None
    with loops(grub.image, (grub.layout.root, grub.layout.spare)) as devices:
        yield Board(tmp_path, grub, devices)


def new_bundle(board: Board, folder: Path, cert: Path, key: Path) -> tuple[Path, bytes]:
    """A bundle, and the system in it. Of the format plain: verity needs the device mapper."""
    tree, content = folder / "tree", folder / "content"
    tree.mkdir()
    content.mkdir()
    (tree / "agent").write_bytes(os.urandom(1 << 20))
    root, size = content / ROOT, board.grub.layout.system.size
    with root.open("wb") as stream:
        stream.truncate(size)
    make_root(root, Span(0, size), tree)
    system = root.read_bytes()
    out = folder / "b.raucb"
    write_system_bundle(content, out, "press", "2.0.0", cert, key, form="plain")
    return out, system


def status(board: Board, system: str) -> dict[str, Any]:
    """RAUC's own word on its slots."""
    done = board.rauc(system, "rauc status --output-format=json")
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_rauc_writes_the_system_that_does_not_run_and_grub_tries_it(
    board: Board, tmp_path: Path
) -> None:
    bundle, system = new_bundle(board, tmp_path, board.cert, board.key)
    assert board.grub.start() == "A"
    done = board.rauc("A", "rauc status mark-active booted")
    assert done.returncode == 0, done.stdout + done.stderr
    done = board.rauc("A", f"rauc install {bundle}")
    assert done.returncode == 0, done.stdout + done.stderr
    spare = board.grub.layout.spare
    assert spare is not None
    with board.grub.image.open("rb") as stream:
        stream.seek(spare.start)
        assert stream.read(len(system)) == system
        stream.seek(board.grub.layout.root.start)
        assert not any(stream.read(MIB)), "the system that runs is left alone"
    assert [board.grub.start() for _ in range(4)] == ["B", "B", "B", "A"]
    found = status(board, "A")
    assert (found["compatible"], found["booted"]) == ("press", "A")
    done = board.rauc("A", "rauc status mark-active booted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert board.grub.read()["ORDER"] == "A B"
    assert board.grub.start() == "A"


def test_a_new_system_that_is_marked_good_stays(board: Board, tmp_path: Path) -> None:
    bundle, _ = new_bundle(board, tmp_path, board.cert, board.key)
    assert board.rauc("A", f"rauc install {bundle}").returncode == 0
    for _ in range(5):
        assert board.grub.start() == "B"
        assert board.rauc("B", "rauc status mark-active booted").returncode == 0


def test_a_bundle_that_a_stranger_signed_is_refused(board: Board, tmp_path: Path) -> None:
    cert, key = tmp_path / "stranger.pem", tmp_path / "stranger.key"
    new_signer(cert, key)
    bundle, _ = new_bundle(board, tmp_path, cert, key)
    before = board.grub.environment
    done = board.rauc("A", f"rauc install {bundle}")
    assert done.returncode == 1
    assert "signature" in done.stdout + done.stderr
    assert board.grub.environment == before
