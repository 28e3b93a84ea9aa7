"""What the operations of the page work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.contracts.core.clock import Clock
from edge_agent.evidence.config import EvidenceTable
from edge_agent.web.access import Access
from edge_agent.web.board import Board
from edge_agent.web.changes import ChangeLog, Changes
from edge_agent.web.config import WebTable
from edge_agent.web.diagnostics import Inside
from edge_agent.web.evidence_index import EvidenceIndex
from edge_agent.web.golden_parts import GoldenParts
from edge_agent.web.live import Live
from edge_agent.web.models import ModelView
from edge_agent.web.part_store import PartStore
from edge_agent.web.sessions import LockOut, Sessions
from edge_agent.web.system import Machine
from edge_agent.web.threshold_room import ThresholdRoom
from edge_agent.web.updates import Updates
from edge_agent.web.users import UserFile


@dataclass(frozen=True)
class QualityRooms:
    """Of the screens Evidence, Threshold and History."""

    evidence: EvidenceIndex
    evidence_table: EvidenceTable
    models: Callable[[], list[ModelView]]
    thresholds: ThresholdRoom
    parts: PartStore


@dataclass(frozen=True)
class Rooms:
    """One of each for one page."""

    table: WebTable
    board: Board
    clock: Clock
    log: ChangeLog
    quality: QualityRooms
    changes: Changes
    machine: Machine
    live: Live
    users: UserFile
    sessions: Sessions
    lock_out: LockOut
    access: Access
    golden: GoldenParts
    updates: Updates
    inside: Inside
