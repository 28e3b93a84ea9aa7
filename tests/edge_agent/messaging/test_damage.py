"""A damaged, deleted or borrowed outbox: every row that can be read is saved, every other is told.

The truth is the list of event ids that put() returned, compared with what a reader gets afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from tests.edge_agent.messaging.outbox_kit import (
    gaps_of,
    holds,
    on_disk,
    open_outbox,
    put,
    rows_of,
    verdicts_of,
)
from tests.station_kit import wait_until

COUNT = 300
PAGE = 8192


def flip_bit(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def zero_page(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content) // PAGE) * PAGE
    content[at : at + PAGE] = bytes(PAGE)
    path.write_bytes(content)


def scribble(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content) - 512)
    content[at : at + 512] = chance.randbytes(512)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def overwrite(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"this is no database, and never was" * 400)


Damage = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder in which COUNT verdicts wait after an orderly end, and their event ids."""
    folder = tmp_path_factory.mktemp("full") / "state"
    outbox = open_outbox(folder)
    ids = put(outbox, COUNT)
    outbox.stop()
    return folder, ids


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "damage",
    [flip_bit, zero_page, scribble, cut, empty, remove, overwrite],
    ids=lambda damage: str(damage.__name__),
)
def test_rows_of_a_damaged_file_are_saved_and_the_rest_is_told(
    full: tuple[Path, list[str]], tmp_path: Path, damage: Damage, seed: int
) -> None:
    folder, ids = tmp_path / "state", full[1]
    shutil.copytree(full[0], folder)
    damage(folder / "outbox.db", random.Random(seed))
    outbox = open_outbox(folder)
    new = put(outbox, 5)
    outbox.stop()
    rows = on_disk(folder)
    saved = [event for event in verdicts_of(rows) if event in set(ids)]
    lost = set(ids) - set(saved)
    assert [event for event in verdicts_of(rows) if event not in set(ids)] == new
    assert sum(gap["dropped"] for gap in gaps_of(rows)) == len(lost)
    for gap in gaps_of(rows):
        numbers = {int(event.rsplit("/", 1)[1]) for event in lost}
        assert gap["exact"]
        assert gap["first_seq"] <= min(numbers)
        assert gap["last_seq"] >= max(numbers)
    if damage in (flip_bit, scribble):
        assert len(lost) <= 40, "much more was lost than was damaged"
    if lost:
        assert f"names {len(lost)} lost messages" in outbox.notice


