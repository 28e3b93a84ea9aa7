"""The count of acted parts: exact after a kill, bounded after a power cut, never too small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.messaging.acted_counter import ActedCounter, LastRun

ACTOR = """
import os, sys
from pathlib import Path
from edge_agent.messaging.acted_counter import ActedCounter
counter = ActedCounter(Path(sys.argv[1]), memory=Path(sys.argv[2]))
counter.begin(7)
while True:
    number = counter.take()
    os.write(1, f"{number}\\n".encode())
    counter.reserve_ahead()
"""


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A folder in the place of /dev/shm."""
    folder = tmp_path / "shm"
    folder.mkdir()
    return folder


def cut_power(memory: Path) -> None:
    """What a power cut leaves of shared memory."""
    for path in memory.iterdir():
        path.unlink()


def test_first_start_knows_of_no_run(tmp_path: Path, memory: Path) -> None:
    assert ActedCounter(tmp_path, memory=memory).last_run() is None


def test_orderly_end_is_exact_even_without_the_memory(tmp_path: Path, memory: Path) -> None:
    counter = ActedCounter(tmp_path, memory=memory, block=4)
    counter.begin(7)
    assert [counter.take() for _ in range(11)] == list(range(11))
    counter.end()
    cut_power(memory)
    assert ActedCounter(tmp_path, memory=memory).last_run() == LastRun(7, 11, exact=True)


@pytest.mark.parametrize("moment", range(5))
def test_count_survives_kill_9_as_the_actor_told_it(
    tmp_path: Path, memory: Path, moment: int
) -> None:
    words = [sys.executable, "-c", ACTOR, str(tmp_path), str(memory)]
    actor = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert actor.stdout is not None
    for _ in range(50 + 111 * moment):
        actor.stdout.readline()
    actor.send_signal(signal.SIGKILL)
    acted = 50 + 111 * moment + actor.stdout.read().count(b"\n")
    actor.wait()
    actor.stdout.close()
    last = ActedCounter(tmp_path, memory=memory).last_run()
    assert last is not None
    assert last.exact
    assert last.given - acted in (0, 1), "one number may be taken and not acted on"


def test_power_cut_leaves_a_bound_that_is_not_too_small(tmp_path: Path, memory: Path) -> None:
    counter = ActedCounter(tmp_path, memory=memory, block=8)
    counter.begin(7)
    for taken in range(1, 101):
        counter.take()
        counter.reserve_ahead()
        last = ActedCounter(tmp_path, memory=memory).last_run()
        assert last == LastRun(7, taken, exact=True)
        other = ActedCounter(tmp_path, memory=tmp_path / "nowhere").last_run()
        assert other is not None
        assert taken <= other.given <= taken + 8
        assert not other.exact


def test_old_page_of_before_a_power_cut_is_not_exact(tmp_path: Path) -> None:
    counter = ActedCounter(tmp_path, memory=tmp_path / "none", block=64, boot="one")
    counter.begin(7)
    counter.take()
    again = ActedCounter(tmp_path, memory=tmp_path / "none", boot="two")
    assert again.last_run() == LastRun(7, 64, exact=False)


def test_a_start_that_is_killed_before_its_record_leaves_the_last_runs_count(
    tmp_path: Path, memory: Path
) -> None:
    first = ActedCounter(tmp_path, memory=memory)
    first.begin(7)
    for _ in range(5):
        first.take()
    (tmp_path / "acted.json").rename(tmp_path / "kept")
    (tmp_path / "acted.json").mkdir()  # the record of the next run cannot be put there
    with pytest.raises(StorageError):
        ActedCounter(tmp_path, memory=memory).begin(8)
    (tmp_path / "acted.json").rmdir()
    (tmp_path / "kept").rename(tmp_path / "acted.json")
    assert ActedCounter(tmp_path, memory=memory).last_run() == LastRun(7, 5, exact=True)


def test_memory_of_a_stranger_is_not_believed(tmp_path: Path, memory: Path) -> None:
    counter = ActedCounter(tmp_path, memory=memory)
    counter.begin(7)
    counter.take()
    (shared,) = memory.iterdir()
    target = tmp_path / "theirs"
    target.write_bytes(shared.read_bytes())
    shared.unlink()
    shared.symlink_to(target)
    last = ActedCounter(tmp_path, memory=memory).last_run()
    assert last is not None
    assert not last.exact


def test_one_file_of_shared_memory_stays_however_often_it_starts(
    tmp_path: Path, memory: Path
) -> None:
    for epoch in range(5):
        counter = ActedCounter(tmp_path, memory=memory)
        counter.begin(epoch)
        counter.close()
    assert len(list(memory.iterdir())) == 1


def test_threads_never_get_one_number_twice(tmp_path: Path, memory: Path) -> None:
    counter = ActedCounter(tmp_path, memory=memory)
    counter.begin(1)
    taken: list[int] = []

    def take() -> None:
        taken.extend(counter.take() for _ in range(500))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(2000))
    assert counter.given == 2000


def test_damaged_record_is_named_and_the_count_begins_anew(
    tmp_path: Path, memory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "acted.json").write_bytes(os.urandom(40))
    counter = ActedCounter(tmp_path, memory=memory)
    assert counter.last_run() is None
    assert "acted.json cannot be read" in caplog.text
    counter.begin(1)
    assert counter.take() == 0
