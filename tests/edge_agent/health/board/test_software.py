"""Python, runtime, libraries, and shared objects against the kernel's page size."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.extras import Library
from edge_agent.health.board.board import Needs
from edge_agent.health.board.software import check_software, smallest_alignment
from tests.board_trees import PI5, board, plant


def results(root: Path, needs: Needs) -> dict[str, CheckResult]:
    return {result.what: result for result in check_software(board(root, needs))}


def write_elf(path: Path, *alignments: int) -> Path:
    """An ELF file of elf(5) with a segment for each alignment, and a PT_NOTE of 4 bytes."""
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack(
        "<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, 64, 56, len(alignments) + 1, 0, 0, 0
    )
    rows = [(1, align) for align in alignments] + [(4, 4)]
    table = b"".join(struct.pack("<IIQQQQQQ", kind, 5, 0, 0, 0, 0, 0, at) for kind, at in rows)
    path.write_bytes(head + table)
    return path


def test_alignment_is_that_of_the_mapped_segments(tmp_path: Path) -> None:
    assert smallest_alignment(write_elf(tmp_path / "a.so", 0x10000, 0x1000)) == 0x1000
    (tmp_path / "script").write_text("#!/bin/sh\n" * 20)
    assert smallest_alignment(tmp_path / "script") is None
    (tmp_path / "cut").write_bytes((tmp_path / "a.so").read_bytes()[:100])
    assert smallest_alignment(tmp_path / "cut") is None


@pytest.mark.parametrize(("align", "grade"), [(0x1000, "FAIL"), (0x4000, "OK"), (0x10000, "OK")])
def test_a_runtime_for_4_kib_does_not_fit_a_pi_5(tmp_path: Path, align: int, grade: str) -> None:
    library = write_elf(tmp_path / "runtime.so", align)
    found = results(plant(tmp_path, PI5), Needs(native=(library,)))["page size"]
    assert (found.grade, "16 KiB" in found.detail) == (grade, True)
    assert ("kernel8.img" in found.cure) == (grade == "FAIL")


def test_a_missing_runtime_and_library_are_faults_with_their_extra(tmp_path: Path) -> None:
    absent = Library("absent", "no_module_has_this_name", "gpio")
    debian = Library("camera", "no_module_has_that_name", debian="python3-camera")
    here = Library("pytest", "pytest", "dev")
    needs = Needs(runtimes=("no-runtime-has-this-name",), libraries=(absent, debian, here))
    found = results(tmp_path, needs)
    assert (found["runtime"].grade, found["absent"].grade) == ("FAIL", "FAIL")
    assert found["absent"].cure == "pip install 'lineside[gpio]'"
    assert found["camera"].cure.startswith("sudo apt install python3-camera")
    assert (found["pytest"].grade, found["python"].grade) == ("OK", "OK")
    assert found["page size"].grade == "UNKNOWN"


def test_versions_of_the_runtimes_are_shown(tmp_path: Path) -> None:
    found = results(tmp_path, Needs(runtimes=("no-runtime-has-this-name", "numpy")))["runtime"]
    assert (found.grade, found.detail.startswith("numpy ")) == ("OK", True)
