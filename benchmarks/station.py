"""A station: what the audit log costs and finds, and what becomes of parts at a belt under kills.

    python -m benchmarks.station [--only NAME] [--quick] [--minutes N]

belt: 10 parts a second for 10 minutes past a station whose agent is killed 20 times (SIGKILL).
plc: the same with a PLC over Modbus; agent and PLC are killed and the link is cut in turn.
plc_s7, plc_ethernet_ip: over these.
load: an hour (or --minutes) of two cameras, a vibration sensor and process tags, against the
station's budgets.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.belt import belt_rows, run_belt
from benchmarks.change_over import change_over_rows
from benchmarks.plc import run_plc
from benchmarks.rows import Row, print_rows, say
from benchmarks.station_drift import drift_rows
from benchmarks.station_evidence import evidence_rows
from benchmarks.station_golden import golden_rows
from benchmarks.station_health import health_rows
from benchmarks.station_load import load_rows
from benchmarks.station_memory import memory_rows
from benchmarks.station_other_faults import other_fault_rows
from benchmarks.station_replay import replay_rows
from benchmarks.way_back import way_back_rows
from edge_agent.audit.chain import Head
from edge_agent.audit.log import AuditLog
from edge_agent.audit.segments import segments, verify
from edge_agent.contracts.core.clock import SystemClock

BODY = {
    "part_id": "part-000000",
    "verdict": "PASS",
    "action": "accept",
    "latency_ms": 4.2,
    "deadline_ms": 200.0,
    "channels": [
        {
            "channel": "top",
            "bundle": "caps 1.0.0",
            "verdict": "PASS",
            "score": 0.1,
            "threshold": 0.5,
        }
    ],
}


def main(argv: list[str] | None = None) -> None:
    """Measure the parts that are asked for and print their rows."""
    parser = argparse.ArgumentParser(prog="benchmarks.station", description=__doc__)
    parser.add_argument("--only", choices=sorted(PARTS), help="one part")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--minutes", type=float, default=60, help="of load, where it is not quick")
    args = parser.parse_args(argv)
    names = [args.only] if args.only else sorted(PARTS)
    parts = PARTS | {"load": partial(load_rows, seconds=60 * args.minutes)}
    rows = [row for name in names for row in parts[name](args.quick)]
    print_rows(rows)


def audit_rows(quick: bool) -> list[Row]:
    """Cost of a record, speed of a check, and mutations that were found."""
    count, mutations = (2_000, 200) if quick else (200_000, 10_000)
    with tempfile.TemporaryDirectory() as scratch:
        append_ms = _append(Path(scratch) / "large", count)
        began = time.process_time()
        found = verify(Path(scratch) / "large")
        rate = found.records / (time.process_time() - began)
        say(f"audit: {append_ms:.4f} ms a record, {rate:.0f} records/s checked")
        undetected = _undetected(Path(scratch) / "small", mutations)
    return [
        Row("audit append, median", append_ms, "lower", "ms", n=count, reach=0.2),
        Row("audit verify, by processor time", rate, "higher", "records/s", n=count, reach=50_000),
        Row("audit mutations not found", undetected, "lower", "", n=mutations, reach=0),
    ]


def _append(folder: Path, count: int) -> float:
    """Median milliseconds of one append, with a sync a second as on a station."""
    log = AuditLog(folder, clock=SystemClock(), quota_bytes=1 << 40)
    log.open()
    times, synced = [], time.perf_counter()
    for number in range(count):
        began = time.perf_counter()
        log.append("verdict", BODY | {"part_id": f"part-{number:06d}"})
        ended = time.perf_counter()
        times.append(1e3 * (ended - began))
        if ended - synced > 1:
            log.sync()
            synced = ended
    log.close()
    return median(times)


def _undetected(folder: Path, mutations: int) -> int:
    """Mutations of a log that a check against the reported head does not find."""
    log = AuditLog(folder, clock=SystemClock())
    log.open()
    older = b""
    for number in range(300):
        log.append("verdict", BODY | {"part_id": f"part-{number:06d}"})
        if number == 200:
            older = segments(folder)[0][1].read_bytes()
    log.close()
    head, path = log.head, segments(folder)[0][1]
    before, dice, missed = path.read_bytes(), random.Random(1), 0
    for number in range(mutations):
        kind = KINDS[number % len(KINDS)]
        changed = kind(before.splitlines(keepends=True), dice) if kind else older
        path.write_bytes(changed)
        missed += changed != before and _seems_whole(folder, head)
        path.write_bytes(before)
    return missed


def _seems_whole(folder: Path, head: Head) -> bool:
    return verify(folder, (head,)).whole


def _edit(lines: list[bytes], dice: random.Random) -> bytes:
    text = bytearray(b"".join(lines))
    text[dice.randrange(len(text))] ^= dice.randrange(1, 256)
    return bytes(text)


def _delete(lines: list[bytes], dice: random.Random) -> bytes:
    del lines[dice.randrange(len(lines))]
    return b"".join(lines)


def _insert(lines: list[bytes], dice: random.Random) -> bytes:
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(lines))
    return b"".join(lines)


def _swap(lines: list[bytes], dice: random.Random) -> bytes:
    first, second = dice.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def _truncate(lines: list[bytes], dice: random.Random) -> bytes:
    whole = b"".join(lines)
    return whole[: dice.randrange(len(whole))]


KINDS: list[Callable[[list[bytes], random.Random], bytes] | None] = [
    _edit, _delete, _insert, _swap, _truncate, None,
]  # fmt: skip
"""None: an older copy of the file is put back."""


def rows_of_belt(quick: bool) -> list[Row]:
    """What became of the parts at a belt whose station is killed, and hangs, again and again."""
    from tests.station_kit import write_image_bundle

    with tempfile.TemporaryDirectory(prefix="lineside-belt-") as scratch:
        folder = Path(scratch)
        bundle = write_image_bundle(folder / "brightness.bundle")
        if quick:
            return belt_rows(run_belt(folder, bundle, parts=32, kills=1))
        hung = run_belt(folder, bundle, parts=600, hangs=15).tally
        rows = belt_rows(run_belt(folder, bundle, parts=6000, kills=20))
    through, bad = hung["bad_accepted"], hung["bad"]
    return [*rows, Row("belt bad parts accepted, 15 hangs", through, "lower", "", bad, reach=0)]


def rows_of_change_over(quick: bool) -> list[Row]:
    """How long a change-over takes."""
    from tests.station_kit import write_image_bundle

    with tempfile.TemporaryDirectory(prefix="lineside-job-") as scratch:
        bundle = write_image_bundle(Path(scratch) / "brightness.bundle")
        return change_over_rows(Path(scratch), bundle, 4 if quick else 100)


def rows_of_plc(quick: bool, protocol: str = "modbus") -> list[Row]:
    """Bad parts that a PLC accepted, whatever was killed or cut, and what it cost."""
    from tests.station_kit import write_image_bundle

    with tempfile.TemporaryDirectory(prefix="lineside-plc-") as scratch:
        bundle = write_image_bundle(Path(scratch) / "brightness.bundle").read_bytes()
        folder = Path(scratch) / "line"
        folder.mkdir()
        parts, every = (120, 40) if quick else (6000, 200)
        return run_plc(folder, bundle, protocol=protocol, parts=parts, every=every, pitch_s=0.1)


PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "audit": audit_rows,
    "belt": rows_of_belt,
    "change_over": rows_of_change_over,
    "drift": drift_rows,
    "evidence": evidence_rows,
    "plc": rows_of_plc,
    "plc_s7": partial(rows_of_plc, protocol="s7"),
    "plc_ethernet_ip": partial(rows_of_plc, protocol="ethernet_ip"),
    "golden": golden_rows,
    "health": health_rows,
    "way_back": way_back_rows,
    "memory": memory_rows,
    "other_faults": other_fault_rows,
    "replay": replay_rows,
    "load": load_rows,
}

if __name__ == "__main__":
    main()
