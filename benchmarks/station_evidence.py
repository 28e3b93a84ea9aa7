"""What evidence costs: a verdict's time, bytes a day, and whether a week stays in its quota."""

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, say
from edge_agent.audit.config import AuditTable
from edge_agent.audit.recorder import AuditRecorder
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Frame, Image, Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.folder import protect, read_kept
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.simulator import scene
from edge_agent.station.config import StationConfig
from edge_agent.station.station import Station
from tests.station_kit import write_image_bundle

PARTS_A_S = 10
REJECTS = 0.05
WEEK_S = 7 * 86_400
COMPRESSED = 400
"""One part stands for so many of the week: the quota still turns over seven times."""
QUOTA_MB = 16
SIZED = 10
"""Items from whose sizes the bytes of a day are taken."""
SCENES = 40
"""Different scenes of the simulated line; each part of the week is one of them with new noise."""


def evidence_rows(quick: bool) -> list[Row]:
    """Verdict p99 with evidence and audit minus without, bytes a day, and a week's quota."""
    with tempfile.TemporaryDirectory() as scratch:
        rows = _delay_rows(Path(scratch), 20 if quick else 600, 1 if quick else 3)
        return rows + _week_rows(
            Path(scratch) / "week",
            2 if quick else QUOTA_MB,
            3_000 if quick else PARTS_A_S * WEEK_S // COMPRESSED,
        )


def _delay_rows(folder: Path, parts: int, turns: int) -> list[Row]:
    write_image_bundle(folder / "brightness.bundle")
    on: list[float] = []
    off: list[float] = []
    for turn in range(turns):
        off += _latencies_ms(folder / f"off-{turn}", parts, remember=False)
        on += _latencies_ms(folder / f"on-{turn}", parts, remember=True)
    p99_on, p99_off = float(np.percentile(on, 99)), float(np.percentile(off, 99))
    say(f"evidence: verdict p99 {p99_on:.2f} ms with evidence and audit, {p99_off:.2f} without")
    count = len(on)
    return [
        Row("verdict p99, evidence and audit on", p99_on, "lower", "ms", n=count),
        Row("verdict p99, both off", p99_off, "lower", "ms", n=count),
        Row("verdict p99, on minus off", p99_on - p99_off, "lower", "ms", n=count, reach=1.0),
    ]


def _latencies_ms(state: Path, parts: int, *, remember: bool) -> list[float]:
    """Grab to decision of the simulated line at 640x480, of which a part in twenty is kept."""
    config = StationConfig.model_validate(
        {
            "station": {"id": "bench", "state_dir": state},
            "trust": {"allow_unsigned": True},
            "channel": [
                {
                    "name": "top",
                    "kind": "image",
                    "bundle": state.parent / "brightness.bundle",
                    "source": {"driver": "simulated", "rate_hz": PARTS_A_S * 2, "parts": parts},
                }
            ],
        }
    )
    table = EvidenceTable(pass_share=REJECTS, fail_share=REJECTS, most_per_minute=10_000)
    audit = AuditRecorder(state / "audit", AuditTable(), clock=SystemClock())
    evidence = EvidenceRecorder(state / "evidence", table, name_content=audit.name_content)
    seen: list[Decision] = []
    Station(
        config,
        clock=SystemClock(),
        output=seen.append,
        listeners=[audit] if remember else [],
        observers=[evidence] if remember else [],
    ).run(threading.Event())
    audit.close()
    return [decision.latency_ms for decision in seen]


def _week_rows(folder: Path, quota_mb: int, parts: int) -> list[Row]:
    """A week of parts without the waits; most of them pass and are only counted, not rendered."""
    table = EvidenceTable(quota_mb=quota_mb, disk_share=1, keep_free_mb=0, most_per_minute=100_000)
    recorder = EvidenceRecorder(folder, table, dice=random.Random(1))
    dice, noise = random.Random(2), np.random.default_rng(3)
    scenes = [scene.render(1, k, 320, 240, 0.25) for k in range(SCENES)]
    protected: list[str] = []
    largest = judged = 0
    sizes: list[int] = []
    for number in range(parts):
        rejected = dice.random() < REJECTS
        # A pass is kept once in a thousand: the others would only be hashed.
        if not rejected and dice.random() >= table.pass_share:
            continue
        recorder.observe(_observation(number, scenes[number % SCENES], rejected, noise))
        judged += 1
        if judged == SIZED:
            sizes = [_size(one) for one in _files(folder)]
        if judged % 200 == 100:
            newest = list(read_kept(folder))[-1]
            protect(folder, newest.stem)
            protected.append(newest.stem)
            largest = max(largest, sum(_size(one) for one in _files(folder)))
    say(f"evidence: {judged} items of {parts} parts, at most {largest / 1e6:.1f} MB")
    there = {one.stem for one in read_kept(folder)}
    share = REJECTS + (1 - REJECTS) * table.pass_share
    a_day = sum(sizes) / SIZED * share * PARTS_A_S * 86_400
    over = max(0.0, largest - quota_mb * (1 << 20))
    gone = sum(stem not in there for stem in protected)
    return [
        Row("evidence written a day, 320x240, 10 parts/s, 5 % rejects", a_day / 1e9, "lower", "GB"),
        Row("evidence over its quota", over, "lower", "bytes", n=parts, reach=0),
        Row("protected evidence removed", gone, "lower", "", n=len(protected), reach=0),
        Row("evidence not kept", recorder.lost, "lower", "", n=judged, reach=0),
    ]


def _observation(
    number: int, image: Image, rejected: bool, noise: np.random.Generator
) -> Observation:
    at_ns = number * (1_000_000_000 // PARTS_A_S)
    grain = noise.integers(0, 6, image.shape, np.uint8)
    frame = Frame(np.minimum(image, 249) + grain, at_ns, at_ns, number, "", f"part-{number}")
    verdict = ChannelVerdict(
        channel="top",
        bundle="caps 1.0.0",
        verdict=Verdict.FAIL if rejected else Verdict.PASS,
        label="scratch" if rejected else "good",
        score=0.9 if rejected else 0.1,
        threshold=0.5,
        captured_at_ns=at_ns,
    )
    return Observation(frame.part_id, frame, verdict)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _size(path: Path) -> int:
    return path.stat().st_size
