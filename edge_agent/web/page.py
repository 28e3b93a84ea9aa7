"""The page of one station, put together: what `lineside-agent run` composes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.observation import Observation
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.decide.station_threshold import StationThresholds
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.gate import GoldenGate
from edge_agent.web.access import Access
from edge_agent.web.app import build_app
from edge_agent.web.board import Board
from edge_agent.web.changes import ChangeLog, Changes, RecordChange, Tell
from edge_agent.web.config import WebTable
from edge_agent.web.diagnostics import Inside
from edge_agent.web.evidence_index import EvidenceIndex
from edge_agent.web.golden_parts import GoldenParts
from edge_agent.web.live import Live
from edge_agent.web.log_tail import LogTail
from edge_agent.web.models import ModelView
from edge_agent.web.part_store import PartStore
from edge_agent.web.rooms import QualityRooms, Rooms
from edge_agent.web.server import PageServer
from edge_agent.web.sessions import LockOut, Sessions
from edge_agent.web.system import Machine, Traffic
from edge_agent.web.threshold_room import ThresholdRoom
from edge_agent.web.updates import Updates, prove_bundle
from edge_agent.web.users import UserFile

NOTHING_INSIDE = Inside()


class Page:
    """A listener and an observer of the station, and the server that shows it.

    evidence: keeps the items of a part that somebody reports as missed.
    """

    def __init__(
        self,
        table: WebTable,
        *,
        station: str,
        channels: Sequence[str],
        state_dir: Path,
        clock: Clock,
        gate: GoldenGate,
        golden: GoldenTable,
        record: RecordChange,
        inside: Inside = NOTHING_INSIDE,
        evidence: EvidenceRecorder | None = None,
    ) -> None:
        self._traffic: Callable[[], Traffic] = Traffic
        self._models: Callable[[], list[ModelView]] = list
        self.log = LogTail()
        self.board = Board(station, channels, clock=clock, stopped_by=lambda: gate.by)
        users, sessions = UserFile(table.users_file), Sessions(clock, table.session_hours)
        log = ChangeLog(record)
        self.rooms = Rooms(
            table=table,
            board=self.board,
            clock=clock,
            log=log,
            quality=self._quality(state_dir, table, evidence, log, clock),
            changes=Changes(self.board, gate, log, evidence, clock=clock),
            machine=Machine(state_dir, clock=clock, log=self.log, traffic=lambda: self._traffic()),
            live=_live(self.board, table, clock),
            users=users,
            sessions=sessions,
            lock_out=LockOut(clock),
            access=Access(table, users, sessions),
            golden=GoldenParts(gate, golden, state_dir, clock=clock, log=log),
            updates=_updates(inside, self.board, log, state_dir, clock),
            inside=inside,
        )
        self._server = PageServer(build_app(self.rooms), table, self.rooms.live)

    def _quality(
        self,
        state_dir: Path,
        table: WebTable,
        evidence: EvidenceRecorder | None,
        log: ChangeLog,
        clock: Clock,
    ) -> QualityRooms:
        thresholds = StationThresholds(state_dir)
        return QualityRooms(
            evidence=EvidenceIndex(state_dir / "evidence"),
            evidence_table=evidence.table if evidence else EvidenceTable(),
            models=lambda: self._models(),
            thresholds=ThresholdRoom(thresholds, log, lambda: self._models(), clock),
            parts=PartStore(state_dir, clock=clock, days=table.history_days),
        )

    @property
    def address(self) -> str:
        """Where the page is."""
        return self._server.address

    def set_traffic(self, traffic: Callable[[], Traffic]) -> None:
        """Ask the station for its messages, which is built after its listeners."""
        self._traffic = traffic

    def set_models(self, models: Callable[[], list[ModelView]]) -> None:
        """Ask the station for the networks of its channels."""
        self._models = models

    def set_tell(self, tell: Tell) -> None:
        """By whom the plant is told of a missed defect."""
        self.rooms.changes.tell = tell

    def open(self) -> None:
        """Begin to serve; raises DeviceError."""
        logging.getLogger("lineside").addHandler(self.log)
        self._server.open()

    def publish(self, message: Outbound) -> None:
        """Take a message of the station."""
        self.board.publish(message)
        if isinstance(message, VerdictMessage):
            self.rooms.quality.parts.add(message)
        elif isinstance(message, StateMessage) and message.state == "armed":
            self.rooms.quality.thresholds.forget_others()

    def observe(self, observation: Observation) -> None:
        """Take a judged frame with its heat map."""
        item, judgement, verdict = observation.item, observation.judgement, observation.verdict
        if isinstance(item, Frame):
            self.board.pictures.show(
                channel=verdict.channel,
                part_id=observation.part_id,
                verdict=verdict.verdict,
                at_ns=item.captured_at_ns,
                image=item.image,
                heat=None if judgement is None else judgement.heat,
                threshold=None if judgement is None else judgement.threshold,
            )

    def close(self) -> None:
        """End the server; closing twice is fine."""
        self._server.close()
        self.rooms.quality.parts.flush()
        logging.getLogger("lineside").removeHandler(self.log)


def _updates(
    inside: Inside, board: Board, log: ChangeLog, state_dir: Path, clock: Clock
) -> Updates:
    root = inside.bundles_root
    return Updates(root, prove_bundle, state_dir, clock=clock, in_use=board.in_use, log=log)


def _live(board: Board, table: WebTable, clock: Clock) -> Live:
    return Live(board, clock=clock, most=table.viewers, picture_rate_hz=table.picture_rate_hz)
