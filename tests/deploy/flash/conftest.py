"""Cards for the tests: loop devices over files, and one that wraps (FUSE with direct_io)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Attach = Callable[..., str]

LYING_CARD = Path(__file__).with_name("lying_card.py")


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Attach]:
    """`attach(file, *options)` gives a loop device over it; skipped where there is none."""
    devices: dict[str, Path] = {}

    def _attach(file: Path, *options: str) -> str:
        command = ["losetup", "--find", "--show", *options, str(file)]
        for _ in range(20):  # other programs look for a free device too
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                device = done.stdout.strip()
                devices[device] = file
                return device
        pytest.skip(f"NOT TESTED: no loop device for a card here: {done.stderr.strip()}")

    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: loop devices need root")
    yield _attach
    for device, file in devices.items():
        _detach(device, file)


def _detach(device: str, file: Path) -> None:
    """Give the device back, unless it is another's: a free one is soon taken by someone else."""
    backing = Path("/sys/block") / Path(device).name / "loop" / "backing_file"
    if backing.exists() and backing.read_text().startswith(str(file)):
        subprocess.run(["losetup", "-d", device], check=False)


@pytest.fixture
def lying_card(tmp_path: Path, attach: Attach) -> Iterator[Callable[..., tuple[str, Path]]]:
    """A card whose controller lies or fails: a device, and the file that is its true memory."""
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as error:  # the latter without libfuse (apt install libfuse2)
        pytest.skip(f"NOT TESTED: mfusepy and FUSE make the lying card: {error}")
    if not Path("/dev/fuse").exists():
        pytest.skip("NOT TESTED: no /dev/fuse here")
    started: list[tuple[subprocess.Popen[bytes], Path]] = []

    def start(*options: str) -> tuple[str, Path]:
        folder, memory = tmp_path / "fuse", tmp_path / "memory"
        folder.mkdir()
        command = [sys.executable, str(LYING_CARD), str(folder), str(memory), *options]
        started.append((subprocess.Popen(command), folder))
        deadline = time.monotonic() + 30
        while not (folder / "card").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return attach(folder / "card"), memory

    yield start
    for child, folder in started:
        # The loop device lets go of the file first.
        for name in subprocess.run(
            ["losetup", "-n", "-O", "NAME", "-j", str(folder / "card")],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split():
            subprocess.run(["losetup", "-d", name], check=False)
        subprocess.run(["umount", str(folder)], check=False, capture_output=True)
        child.terminate()
        child.wait(10)
