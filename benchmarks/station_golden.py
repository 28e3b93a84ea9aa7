"""Golden parts past stations that went wrong: is PASS blocked before the next part?

The station fails dark parts. Each planted fault is a station that is asked for a bad and a good
golden part; ten good parts follow. The truth is the order of the files.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from benchmarks.rows import Row, say
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.wire.decision import Decision
from edge_agent.golden.check import GoldenRequest
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.folder import GoldenFolder
from edge_agent.golden.gate import GoldenGate
from edge_agent.station.config import StationConfig
from edge_agent.station.station import Station
from tests.station_kit import IMAGE_SPEC, write_frame, write_image_bundle

FAULTS = ("none", "wrong threshold", "swapped label map", "dead lamp", "lost channel")
AFTER = 10
"""Good parts that follow the golden ones."""
BAD, GOOD, BLACK = 40, 200, 1
"""Grey levels."""


def golden_rows(quick: bool) -> list[Row]:
    """Parts that passed after a golden part had shown each fault, and without a fault."""
    del quick
    rows = []
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as scratch:
            decisions = _station(Path(scratch), fault)
        passed = _passed_after(decisions)
        say(f"golden: {fault}: {passed} of {AFTER} parts passed after the golden parts")
        if fault == "none":
            rows.append(Row("golden right, parts passed", passed, "higher", n=AFTER, reach=AFTER))
        else:
            rows.append(Row(f"golden {fault}, parts passed", passed, "lower", n=AFTER, reach=0))
    return rows


def _station(folder: Path, fault: str) -> list[Decision]:
    """What the station decided, in its order."""
    spec = IMAGE_SPEC
    if fault == "wrong threshold":
        spec = spec.model_copy(update={"scoring": Scoring(threshold=1.0)})
    if fault == "swapped label map":
        spec = spec.model_copy(update={"good": ["dark"]})
    write_image_bundle(folder / "brightness.bundle", spec=spec)
    levels = [BAD, GOOD] + [GOOD] * AFTER
    for k, level in enumerate(levels):
        dark = fault == "dead lamp"
        write_frame(folder / "top" / f"part{k:02d}.png", BLACK if dark else level, seed=k)
        side = write_frame(folder / "side" / f"part{k:02d}.png", GOOD, seed=100 + k)
        if fault == "lost channel":
            side.write_bytes(b"")
    config = _config(folder)
    gate = GoldenGate(folder / "state", "reject", GoldenTable(), clock=SystemClock())
    GoldenFolder(folder / "state").ask(
        GoldenRequest(number=1, by="benchmark", parts=["bad", "good"], at_ns=1)
    )
    gate.look()
    decisions: list[Decision] = []
    station = Station(config, clock=SystemClock(), output=decisions.append, hold=gate)
    station.run(threading.Event())
    return decisions


def _config(folder: Path) -> StationConfig:
    channels = [
        {
            "name": name,
            "kind": "image",
            "bundle": folder / "brightness.bundle",
            "source": {"driver": "folder", "path": folder / name},
        }
        for name in ("top", "side")
    ]
    return StationConfig.model_validate(
        {
            "station": {"id": "bench", "state_dir": folder / "state"},
            "trust": {"allow_unsigned": True},
            "line": {"deadline_ms": 60_000, "join": "part_id"},
            "channel": channels,
        }
    )


def _passed_after(decisions: list[Decision]) -> int:
    """PASS among the parts after the golden ones."""
    return sum(one.verdict == Verdict.PASS for one in decisions[2:])
