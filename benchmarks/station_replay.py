"""Ten recorded minutes of a line, replayed: are the verdicts those of the log, and how fast is it?

The simulated line gives the same frame of a part again and again, so what the station saw is
written down from the same source, as a folder of pictures under the parts' names. Bad parts and a
camera that freezes are among them: PASS, FAIL and NO-VERDICT are all replayed.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
import time
import tomllib
from collections import Counter
from pathlib import Path
from statistics import median

from benchmarks.rows import Row, say
from edge_agent.__main__ import main as agent
from edge_agent.audit.config import AuditTable
from edge_agent.audit.recorder import AuditRecorder
from edge_agent.capture.camera.simulated import SimulatedCamera, SimulatedCameraTable
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.wire.decision import Decision
from edge_agent.infer.bundle_inspector import load_inspector
from edge_agent.simulator import scene
from edge_agent.simulator.dataset import png_bytes
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import IMAGE_SPEC, write_image_bundle

PARTS_A_S = 10
RECORDED_S = 600
FIRST = 1000
"""Number of the first part: names of equal length, which a folder gives in their order."""
FROZEN_SHARE = 0.1
"""Of the parts, the last ones, at which the camera gives stale buffers."""
SAMPLED = 30
STATION = """
[station]
id = "bench"
[trust]
allow_unsigned = true
[line]
deadline_ms = 2000
[[channel]]
name = "top"
kind = "image"
bundle = "brightness.bundle"
[channel.source]
driver = "simulated"
start = {start}
parts = {parts}
width_px = 160
height_px = 120
fault = "frozen"
fault_from = {fault_from}
"""


def replay_rows(quick: bool) -> list[Row]:
    """Parts and fields that a replay decides otherwise than the log, and its speed."""
    parts = 60 if quick else PARTS_A_S * RECORDED_S
    with tempfile.TemporaryDirectory(prefix="lineside-replay-") as scratch:
        folder = Path(scratch)
        station = _station(folder, parts)
        decided = _run(station, folder / "state")
        _record(station, folder / "frames")
        log = folder / "state" / "audit"
        words = ["replay", str(folder / "frames"), "--config", str(station), "--against", str(log)]
        began, told = time.perf_counter(), io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            code = agent(words)
        took_s = time.perf_counter() - began
    last = told.getvalue().strip().splitlines()[-1]
    verdicts = Counter(str(decision.verdict) for decision in decided)
    say(f"replay: {dict(verdicts)}; {last}; {took_s:.1f} s for {parts / PARTS_A_S:.0f} s of line")
    compared, fields, unknown = (int(word) for word in last.split() if word.isdigit())
    return [
        Row("replay, fields that differ from the log", fields, "lower", n=compared, reach=0),
        Row("replay, parts not compared", parts - compared + unknown, "lower", n=parts, reach=0),
        Row("replay, exit code", code, "lower", reach=0),
        Row(
            "replay, times as fast as the line",
            parts / PARTS_A_S / took_s,
            "higher",
            n=parts,
            reach=1.0,
        ),
    ]


def _station(folder: Path, parts: int) -> Path:
    bundle = folder / "brightness.bundle"
    threshold = _middle_score(write_image_bundle(bundle), parts)
    scoring = Scoring(threshold=threshold)
    write_image_bundle(bundle, spec=IMAGE_SPEC.model_copy(update={"scoring": scoring}))
    frozen = FIRST + round(parts * (1 - FROZEN_SHARE))
    path = folder / "station.toml"
    path.write_text(STATION.format(start=FIRST, parts=parts, fault_from=frozen))
    return path


def _middle_score(bundle: Path, parts: int) -> float:
    """About half of the parts pass below it."""
    inspector = load_inspector(read_bundle(bundle))
    frames = [scene.render(1, FIRST + k, 160, 120) for k in range(0, parts, parts // SAMPLED)]
    return median(inspector.inspect(frame).score for frame in frames)


def _run(station: Path, state: Path) -> list[Decision]:
    """The shift itself, as fast as the line takes parts, with its audit log."""
    audit = AuditRecorder(state / "audit", AuditTable(), clock=SystemClock())
    decided: list[Decision] = []
    config = read_config(station)
    Station(config, clock=SystemClock(), output=decided.append, listeners=[audit]).run(
        threading.Event()
    )
    audit.close()
    return decided


def _record(station: Path, frames: Path) -> None:
    """The frames of the shift, each under its part's name."""
    frames.mkdir()
    source = tomllib.loads(station.read_text())["channel"][0]["source"]
    table = SimulatedCameraTable.model_validate(source)
    camera = SimulatedCamera(table, name="top", clock=SystemClock())
    with contextlib.suppress(EndOfSource):
        while True:
            frame = camera.next(1.0)
            if frame is not None:
                (frames / f"{frame.part_id}.png").write_bytes(png_bytes(frame.image))
