"""Python, the runtime and the libraries, and whether they fit the kernel's page size."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board, number


def check_software(board: Board) -> Iterator[CheckResult]:
    """What runs the agent, and what the drivers of station.toml need."""
    yield _python()
    yield _runtime(board)
    yield from _libraries(board)
    yield _page_size(board)


def smallest_alignment(path: Path) -> int | None:
    """Of the segments that are mapped, in bytes; None for what is no 64-bit little-endian ELF.

    Source: elf(5).
    """
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            return None
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        table = file.read(size * count)
    if size < 56 or len(table) < size * count:
        return None
    rows = (table[at : at + size] for at in range(0, size * count, size))
    found = [struct.unpack_from("<Q", row, 48)[0] for row in rows if row[:4] == b"\x01\0\0\0"]
    return min(found, default=None)


def _python() -> CheckResult:
    bits = 8 * struct.calcsize("P")
    detail = f"{sys.version.split()[0]}, {bits} bits, {sys.executable}"
    if bits != 64:
        cure = "install the 64-bit system: the runtime has no wheels for 32 bits"
        return CheckResult("python", "FAIL", detail, cure)
    return CheckResult("python", "OK", detail)


def _runtime(board: Board) -> CheckResult:
    found = []
    for name in board.needs.runtimes:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    if found:
        return CheckResult("runtime", "OK", ", ".join(found))
    detail = f"none of {', '.join(board.needs.runtimes)} is installed"
    return CheckResult("runtime", "FAIL", detail, "pip install 'lineside[device]'")


def _libraries(board: Board) -> Iterator[CheckResult]:
    for library in board.needs.libraries:
        if find_spec(library.module) is None:
            detail = "is not installed; a driver of station.toml needs it"
            yield CheckResult(library.name, "FAIL", detail, library.cure)
        else:
            yield CheckResult(library.name, "OK", "installed")


def _page_size(board: Board) -> CheckResult:
    lines = board.text("proc/self/smaps").splitlines()
    words = next((line.split() for line in lines if line.startswith("KernelPageSize:")), [])
    size_kb = number(words[1]) if len(words) == 3 else None
    if size_kb is None:
        return CheckResult("page size", "UNKNOWN", "the kernel does not tell it")
    sizes = ((path, smallest_alignment(path)) for path in board.needs.native)
    small = [path.name for path, size in sizes if size is not None and size < size_kb * 1024]
    if not small:
        return CheckResult("page size", "OK", f"{size_kb} KiB, every library fits")
    detail = f"{size_kb} KiB; {', '.join(small)} was built for smaller pages and cannot be loaded"
    cure = "kernel=kernel8.img in /boot/firmware/config.txt (a kernel with pages of 4 KiB) and "
    return CheckResult("page size", "FAIL", detail, f"{cure}restart, or a newer runtime")