def files_at_once(*folders: Path) -> dict[Path, bytes]:
    """Every file as all of them were at one moment, which is what a kill leaves."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            first = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
            if all(path.read_bytes() == content for path, content in first.items()):
                return first


def test_damaged_log_of_a_killed_run_is_read_beyond_the_damage(tmp_path: Path) -> None:
    """SQLite drops all that follows the first damaged frame of its log, and says nothing."""
    outbox = open_outbox(tmp_path / "live")
    ids = put(outbox, COUNT)
    assert holds(outbox, COUNT)
    left = files_at_once(tmp_path / "live", tmp_path / "live.mem")
    outbox.stop()
    killed = tmp_path / "killed"
    for path, content in left.items():
        copy = tmp_path / str(path.relative_to(tmp_path)).replace("live", "killed", 1)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    log = bytearray((killed / "outbox.db-wal").read_bytes())
    log[len(log) // 2] ^= 1
    (killed / "outbox.db-wal").write_bytes(log)
    again = open_outbox(killed)
    again.stop()
    rows = on_disk(killed)
    lost = set(ids) - set(verdicts_of(rows))
    assert len(lost) <= 40
    assert sum(gap["dropped"] for gap in gaps_of(rows)) >= len(lost)


def test_page_that_is_damaged_while_the_agent_runs_is_mended_at_once(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    ids = put(outbox, COUNT)
    assert holds(outbox, COUNT)
    checkpoint(tmp_path / "s" / "outbox.db")
    damage_leaf(tmp_path / "s" / "outbox.db")
    with pytest.raises(StoreDamagedError) as found:
        rows_of(outbox)
    outbox.report_damage(found.value)
    assert wait_until(lambda: outbox.notice)
    ids += put(outbox, 3)
    outbox.stop()
    rows = on_disk(tmp_path / "s")
    lost = set(ids) - set(verdicts_of(rows))
    assert 0 < len(lost) < 60
    assert [gap["dropped"] for gap in gaps_of(rows)] == [len(lost)]
    assert list((tmp_path / "s").glob("damaged-*.db"))


def checkpoint(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()


def damage_leaf(path: Path) -> None:
    """Scribble over a leaf page (type 13) in the middle of the file, in place."""
    content = path.read_bytes()
    leaves = [at for at in range(PAGE, len(content), PAGE) if content[at] == 13]
    with path.open("r+b") as stream:
        stream.seek(leaves[len(leaves) // 2])
        stream.write(b"\xff" * PAGE)


def test_file_deleted_under_a_running_agent_is_written_anew_with_all_rows(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    ids = put(outbox, 50)
    assert holds(outbox, 50)
    for path in (tmp_path / "s").glob("outbox.db*"):
        path.unlink()
    ids += put(outbox, 50)
    assert wait_until(lambda: (tmp_path / "s" / "outbox.db").exists())
    outbox.stop()
    rows = on_disk(tmp_path / "s")
    assert verdicts_of(rows) == ids
    assert gaps_of(rows) == []


def test_folder_moved_away_under_a_running_agent_is_made_again_with_all_rows(
    tmp_path: Path,
) -> None:
    outbox = open_outbox(tmp_path / "s")
    ids = put(outbox, 50)
    assert holds(outbox, 50)
    (tmp_path / "s").rename(tmp_path / "moved")
    ids += put(outbox, 50)
    assert wait_until(lambda: (tmp_path / "s" / "outbox.db").exists())
    with pytest.raises(StorageError, match="another agent"):
        OutboxStore(tmp_path / "s", 64).claim()
    outbox.stop()
    assert verdicts_of(on_disk(tmp_path / "s")) == ids


def test_lock_of_another_program_is_waited_for_and_is_no_full_disk(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path / "s", clock=clock)
    borrowed = sqlite3.connect(tmp_path / "s" / "outbox.db", isolation_level=None)
    borrowed.execute("BEGIN IMMEDIATE")
    ids = put(outbox, 200)
    assert wait_until(lambda: clock.advance_s(1) or "another program" in outbox.notice)
    assert outbox.fault == ""
    ids += put(outbox, 2000)
    borrowed.execute("ROLLBACK")
    borrowed.close()
    assert holds(outbox, 2200)
    assert wait_until(lambda: outbox.notice == "")
    outbox.stop()
    rows = on_disk(tmp_path / "s")
    assert verdicts_of(rows) == ids
    assert gaps_of(rows) == []


def test_lock_that_lasts_longer_than_the_memory_is_counted(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s", hand_over=50)
    borrowed = sqlite3.connect(tmp_path / "s" / "outbox.db", isolation_level=None)
    borrowed.execute("BEGIN EXCLUSIVE")
    ids = put(outbox, 400)
    borrowed.execute("ROLLBACK")
    borrowed.close()
    outbox.stop()
    rows = on_disk(tmp_path / "s")
    assert len(verdicts_of(rows)) == 50
    assert sum(gap["dropped"] for gap in gaps_of(rows)) == len(ids) - 50


def test_outbox_that_is_locked_at_the_start_names_the_other_program(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    put(outbox, 5)
    assert holds(outbox, 5)
    outbox.stop()
    borrowed = sqlite3.connect(tmp_path / "s" / "outbox.db", isolation_level=None)
    borrowed.execute("PRAGMA locking_mode = EXCLUSIVE")
    borrowed.execute("BEGIN EXCLUSIVE")
    store = OutboxStore(tmp_path / "s", 64, busy_s=0.05)
    with pytest.raises(StorageError, match="another program holds its lock"):
        store.open()
    borrowed.close()
    store.open()
    store.close()


def test_message_that_cannot_be_written_is_left_out_and_named_in_a_gap(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    base = sqlite3.connect(tmp_path / "s" / "outbox.db")
    base.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.seq = 3 "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    base.close()
    first = put(outbox, 3)
    put(outbox, 1)
    last = put(outbox, 3)
    assert wait_until(lambda: gaps_of(rows_of(outbox)))
    outbox.stop()
    rows = on_disk(tmp_path / "s")
    assert verdicts_of(rows) == first + last
    (gap,) = gaps_of(rows)
    assert (gap["dropped"], gap["first_seq"]) == (1, 3)
    assert "could not be written" in gap["reason"]


def test_fault_of_our_own_costs_no_message_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faults = iter([RuntimeError("of ours")] * 2)

    def failing() -> None:
        for error in faults:
            raise error

    outbox = open_outbox(tmp_path / "s", on_commit=failing)
    ids = put(outbox, 5)
    assert wait_until(lambda: set(verdicts_of(rows_of(outbox))) == set(ids))
    assert wait_until(lambda: outbox.fault == "")
    outbox.stop()
    logged = [r for r in caplog.records if "the outbox failed" in r.message]
    assert len(logged) == 1


def test_ids_never_repeat_where_folder_and_clock_are_lost(tmp_path: Path) -> None:
    epochs = set()
    for k in range(30):
        outbox = open_outbox(tmp_path / f"{k}", clock=ManualClock(utc_ns=0))
        epochs.add(outbox.epoch)
        outbox.stop()
    assert len(epochs) == 30
    assert {len(epoch) for epoch in epochs} == {25}


def test_epoch_sorts_after_the_last_one_under_a_clock_that_went_back(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    outbox.stop()
    later = open_outbox(tmp_path / "s", clock=ManualClock(utc_ns=0))
    later.stop()
    assert later.epoch > outbox.epoch


def restarted(outbox: Outbox, folder: Path) -> list[dict[str, object]]:
    outbox.stop()
    again = open_outbox(folder)
    again.stop()
    return gaps_of(on_disk(folder))


def test_number_that_was_taken_and_never_recorded_is_told(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    put(outbox, 4)
    outbox.take()
    put(outbox, 2)
    (gap,) = restarted(outbox, tmp_path / "s")
    assert (gap["first_seq"], gap["last_seq"], gap["dropped"], gap["exact"]) == (4, 4, 1, True)
    assert "before these parts were recorded" in str(gap["reason"])


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
def test_what_is_no_file_is_an_error_with_its_cure(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    path = folder / "outbox.db"
    make = {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}
    make.get(kind, lambda: path.symlink_to("nowhere"))()
    store = OutboxStore(folder, 1)
    with pytest.raises(StorageError, match=r"outbox\.db: is there, and no file: remove it"):
        store.open()
    store.close()


def test_trigger_that_somebody_put_into_the_database_deletes_nothing(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    first = put(outbox, 5)
    assert holds(outbox, 5)
    outbox.stop()
    with sqlite3.connect(tmp_path / "s" / "outbox.db") as base:
        base.execute("CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM message; END")
    base.close()
    outbox = open_outbox(tmp_path / "s")
    second = put(outbox, 5)
    assert holds(outbox, 10)
    assert verdicts_of(rows_of(outbox)) == first + second
    outbox.stop()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("number", [10**9, 10**17, 10**30])
def test_absurd_number_of_a_damaged_record_costs_no_time(tmp_path: Path, number: int) -> None:
    outbox = open_outbox(tmp_path / "s")
    ids = put(outbox, 5)
    assert holds(outbox, 5)
    outbox.stop()
    note, acted = tmp_path / "s" / "epoch", tmp_path / "s" / "acted.json"
    known = json.loads(note.read_text())
    known["epochs"]["9" * 25] = {"next_seq": number, "waiting": number}
    note.write_text(json.dumps(known))
    acted.write_text(json.dumps(json.loads(acted.read_text()) | {"reserved": number}))
    outbox = open_outbox(tmp_path / "s")
    assert holds(outbox, 7 if number < 10**18 else 5)
    assert verdicts_of(rows_of(outbox)) == ids
    outbox.stop()
