"""Verdicts are numbered by themselves: who receives no other stream finds no hole."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_agent.contracts.wire.kinds.part import PartMessage
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.side_numbers import SideNumbers
from tests.edge_agent.messaging.outbox_kit import holds, open_outbox, put, rows_of


def part(number: int) -> PartMessage:
    return PartMessage(
        station="test", at_ns=1, channel="c", part_id=str(number), captured_at_ns=1, values={"t": 1}
    )


def run(outbox: Outbox, count: int) -> list[str]:
    """Verdicts, each followed by telemetry; the telemetry's event ids."""
    others = []
    for number in range(count):
        put(outbox, 1)
        others += [outbox.put(part(number)), outbox.put(part(number))]
    return others


def numbers_of(outbox: Outbox) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows_of(outbox):
        found.setdefault(row.epoch, []).append(row.seq)
    return {epoch: sorted(numbers) for epoch, numbers in found.items()}


def test_the_numbers_of_verdicts_have_no_hole_whatever_comes_between(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    others = run(outbox, 20)
    assert holds(outbox, 60)
    found = numbers_of(outbox)
    outbox.stop()
    side = others[0].split("/")[1]
    assert found == {outbox.epoch: list(range(20)), side: list(range(40))}
    assert [event.split("/")[2] for event in others] == [str(number) for number in range(40)]


def test_each_run_has_two_epochs_and_nothing_of_an_orderly_end_is_missing(tmp_path: Path) -> None:
    for _ in range(3):
        outbox = open_outbox(tmp_path / "s")
        run(outbox, 5)
        outbox.stop()
    last = open_outbox(tmp_path / "s")
    found = numbers_of(last)
    streams = {row.stream for row in rows_of(last)}
    last.stop()
    assert streams == {"verdict", "part"}, "no gap is told"
    assert sorted(map(len, found.values())) == [5, 5, 5, 10, 10, 10]
    assert all(numbers == list(range(len(numbers))) for numbers in found.values())


def test_threads_never_get_the_same_number() -> None:
    numbers, taken = SideNumbers(), []
    numbers.begin("7")
    threads = [
        threading.Thread(target=lambda: taken.extend(numbers.take() for _ in range(2000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(8000))
    assert numbers.epoch == "7"
    numbers.begin("8")
    assert numbers.take() == 0
