"""A disk that is really full: verdicts go on, the log says so once, and the gap is counted."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.subscriber import Subscriber
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.wire.kinds.part import PartMessage
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.ballast import BALLAST_BYTES
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from tests.station_kit import (
    fill_disk,
    mosquitto,
    small_disk,
    verdict,
    wait_until,
    write_frames,
    write_image_bundle,
    write_station,
)

PATIENT = "deadline_ms = 10000"
"""A busy machine must not disarm the station: its deadline has no part in these tests."""
MESSAGE = verdict(part_id="x" * 650)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, still empty."""
    with small_disk(tmp_path / "disk", "12m") as folder:
        yield folder


def open_outbox(state: Path, hand_over: int = 64) -> Outbox:
    outbox = Outbox(
        OutboxStore(state, 64),
        ActedCounter(state),
        station="test",
        hand_over=hand_over,
        clock=SystemClock(),
    )
    outbox.start()
    return outbox


def put(outbox: Outbox, count: int) -> list[str]:
    return [outbox.put(MESSAGE) for _ in range(count)]


def test_full_disk_is_outlived_and_its_gap_reported(
    disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = open_outbox(disk / "state")
    reader = outbox.reader()
    put(outbox, 50)
    assert wait_until(lambda: len(reader.after(0, 100).rows) == 50)
    filler = fill_disk(disk)
    for _ in range(100):
        put(outbox, 20)
        time.sleep(0.005)
    assert wait_until(lambda: outbox.fault)
    rows = reader.after(0, 10_000).rows
    outbox.confirm(rows[:40])
    assert wait_until(lambda: len(reader.after(0, 10_000).rows) == len(rows) - 40), (
        "what the receiver has could not be deleted from the full disk"
    )
    filler.unlink()
    assert wait_until(lambda: [r for r in reader.after(0, 10_000).rows if r.stream == "gap"])
    put(outbox, 1)
    assert wait_until(lambda: not outbox.fault)
    outbox.stop()
    check_books(disk / "state", 50 + 2000 + 1, 40)
    reader.close()
    said = [record.message for record in caplog.records if "not kept" in record.message]
    assert len(said) == 1
    assert "full" in said[0]
    assert "free some space" in said[0]


def part(number: int) -> PartMessage:
    values: dict[str, float | str | None] = {f"tag{k}": "x" * 60 for k in range(10)}
    return PartMessage(
        station="test", at_ns=number, channel="c", part_id="p", captured_at_ns=1, values=values
    )


def test_on_a_disk_that_another_program_fills_telemetry_goes_and_verdicts_are_kept(
    tmp_path: Path,
) -> None:
    """3 MB of telemetry lie there; the other program takes the room of the ballast, too."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        outbox = open_outbox(disk / "state", hand_over=1000)
        reader = outbox.reader()
        for k in range(3000):
            outbox.put(part(k))
            if k % 300 == 0:
                assert wait_until(lambda: outbox._queue.empty)
        assert wait_until(lambda: len(reader.after(0, 9999).rows) == 3000)
        fillers, kept = [fill_disk(disk)], []
        for k in range(40):
            outbox.put(part(k))
            kept += put(outbox, 20)
            assert wait_until(lambda: outbox._queue.empty)
            if k == 5:
                fillers.append(fill_disk(disk, name="another"))
        assert not outbox.fault
        assert "telemetry is given up" in outbox.notice
        rows = reader.after(0, 9999).rows
        there = [f"test/{row.epoch}/{row.seq}" for row in rows if row.stream == "verdict"]
        assert there == kept
        assert 0 < len([row for row in rows if row.stream == "part"]) < 3000
        for filler in fillers:
            filler.unlink()
        assert wait_until(lambda: not outbox.notice)
        outbox.stop()
        reader.close()
        check_books(disk / "state", 3000 + 40 + len(kept), 0)


def check_books(state: Path, made: int, confirmed: int) -> None:
    """Kept + confirmed + counted as dropped is all that was made; the ballast is back."""
    base = sqlite3.connect(state / "outbox.db")
    sql = "SELECT stream, payload FROM message UNION ALL SELECT stream, payload FROM telemetry"
    rows = base.execute(sql).fetchall()
    base.close()
    gaps = [json.loads(payload) for stream, payload in rows if stream == "gap"]
    kept = len(rows) - len(gaps)
    assert kept + confirmed + sum(gap["dropped"] for gap in gaps) == made
    assert (state / "ballast").stat().st_size > 1 << 20


def test_disk_full_at_the_start_is_an_error_that_says_so(disk: Path) -> None:
    fill_disk(disk)
    store = OutboxStore(disk / "state", 64)
    with pytest.raises(StorageError, match=r"No space left on device.*free some space"):
        store.open()
    store.close()


def station_on(disk: Path, folder: Path, port: int, source: str = "", **tables: str) -> Station:
    """A station with twelve frames in `folder` and its state on `disk`."""
    write_image_bundle(folder / "brightness.bundle")
    write_frames(folder / "frames", 12)
    path = write_station(
        folder,
        f'driver = "folder"\npath = "frames"\n{source}',
        station=f'state_dir = "{disk / "state"}"',
        mqtt=f'host = "127.0.0.1"\nport = {port}',
        **tables,
    )
    return Station(read_config(path), clock=SystemClock(), timing=Timing(rearm_s=0.1))


@contextlib.contextmanager
def running(station: Station) -> Iterator[threading.Thread]:
    """The station at work; asked to stop in the end."""
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_station_on_a_full_disk_waits_disarmed_and_sends_what_it_has(
    disk: Path, tmp_path: Path
) -> None:
    """Verdicts of the last run still go out; nothing is judged that could not be kept."""
    before = leave_behind(disk / "state", 20)
    filler = fill_disk(disk)
    with mosquitto(tmp_path / "broker") as broker, Subscriber(broker.port, "test") as plant:
        station = station_on(disk, tmp_path, broker.port, "rate_hz = 10", line=PATIENT)
        with running(station) as thread:
            assert plant.wait_for(20, 10) == 20
            assert wait_until(lambda: plant.states and plant.states[-1]["state"] == "disarmed")
            assert "No space left on device" in plant.states[-1]["reason"]
            assert "free some space" in plant.states[-1]["reason"]
            assert station.counts.parts == 0
            filler.unlink()
            thread.join(60)
        assert plant.wait_for(32, 10) == 32
        assert plant.gaps == [], "what was sent from the full disk is told lost"
        last = ["armed", "stopping", "offline"]
        assert wait_until(lambda: [s["state"] for s in plant.states][-3:] == last)
    assert list(plant.verdicts)[:20] == before
    assert plant.duplicates == 0


def leave_behind(state: Path, count: int) -> list[str]:
    """The state of a run that ended before a broker was there; gives its event ids."""
    outbox = open_outbox(state)
    ids = [outbox.put(verdict()) for _ in range(count)]
    outbox.stop()
    return ids


def test_disarmed_station_on_a_full_disk_ends_when_asked(
    disk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_disk(disk)
    station = station_on(disk, tmp_path, 1)
    with running(station):
        assert wait_until(lambda: "No space left" in station.reason)
    assert (station.state, station.counts.parts) == ("stopping", 0)
    assert len([r for r in caplog.records if r.message.startswith("disarmed")]) == 1


def test_station_whose_disk_fills_while_it_runs_says_that_verdicts_are_not_kept(
    disk: Path, tmp_path: Path
) -> None:
    source = 'rate_hz = 50\nat_end = "repeat"'
    station = station_on(disk, tmp_path, 1, source, outbox="quota_mb = 0.25", line=PATIENT)
    with running(station):
        assert wait_until(lambda: station.state == "armed")
        filler = fill_disk(disk)
        assert wait_until(lambda: "verdicts are counted, not kept" in station.reason, 40)
        assert station.state == "armed"
        filler.unlink()


def test_station_decides_while_no_file_may_grow(tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the kernel refuses every write beyond 128 kB of a file, as a bad disk would."""
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 400)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "ballast").write_bytes(b"\0" * BALLAST_BYTES)
    station = write_station(
        tmp_path, 'driver = "folder"\npath = "frames"', mqtt='host = "127.0.0.1"\nport = 1'
    )
    words = [sys.executable, "-m", "edge_agent", "run", "--verbose", str(station)]
    limited = ["prlimit", "--fsize=131072", *words]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 400
    assert done.stderr.count("verdicts go on, but are not kept") == 1
