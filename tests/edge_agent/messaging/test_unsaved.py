"""What waits for the disk is found by the next start of a killed agent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.hand_over import HandOver, Waiting
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row
from edge_agent.messaging.unsaved import Unsaved
from tests.edge_agent.messaging.outbox_kit import gaps_of, on_disk, rows_of

KILLED = """
import json, sys, time
from pathlib import Path
from tests.edge_agent.messaging.test_unsaved import opened
from tests.station_kit import verdict
outbox = opened(Path(sys.argv[1]), gather_s=60.0)
first = outbox.put(verdict(part_id="first"))
while not outbox.reader().newest():
    time.sleep(0.01)
print(json.dumps([first, *(outbox.put(verdict(part_id=f"part{k}")) for k in range(20))]))
sys.stdout.flush()
time.sleep(60)
"""


def opened(folder: Path, gather_s: float = 0.0) -> Outbox:
    """A started outbox in `folder`/state, with its shared memory in `folder`."""
    outbox = Outbox(
        OutboxStore(folder / "state", 64),
        ActedCounter(folder / "state", memory=folder),
        station="test",
        hand_over=1000,
        clock=SystemClock(),
        gather_s=gather_s,
        unsaved=Unsaved(folder / "state", memory=folder),
        probe_s=0.05,
    )
    outbox.start()
    return outbox


def begun(folder: Path, half_bytes: int = 4096) -> Unsaved:
    unsaved = Unsaved(folder / "state", memory=folder, half_bytes=half_bytes)
    unsaved.begin()
    return unsaved


def left_in(folder: Path) -> list[Row]:
    return Unsaved(folder / "state", memory=folder).last_run()


def seqs(folder: Path) -> list[int]:
    return [row.seq for row in left_in(folder)]


def test_a_killed_agent_loses_no_message_that_waited_for_the_disk(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    child.stdout.close()
    assert len(on_disk(tmp_path / "state")) == 1
    again = opened(tmp_path)
    rows = rows_of(again)
    again.stop()
    found = [f"test/{row.epoch}/{row.seq}" for row in rows if row.stream == "verdict"]
    assert sorted(found, key=lambda name: int(name.rpartition("/")[2])) == json.loads(said)
    assert gaps_of(rows) == []


def test_a_message_is_as_it_was_noted(tmp_path: Path) -> None:
    begun(tmp_path).note("17", 4, "verdict", b'{"part_id":"\xc3\xa9"}')
    assert left_in(tmp_path) == [Row(0, "17", 4, "verdict", b'{"part_id":"\xc3\xa9"}')]


def test_a_commit_empties_the_half_that_it_took_and_not_the_other(tmp_path: Path) -> None:
    unsaved = begun(tmp_path)
    unsaved.note("1", 0, "verdict", b"{}")
    unsaved.turn_over()
    unsaved.note("1", 1, "verdict", b"{}")
    assert seqs(tmp_path) == [0, 1]
    unsaved.saved(all_of_it=False)
    assert seqs(tmp_path) == [1]
    unsaved.turn_over()
    unsaved.note("1", 2, "verdict", b"{}")
    unsaved.turn_over()  # the commit failed: what it was about stays where it is
    assert seqs(tmp_path) == [1, 2]
    unsaved.saved(all_of_it=True)
    assert seqs(tmp_path) == []


def test_a_full_half_takes_no_more(tmp_path: Path) -> None:
    unsaved = begun(tmp_path, half_bytes=4096)
    for seq in range(20):
        unsaved.note("1", seq, "verdict", b"x" * 1000)
    assert seqs(tmp_path) == [0, 1, 2]
    unsaved.saved(all_of_it=True)
    unsaved.note("1", 20, "verdict", b"{}")
    assert seqs(tmp_path) == [20]


def test_what_was_changed_in_the_memory_is_no_message(tmp_path: Path) -> None:
    unsaved = begun(tmp_path)
    for seq in range(3):
        unsaved.note("1", seq, "verdict", b"payload")
    path = next(tmp_path.glob("lineside-unsaved-*"))
    text = path.read_bytes()
    at = text.index(b"payload", text.index(b"payload") + 1)
    path.write_bytes(text[:at] + b"P" + text[at + 1 :])
    assert seqs(tmp_path) == [0]
    path.write_bytes(b"short")
    assert seqs(tmp_path) == []


def test_a_link_in_shared_memory_is_not_followed(tmp_path: Path) -> None:
    begun(tmp_path).note("1", 0, "verdict", b"{}")
    path = next(tmp_path.glob("lineside-unsaved-*"))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert seqs(tmp_path) == []


def test_an_orderly_end_leaves_nothing_in_shared_memory(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.stop()
    assert [name for name in os.listdir(tmp_path) if "unsaved" in name] == []


def test_its_memory_is_reserved(tmp_path: Path) -> None:
    """The first write to a page that a full memory cannot give would end the process."""
    begun(tmp_path, half_bytes=1 << 16)
    (path,) = tmp_path.glob("lineside-unsaved-*")
    assert path.stat().st_blocks * 512 >= 2 << 16


def test_a_pipe_that_lies_there_holds_up_no_start(tmp_path: Path) -> None:
    begun(tmp_path).note("1", 0, "verdict", b"{}")
    (path,) = tmp_path.glob("lineside-unsaved-*")
    os.mkfifo(f"{path}0")
    assert seqs(tmp_path) == [0]


def test_what_a_full_disk_takes_by_and_by_stays_noted_until_all_is_written(tmp_path: Path) -> None:
    unsaved = begun(tmp_path, half_bytes=1 << 16)
    queue = HandOver(1000, 500, unsaved)
    for seq in range(20):
        queue.put(Waiting("1", seq, "verdict", b"{}"), "")
    queue.batch()
    queue.written(8, 8)
    assert seqs(tmp_path) == list(range(20))
    queue.batch()
    queue.written(12, 12)
    assert seqs(tmp_path) == []


def test_parts_that_end_out_of_order_are_found_after_a_kill(tmp_path: Path) -> None:
    """The later number was committed; the earlier one waited when the agent was killed."""
    killed = """
import sys, time, os, signal
from pathlib import Path
from tests.edge_agent.messaging.test_unsaved import opened
from tests.station_kit import verdict
outbox = opened(Path(sys.argv[1]), gather_s=60.0)
numbers = [outbox.take() for _ in range(4)]
outbox.put(verdict(part_id="p3"), numbers[3])
while not outbox.reader().newest():
    time.sleep(0.01)
outbox.put(verdict(part_id="p1"), numbers[1])
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False, timeout=60)
    again = opened(tmp_path)
    rows = rows_of(again)
    again.stop()
    assert sorted(row.seq for row in rows if row.stream == "verdict") == [1, 3]
    (gap,) = gaps_of(rows)
    assert gap["dropped"] == 2
