"""kill -9 at random moments of installs and rollbacks: the current bundle is always whole.

A killed process loses no write the kernel already has, so this finds wrong order and half-made
names, not a missing fsync; tests/faults/test_slots_power.py cuts the power.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from edge_agent.contracts.model.bundle import Bundle, read_bundle, write_bundle
from edge_agent.update.slots import install, rollback, status
from tests.signing_kit import open_workshop

KILLS = 25
BATCH = 100
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def passes(_: Bundle) -> None:
    """The self-test has no part in this."""


def install_all(told: Connection, files: list[Path], root: Path, trust: Path) -> None:
    """Install one after the other; say the number of each that is done."""
    told.send(-1)
    for number, file in enumerate(files):
        install(file, root, passes, trust=trust)
        told.send(number)


def swing(told: Connection, root: Path) -> None:
    """Go back and forth without end."""
    told.send(-1)
    while True:
        rollback("brightness", root, passes)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """Signed bundles of rising versions, each larger than a page, and their public key."""
    workshop = open_workshop(tmp_path_factory.mktemp("workshop"))
    plain = read_bundle(workshop.unsigned())
    files = {**plain.files, "golden/pad.bin": random.Random(1).randbytes(60_000)}
    made = []
    for number in range(BATCH):
        path = workshop.folder / f"{number:04d}.bundle"
        manifest = plain.manifest.model_copy(update={"version": f"1.0.{number}"})
        write_bundle(path, manifest, files)
        made.append(path)
    workshop.sign(*made)
    return made, workshop.public


def kill_soon(target: object, words: tuple[object, ...], wait_s: float) -> list[int]:
    """Start a process, kill it after `wait_s`; the numbers that it had told."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    child = CONTEXT.Process(target=target, args=(theirs, *words))
    child.start()
    theirs.close()
    assert ours.poll(30), "the child did not start"
    numbers = [ours.recv()]
    time.sleep(wait_s)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    while ours.poll():
        try:
            numbers.append(ours.recv())
        except EOFError:
            break
    return numbers


def test_killed_installs_leave_the_old_bundle_or_the_new_one(
    bundles: tuple[list[Path], Path], tmp_path: Path
) -> None:
    files, public = bundles
    root = tmp_path / "station"
    install(files[0], root, passes, trust=public)
    started = time.monotonic()
    install(files[1], root, passes)
    longest_s = 4 * (time.monotonic() - started)
    chance = random.Random(2)
    done, cut_short = 1, 0
    for turn in range(4 * KILLS):
        if done > BATCH - 20 or (turn >= KILLS and done > 5 and cut_short):
            break
        batch = files[done + 1 :]
        told = kill_soon(install_all, (batch, root, public), chance.uniform(0, longest_s))
        confirmed = done + 1 + max(told)
        (slot,) = status(root)
        assert slot.fault == ""
        number = int(slot.version.rsplit(".", 1)[1])
        assert number in (confirmed, confirmed + 1)
        assert slot.min_version == slot.version
        home = root / "bundles" / "brightness"
        begun = (*(home / "slots").glob(".new*"), *home.glob(".cur*"), *home.glob(".prev*"))
        cut_short += number != confirmed or bool(begun)
        # On a busy computer an install takes longer than the first one did, or that one did.
        # A kill that lets few through spends few bundles until one falls into an install.
        longest_s *= 1.3 if number == done else 0.5 if number > done + 2 else 1.0
        done = number
    assert done > 5
    install(files[done + 1], root, passes)
    assert status(root)[0].previous == f"1.0.{done}"
    home = root / "bundles" / "brightness"
    assert len(list((home / "slots").iterdir())) == 2
    assert not [path for path in home.iterdir() if path.name.startswith((".cur", ".prev", ".fl"))]
    assert cut_short > 0, "no kill fell into an install; make the waits shorter"


def test_killed_rollbacks_leave_one_of_the_two(
    bundles: tuple[list[Path], Path], tmp_path: Path
) -> None:
    files, public = bundles
    root = tmp_path / "station"
    chance = random.Random(3)
    for _ in range(KILLS // 3):
        for file in files[:2]:
            try_install(file, root, public)
        kill_soon(swing, (root,), chance.uniform(0, 0.02))
        (slot,) = status(root)
        assert slot.fault == ""
        assert slot.version in ("1.0.0", "1.0.1")
        assert slot.previous in ("1.0.0", "1.0.1")
        assert slot.min_version == "1.0.1"


def try_install(file: Path, root: Path, public: Path) -> None:
    """Install where the floor allows it."""
    known = status(root) if root.is_dir() else []
    if not known or file.name != "0000.bundle":
        install(file, root, passes, trust=public)
