"""A part's number is given once, whatever becomes of the agent."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.station.counts import StationCounts
from edge_agent.station.part_numbers import FILE, PartNumbers
from edge_agent.station.trigger_watch import TriggerSet, TriggerWatch
from edge_agent.trigger.free_run import FreeRun, FreeRunTable
from tests.station_kit import wait_until

CHILD = """
import sys
from pathlib import Path
from edge_agent.station.part_numbers import PartNumbers
numbers = PartNumbers(Path(sys.argv[1]), block=8)
numbers.open()
while True:
    print(numbers.next(), flush=True)
"""


def test_numbers_count_up_from_one(tmp_path: Path) -> None:
    numbers = PartNumbers(tmp_path)
    numbers.open()
    assert [numbers.next() for _ in range(3)] == ["1", "2", "3"]


def test_next_start_goes_on_behind_the_reserved_numbers(tmp_path: Path) -> None:
    for first in ("1", "11"):
        numbers = PartNumbers(tmp_path, block=10)
        numbers.open()
        assert numbers.next() == first


def test_kill_repeats_no_number(tmp_path: Path) -> None:
    given: list[str] = []
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            given += [child.stdout.readline().strip() for _ in range(50)]
            child.send_signal(signal.SIGKILL)
    assert len(set(given)) == len(given)


def test_disk_that_cannot_be_written_leaves_numbers_that_no_other_start_has(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    numbers = PartNumbers(folder, block=4)
    numbers.open()
    (folder / FILE).unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    given = [numbers.next() for _ in range(6)]
    assert wait_until(lambda: numbers.fault)
    assert given[:4] == ["1", "2", "3", "4"]
    assert all("-" in number for number in given[4:])
    clock, table = ManualClock(), FreeRunTable(driver="free_run", period_s=1)
    trigger = FreeRun(table, name="beat", clock=clock)
    watch = TriggerWatch(trigger, clock=clock, counts=StationCounts(), numbers=numbers)
    assert TriggerSet({"trigger": watch}).warnings == [
        f"part numbers have a word behind them, none can be reserved: {numbers.fault}"
    ]


@pytest.mark.parametrize("text", ["", "x", "-3", "9" * 400, "9" * 5000])
def test_damaged_file_is_an_error_with_the_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StorageError, match="larger than any that was given"):
        PartNumbers(tmp_path).open()
