"""Quota, protection, and what a kill leaves of the evidence folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.evidence.choice import Choice
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.content import Content
from edge_agent.evidence.folder import protect, read_kept, unprotect
from edge_agent.evidence.record import EvidenceRecord
from edge_agent.evidence.store import EvidenceStore
from tests.station_kit import wait_until

TABLE = EvidenceTable(quota_mb=1, disk_share=1, keep_free_mb=0)
PAYLOAD = 20_000
ROOM = (1 << 20) // (4096 + 20480)
"""Items of PAYLOAD bytes that fit into 1 MB of blocks of 4 kB."""


def judged(verdict: Verdict = Verdict.FAIL, score: float | None = 0.9) -> ChannelVerdict:
    return ChannelVerdict(
        channel="top", bundle="b 1.0.0", verdict=verdict, score=score, threshold=0.5
    )


def record(number: int, content: int | None = None) -> EvidenceRecord:
    sha256 = f"{number if content is None else content:064x}"
    return EvidenceRecord(
        part_id=f"p{number}", kind="image", cause="fail", sha256=sha256,
        file=f"objects/{sha256[:2]}/{sha256}.png", captured_at_ns=number, verdict=judged(),
    )  # fmt: skip


def add(store: EvidenceStore, number: int, content: int | None = None) -> None:
    store.add(record(number, content), Content(os.urandom(PAYLOAD), ".png"), None)


def opened(folder: Path, table: EvidenceTable = TABLE) -> EvidenceStore:
    store = EvidenceStore(folder, table)
    store.open()
    return store


def parts_in(folder: Path) -> list[str]:
    return [one.record.part_id for one in read_kept(folder)]


def bytes_on_disk(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files)


def test_oldest_goes_first_and_the_quota_holds(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(100):
        add(store, number)
        if number % 20 == 19:
            assert bytes_on_disk(tmp_path) == store.used_bytes <= 1 << 20
    assert parts_in(tmp_path) == [f"p{number}" for number in range(100 - ROOM, 100)]


def test_share_of_the_disk_is_the_limit_where_it_is_less(tmp_path: Path) -> None:
    store = opened(tmp_path, TABLE.model_copy(update={"disk_share": 1e-12}))
    with pytest.raises(StorageError, match="fills the quota of 0 MB"):
        add(store, 1)


def test_protected_items_stay_until_they_are_unprotected(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(5):
        add(store, number)
    stems = {one.record.part_id: one.stem for one in read_kept(tmp_path)}
    protect(tmp_path, stems["p1"])
    protect(tmp_path, stems["p3"])
    for number in range(5, 60):
        add(store, number)
    store = opened(tmp_path)
    for number in range(60, 120):
        add(store, number)
    assert parts_in(tmp_path)[:2] == ["p1", "p3"]
    assert len(parts_in(tmp_path)) == ROOM
    unprotect(tmp_path, stems["p1"])
    store = opened(tmp_path)
    add(store, 120)
    assert parts_in(tmp_path)[0] == "p3"


def test_quota_full_of_protected_items_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path / "evidence")
    for number in range(ROOM):
        add(store, number)
    assert main(["evidence", "protect", str(tmp_path), "--part", "nobody"]) == 1
    assert main(["evidence", "protect", str(tmp_path)]) == 0
    with pytest.raises(StorageError, match="protected evidence fills the quota"):
        add(store, 99)
    assert main(["evidence", "unprotect", str(tmp_path), "--part", "p0"]) == 0
    add(store, 99)
    assert parts_in(tmp_path / "evidence")[-1] == "p99"
    assert "p0" not in parts_in(tmp_path / "evidence")


def test_one_content_of_two_parts_is_stored_once_and_goes_with_the_last(tmp_path: Path) -> None:
    store = opened(tmp_path)
    add(store, 1, content=7)
    add(store, 2, content=7)
    assert len(list((tmp_path / "objects").rglob("*.png"))) == 1
    for number in range(100, 141):
        add(store, number)
    number = 3
    while "p1" in parts_in(tmp_path):
        add(store, number, content=7)
        number += 1
    assert "p2" in parts_in(tmp_path)
    assert (tmp_path / record(2, 7).file).is_file()
    for later in range(200, 200 + 2 * ROOM):
        add(store, later)
    assert not (tmp_path / record(2, 7).file).exists()
    assert bytes_on_disk(tmp_path) == store.used_bytes


CHILD = """
import dataclasses, pathlib, sys
import numpy as np
sys.path.insert(0, {root!r})
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.recorder import EvidenceRecorder
from tests.edge_agent.evidence.test_recorder import observation
first = int(sys.argv[2])
table = EvidenceTable(quota_mb=1, disk_share=1, keep_free_mb=0, most_per_minute=100_000)
recorder = EvidenceRecorder(pathlib.Path(sys.argv[1]), table)
noise = np.random.default_rng(first)
for seq in range(first, first + 100_000):
    seen = observation(1, seq=seq)
    frame = dataclasses.replace(seen.item, image=noise.integers(0, 255, (96, 96, 3), np.uint8))
    recorder.observe(dataclasses.replace(seen, item=frame))
