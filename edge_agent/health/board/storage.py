"""The folders that the station writes: mounted for writing, with space, inodes and speed.

Source: proc(5), /proc/PID/mountinfo.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.health.board.board import Board, Folder, User, rights

MEASURED_S = 1.0
"""Longest time that is spent on a folder's speed."""
WRITES = 20
SLOW_MS = 100.0
"""A durable write that takes longer lets the outbox fall behind a fast line."""
FEW_INODES = 1000
FORGETS = ("tmpfs", "ramfs", "overlay")
"""File systems whose files may be gone after a power cut."""


def check_storage(board: Board) -> Iterator[CheckResult]:
    """Mount, space and speed of every folder that the station writes."""
    mounts = read_mounts(board.text("proc/self/mountinfo"))
    for folder in board.needs.folders:
        if not folder.path.is_dir():
            cure = f"sudo install -d -o {board.user.name} -m 750 {folder.path}"
            yield CheckResult(folder.name, "WARN", f"{folder.path} is not there yet", cure)
            continue
        yield from _mount(folder, mounts)
        yield from _right(board.user, folder)
        try:
            yield check_space(folder)
            yield _speed(folder)
        except StorageError as error:
            yield CheckResult(folder.name, "FAIL", f"{error.where}: {error.what}", error.cure)
        yield from _inodes(folder)


def check_space(folder: Folder) -> CheckResult:
    """Whether it can be written and has room; raises StorageError where it cannot be written."""
    took_ms = _durable_write_ms(folder.path)
    disk = os.statvfs(folder.path)
    free_mb = disk.f_bavail * disk.f_frsize / (1 << 20)
    detail = f"{folder.path}: {free_mb:.0f} MB free, a durable write takes {took_ms:.1f} ms"
    if free_mb >= folder.needed_mb:
        return CheckResult(folder.name, "OK", detail)
    cure = f"free {folder.needed_mb - free_mb:.0f} MB, or {folder.cure}"
    detail = f"{detail}; {folder.needed_mb:.0f} MB are needed"
    return CheckResult(folder.name, "FAIL", detail, cure)


@dataclass(frozen=True)
class Mount:
    """One file system of the tree; read_only: by the mount or by the file system itself."""

    point: str
    kind: str
    read_only: bool


def read_mounts(text: str) -> list[Mount]:
    """The mounts that a mountinfo lists; a line of another form is left out."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) >= 6 and len(right) >= 3:
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left[4])
            options = {*left[5].split(","), *right[2].split(",")}
            found.append(Mount(point, right[0], "ro" in options))
    return found


def _mount(folder: Folder, mounts: list[Mount]) -> Iterator[CheckResult]:
    """Nothing where it is as it should be."""
    path = folder.path.resolve()
    holders = [mount for mount in mounts if path.is_relative_to(mount.point)]
    # Of two on one point the later one covers the earlier.
    holder = max(enumerate(holders), key=lambda m: (len(m[1].point), m[0]), default=None)
    if holder is None:
        return
    mount, what = holder[1], f"{folder.name} mount"
    detail = f"{mount.point} ({mount.kind})"
    if mount.read_only:
        cure = "look for errors of the card in `dmesg`; an image with a read-only root needs a "
        cure += "writable partition here"
        yield CheckResult(what, "FAIL", f"{detail} is mounted read-only", cure)
    elif mount.kind in FORGETS:
        cure = "put the folder on a partition of its own, or switch the overlay off"
        yield CheckResult(what, "WARN", f"{detail} may forget all at a power cut", cure)


def _right(user: User, folder: Folder) -> Iterator[CheckResult]:
    """Nothing where the user may write it; the probe may be root's."""
    if rights(user, folder.path.stat()) & 3 != 3:
        cure = f"sudo chown -R {user.name}: {folder.path}"
        yield CheckResult(f"{folder.name} owner", "FAIL", f"{user.name} may not write it", cure)


def _speed(folder: Folder) -> CheckResult:
    until, took_ms = time.monotonic() + MEASURED_S, [_durable_write_ms(folder.path)]
    while len(took_ms) < WRITES and time.monotonic() < until:
        took_ms.append(_durable_write_ms(folder.path))
    median, worst = statistics.median(took_ms), max(took_ms)
    detail = (
        f"a durable write takes {median:.1f} ms (median of {len(took_ms)}), at most {worst:.1f}"
    )
    return grade_speed(folder.name, median, detail)


def grade_speed(name: str, median_ms: float, detail: str) -> CheckResult:
    """WARN for a folder on a slow card."""
    if median_ms <= SLOW_MS:
        return CheckResult(f"{name} speed", "OK", detail)
    cure = "use a card of class A1 or better, an eMMC or an SSD; see what else writes to it"
    return CheckResult(f"{name} speed", "WARN", detail, cure)


def _inodes(folder: Folder) -> Iterator[CheckResult]:
    """Nothing where there are enough, or the file system counts none."""
    disk = os.statvfs(folder.path)
    if disk.f_files and disk.f_favail < FEW_INODES:
        cure = "remove small files; a new file system needs more inodes (mkfs.ext4 -N)"
        yield CheckResult(f"{folder.name} inodes", "FAIL", f"{disk.f_favail} are left", cure)


def _durable_write_ms(folder: Path) -> float:
    probe = folder / ".check"
    started = time.perf_counter()
    write_atomic(probe, b"check")
    took_ms = (time.perf_counter() - started) * 1e3
    probe.unlink()
    return took_ms
