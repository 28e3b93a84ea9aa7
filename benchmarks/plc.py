"""A PLC, a station and the link between them, killed and cut in turn while parts pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from benchmarks.plc_line import PlcLine
from benchmarks.plc_program import is_bad
from benchmarks.rows import Row, say
from benchmarks.stalls import watch_for_stalls


@dataclass(frozen=True)
class Fault:
    """Parts at the camera when something failed, and when it was there again."""

    kind: str
    first: int
    last: int


def kill_agent(line: PlcLine) -> None:
    """SIGKILL to the agent; it starts again at once."""
    line.kill_agent()
    line.start_agent()


def kill_plc(line: PlcLine) -> None:
    """SIGKILL to the PLC for a second: its memory is lost."""
    line.kill_plc()
    time.sleep(1)
    line.start_plc()


def cut_link(line: PlcLine) -> None:
    """Nothing passes between the two for two seconds, and nobody is told."""
    line.wire.cut()
    time.sleep(2)
    line.wire.mend()


FAULTS: tuple[Callable[[PlcLine], None], ...] = (kill_agent, kill_plc, cut_link)


def run_plc(
    folder: Path, bundle: bytes, *, protocol: str, parts: int, every: int, pitch_s: float
) -> list[Row]:
    """Let parts pass, with a fault after every so many of them."""
    faults: list[Fault] = []
    with (
        watch_for_stalls() as stalls,
        PlcLine(folder, protocol, bundle, pitch_s=pitch_s) as line,
    ):
        line.start_plc()
        line.start_agent()
        line.wait_until_passing()
        began, due = line.part_now, line.part_now + every
        ends = began + parts
        while not faults or due < ends:
            line.wait_until(due)
            fault, first = FAULTS[len(faults) % len(FAULTS)], line.part_now
            fault(line)
            faults.append(Fault(fault.__name__, first, line.part_now))
            say(f"part {line.part_now}: {fault.__name__}, {len(line.bad_accepted())} bad accepted")
            line.wait_until_passing()
            due = line.part_now + every
        line.wait_until(ends := max(ends, line.part_now + 1))
        time.sleep(line.gate_s + 0.5)
    name = "plc" if protocol == "modbus" else f"plc over {protocol}"
    longest = Row(f"{name} longest stall of the computer", stalls.longest_ms, "lower", "ms")
    return [*_rows(name, line, range(began, ends), faults), longest]


def _rows(name: str, line: PlcLine, judged: range, faults: list[Fault]) -> list[Row]:
    accepted = {one.part for one in line.gated if one.accepted}
    under_way = round(line.gate_s / line.pitch_s) + 1
    back = [min((p for p in accepted if p >= f.last), default=judged.stop) for f in faults]
    down = {
        part
        for fault, again in zip(faults, back, strict=True)
        for part in range(fault.first - under_way, again + 1)
    }
    good = [part for part in judged if not is_bad(part)]
    good_up = [part for part in good if part not in down]
    bad = [part for part in judged if is_bad(part)]
    times = [one.result_ms for one in line.gated if one.result_ms >= 0]
    percents = quantiles(times, n=100)
    lost_down = sum(part not in accepted and part in down for part in good)
    back_s = sorted((b - f.first) * line.pitch_s for b, f in zip(back, faults, strict=True))
    return [
        Row(f"{name} bad parts accepted", len(line.bad_accepted()), "lower", n=len(bad), reach=0),
        Row(
            f"{name} good parts lost, all up",
            _lost(good_up, accepted),
            "lower",
            n=len(good_up),
            reach=0,
        ),
        Row(f"{name} good parts lost around a fault", lost_down, "lower", n=len(faults)),
        Row(
            f"{name} faults survived",
            sum(again < judged.stop for again in back),
            "higher",
            n=len(faults),
            reach=len(faults),
        ),
        Row(f"{name} trigger to result p50", percents[49], "lower", "ms", n=len(times)),
        Row(f"{name} trigger to result p99", percents[98], "lower", "ms", n=len(times), reach=800),
        Row(f"{name} fault to passing again, median", median(back_s), "lower", "s", n=len(faults)),
        Row(f"{name} fault to passing again, longest", back_s[-1], "lower", "s", n=len(faults)),
    ]


def _lost(good: Iterable[int], accepted: set[int]) -> int:
    return sum(part not in accepted for part in good)
