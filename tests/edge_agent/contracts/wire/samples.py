"""One message of each kind, with every field that it can have."""

from __future__ import annotations

from pydantic import BaseModel

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.kinds.alarm import AlarmMessage
from edge_agent.contracts.wire.kinds.condition import AxisCondition, BearingLine, ConditionMessage
from edge_agent.contracts.wire.kinds.desired import DesiredMessage, DesiredState, KeySignature
from edge_agent.contracts.wire.kinds.escape import EscapeMessage
from edge_agent.contracts.wire.kinds.evidence import EvidenceMessage
from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.metrics import MetricsMessage
from edge_agent.contracts.wire.kinds.part import PartMessage
from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, RuntimeInUse, StateMessage
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage

STATION, AT_NS = "press-3", 1_796_000_000_123_456_789
EPOCH = "1795999999123456789012345"


def _event(number: int) -> str:
    return f"{STATION}/{EPOCH}/{number}"


TOP = ChannelVerdict(
    channel="top",
    bundle="castings 1.4.0",
    verdict=Verdict.FAIL,
    label="blowhole",
    score=0.91,
    threshold=0.62,
    reason="blowhole 0.91, limit 0.62",
    captured_at_ns=AT_NS - 41_000_000,
    latency_ms=38.2,
)
SIZE = ChannelVerdict(
    channel="diameter",
    bundle="diameter 2.0.1",
    verdict=Verdict.PASS,
    score=12.4,
    threshold=12.6,
    interval=(12.3, 12.5),
)
AXIS = AxisCondition(
    axis="x", rms=0.31, peak=1.42, crest=4.58, kurtosis=5.1, rms_mm_s=3.2, zone="C"
)

WANTED = DesiredState(
    station=STATION,
    counter=1_796_000_000_123_456,
    signed_at_ns=AT_NS,
    expires_ns=AT_NS + 30_000_000_000,
    action="install",
    name="castings",
    version="1.4.1",
    manifest_sha256="ab" * 32,
    probation_s=60.0,
)

SAMPLES: dict[str, BaseModel] = {
    "ack": AckMessage(event_ids=[_event(0)], through=[_event(41)]),
    "alarm": AlarmMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(1),
        source="spindle",
        name="machine",
        active=True,
        severity="critical",
        reason="zone D: 8.1 mm/s",
        since_ns=AT_NS,
    ),
    "condition": ConditionMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(2),
        historical=True,
        channel="spindle",
        captured_at_ns=AT_NS - 1_000_000_000,
        unit="g",
        axes=[AXIS],
        zone="C",
        rpm=1480.0,
        lines=[BearingLine(fault="BPFO", order=3.585, over_floor=6.2, axis="x")],
        trend_mm_s_per_h=0.02,
    ),
    "desired": DesiredMessage(
        roots=['{"signatures": [], "signed": {"_type": "root"}}'],
        content=WANTED.model_dump_json(),
        signatures=[KeySignature(key_id="cd" * 32, signature="ef" * 64)],
    ),
    "escape": EscapeMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(6),
        part_id="4712",
        verdict=Verdict.PASS,
        by="anna",
        note="crack at the rim",
    ),
    "evidence": EvidenceMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(3),
        channel="top",
        part_id="4711",
        captured_at_ns=AT_NS - 41_000_000,
        sha256="ab" * 32,
        content="image",
        cause="fail",
        verdict=Verdict.FAIL,
        file="objects/ab/abab.png",
    ),
    "gap": GapMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(9),
        first_seq=4,
        last_seq=8,
        dropped=5,
        exact=True,
        reason="the disk is full",
    ),
    "health": HealthMessage(
        station=STATION,
        at_ns=AT_NS,
        parts=100,
        passed=90,
        failed=8,
        no_verdict=2,
        frames_dropped=1,
        grabbed=101,
        outbox_waiting=3,
        rss_mb=123.4,
        audit_head=f"100:{'0' * 64}",
    ),
    "metrics": MetricsMessage(
        station=STATION,
        at_ns=AT_NS,
        uptime_s=86400.0,
        cpu_percent=31.5,
        rss_mb=123.4,
        threads=14,
        descriptors=40,
        disk_free_mb=20480.0,
        load_1min=0.42,
        temp_c=61.5,
        outbox_waiting=3,
        confirmed=97,
    ),
    "part": PartMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(4),
        channel="process",
        part_id="4711",
        captured_at_ns=AT_NS - 10_000_000,
        values={"melt_c": 702.5, "mould": "B", "pressure_bar": None},
        left_out=2,
    ),
    "state": StateMessage(
        station=STATION,
        at_ns=AT_NS,
        state="armed",
        reason="bundles are not signed",
        bundles={"top": "castings 1.4.0"},
        runtimes={
            "top": RuntimeInUse(
                name="openvino_float",
                version="2026.4.1",
                measured=[
                    MeasuredRuntime(name="litert", ms=3.12, ratio=1.0),
                    MeasuredRuntime(
                        name="openvino",
                        refused="parity vector: golden-0 gives outputs 128 quanta apart, "
                        "6 are allowed",
                    ),
                    MeasuredRuntime(name="openvino_float", ms=2.53, ratio=0.81),
                ],
            )
        },
    ),
    "update": UpdateMessage(
        station=STATION,
        at_ns=AT_NS,
        counter=WANTED.counter,
        state="at-work",
        step="probation",
        name="castings",
        version="1.4.1",
        reason="the disk is full",
        signature="ab" * 64,
    ),
    "verdict": VerdictMessage(
        station=STATION,
        at_ns=AT_NS,
        event_id=_event(5),
        historical=True,
        part_id="4711",
        verdict=Verdict.FAIL,
        action="reject",
        reason="top: blowhole 0.91, limit 0.62",
        latency_ms=41.0,
        deadline_ms=200.0,
        channels=[TOP, SIZE],
        late_fail=True,
        channels_left_out=1,
    ),
}
