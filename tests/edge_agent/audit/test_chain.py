"""The audit log finds every change; the truth is the file's own bytes before the mutation."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.audit.chain import Head
from edge_agent.audit.log import AuditLog
from edge_agent.audit.segments import HEAD_FILE, records, segments, verify
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import InputError

RECORDS = 60


def write_log(folder: Path, count: int = RECORDS, **limits: int) -> AuditLog:
    log = AuditLog(folder, clock=ManualClock(), **limits)
    log.open()
    for number in range(count):
        verdict = "FAIL" if number % 7 == 0 else "PASS"
        log.append("verdict", {"part_id": f"part-{number}", "verdict": verdict})
    log.close()
    return log


def edit(lines: list[bytes], dice: random.Random) -> list[bytes]:
    """Another byte somewhere in a line."""
    which = dice.randrange(len(lines))
    line = bytearray(lines[which])
    place = dice.randrange(len(line))
    line[place] ^= dice.randrange(1, 256)
    return [*lines[:which], bytes(line), *lines[which + 1 :]]


def delete(lines: list[bytes], dice: random.Random) -> list[bytes]:
    which = dice.randrange(len(lines))
    return lines[:which] + lines[which + 1 :]


def insert(lines: list[bytes], dice: random.Random) -> list[bytes]:
    which, copy = dice.randrange(len(lines) + 1), dice.choice(lines)
    return [*lines[:which], copy, *lines[which:]]


def swap(lines: list[bytes], dice: random.Random) -> list[bytes]:
    first, second = sorted(dice.sample(range(len(lines)), 2))
    swapped = list(lines)
    swapped[first], swapped[second] = lines[second], lines[first]
    return swapped


def truncate(lines: list[bytes], dice: random.Random) -> list[bytes]:
    whole = b"".join(lines)
    return whole[: dice.randrange(len(whole))].splitlines(keepends=True)


MUTATIONS = [edit, delete, insert, swap, truncate]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda one: one.__name__)
def test_every_mutation_is_found(
    tmp_path: Path, mutate: Callable[[list[bytes], random.Random], list[bytes]]
) -> None:
    write_log(tmp_path)
    [(_, path)] = segments(tmp_path)
    before = path.read_bytes()
    assert verify(tmp_path).whole
    dice = random.Random(4711)
    for _ in range(200):
        changed = b"".join(mutate(before.splitlines(keepends=True), dice))
        path.write_bytes(changed)
        assert changed == before or not verify(tmp_path).whole


def test_an_older_copy_is_found_by_the_head_that_the_plant_was_told(tmp_path: Path) -> None:
    folder, old = tmp_path / "audit", tmp_path / "old"
    write_log(folder)
    shutil.copytree(folder, old)
    head = write_log(folder, 5).head
    assert verify(folder, (head,)).whole
    shutil.rmtree(folder)
    shutil.copytree(old, folder)
    assert verify(folder).whole
    [fault] = verify(folder, (head,)).faults
    assert f"records up to {head.seq} were reported and are missing" in fault.what


def test_a_log_that_was_written_anew_is_found_by_a_reported_head(tmp_path: Path) -> None:
    head = write_log(tmp_path / "true").head
    write_log(tmp_path / "forged", RECORDS + 10)
    assert verify(tmp_path / "true", (head,)).whole
    forged = AuditLog(tmp_path / "other", clock=ManualClock())
    forged.open()
    for _ in range(RECORDS + 10):
        forged.append("verdict", {"verdict": "PASS"})
    forged.close()
    assert not verify(tmp_path / "other", (head,)).whole


def test_segments_follow_each_other_and_a_missing_one_is_found(tmp_path: Path) -> None:
    write_log(tmp_path, 200, segment_bytes=4096)
    files = segments(tmp_path)
    assert len(files) > 4
    found = verify(tmp_path)
    assert found.whole
    assert [record["seq"] for record in records(tmp_path)] == list(range(found.records))
    files[2][1].unlink()
    assert "are missing" in verify(tmp_path).faults[0].what


def test_what_the_quota_removes_is_told_and_what_another_removes_is_a_fault(tmp_path: Path) -> None:
    write_log(tmp_path, 400, segment_bytes=4096, quota_bytes=16384)
    found = verify(tmp_path)
    assert found.whole
    assert found.first_seq > 0
    assert sum(path.stat().st_size for _, path in segments(tmp_path)) < 16384 + 2 * 4096
    segments(tmp_path)[0][1].unlink()
    [fault] = verify(tmp_path).faults
    assert "no record says why" in fault.what


def test_a_record_that_a_power_cut_left_half_is_cut_and_named(tmp_path: Path) -> None:
    write_log(tmp_path)
    [(_, path)] = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-80:-20])
    write_log(tmp_path, 1)
    assert verify(tmp_path).whole
    assert [r["bytes_cut"] for r in records(tmp_path) if r["kind"] == "recovered"] == [60]


@pytest.mark.parametrize("damage", [b"[" * 99_999, None], ids=["deep", "no line ends"])
def test_a_segment_that_is_one_long_line_is_no_half_record(
    tmp_path: Path, damage: bytes | None
) -> None:
    write_log(tmp_path)
    [(_, path)] = segments(tmp_path)
    left = damage or path.read_bytes().replace(b"\n", b" ")
    path.write_bytes(left)
    write_log(tmp_path, 3)
    assert path.read_bytes() == left
    assert len(segments(tmp_path)) == 2
    assert not verify(tmp_path).whole


def test_a_log_that_was_changed_goes_on_in_a_new_segment_and_stays_a_fault(tmp_path: Path) -> None:
    write_log(tmp_path)
    [(_, path)] = segments(tmp_path)
    path.write_bytes(
        path.read_bytes().replace(b'"part-30","verdict":"PASS"', b'"part-30","verdict":"FAIL"')
    )
    write_log(tmp_path, 3)
    assert len(segments(tmp_path)) == 2
    assert not verify(tmp_path).whole


def test_a_missing_head_is_a_fault(tmp_path: Path) -> None:
    write_log(tmp_path)
    (tmp_path / HEAD_FILE).unlink()
    assert [fault.what for fault in verify(tmp_path).faults] == [
        "the head beside the log is missing or damaged"
    ]


@pytest.mark.parametrize("text", ["", "12", "x:" + "0" * 64, "١:" + "0" * 64, "1:" + "0" * 63])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no head of an audit log"):
        Head.parse(text)