"""


def test_kill_during_writes_leaves_whole_pictures_and_no_rests(tmp_path: Path) -> None:
    root, dice = str(Path(__file__).parents[3]), random.Random(3)
    for first in (0, 100_000):
        words = [sys.executable, "-c", CHILD.format(root=root), str(tmp_path), str(first)]
        child = subprocess.Popen(words)
        wanted = f"p{first + dice.randrange(5, 20)}"
        assert wait_until(lambda part=wanted: part in parts_in(tmp_path), 60)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for one in read_kept(tmp_path):
            picture = cv2.imread(str(tmp_path / one.record.file))
            assert picture is not None
            assert picture.shape == (96, 96, 3)
    store = opened(tmp_path)
    assert bytes_on_disk(tmp_path) == store.used_bytes <= 1 << 20
    assert not list(tmp_path.rglob(".*"))


def test_what_a_kill_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    add(store, 1)
    add(store, 2)
    (tmp_path / record(2).file).unlink()
    lone = tmp_path / "objects" / "ab" / f"{'ab' * 32}.png"
    rests = [lone, lone.with_name(".x.png.1"), tmp_path / "records" / ".x.json.1",
             tmp_path / "records" / "gone.heat.png"]  # fmt: skip
    lone.parent.mkdir()
    for path in rests:
        path.write_bytes(b"half")
    store = opened(tmp_path)
    assert not any(path.exists() for path in rests)
    assert parts_in(tmp_path) == ["p1"]
    assert bytes_on_disk(tmp_path) == store.used_bytes


def test_an_hour_of_a_dead_lamp_does_not_push_out_the_fails() -> None:
    choice = Choice(EvidenceTable(most_per_minute=60), random.Random(1))
    causes = []
    for k in range(36_000):
        verdict = judged() if k % 200 == 0 else judged(Verdict.NO_VERDICT, None)
        causes.append(choice.cause(verdict, k * 100_000_000))
    assert causes.count("fail") == 180
    assert causes.count("no-verdict") == 60 * 60
    assert choice.beyond_limit == 36_000 - 180 - 60 * 60


def test_share_of_passes_and_the_unsure_ones() -> None:
    choice = Choice(EvidenceTable(pass_share=0.01, most_per_minute=100_000), random.Random(2))
    sure = [choice.cause(judged(Verdict.PASS, 0.1), 0) for _ in range(100_000)]
    assert abs(sure.count("sample") - 1000) < 150
    assert choice.cause(judged(Verdict.PASS, 0.46), 0) == "unsure"
    between = judged(Verdict.PASS, 0.1).model_copy(update={"interval": (0.05, 0.6)})
    assert choice.cause(between, 0) == "unsure"
