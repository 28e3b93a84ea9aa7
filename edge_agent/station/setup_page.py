"""The page of a station that is being commissioned, put together."""

from __future__ import annotations

import threading
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.types import Frame, Verdict
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.gate import GoldenGate
from edge_agent.station.setup import Setup
from edge_agent.station.setup_draft import CHANNEL, Draft
from edge_agent.web.changes import RecordChange
from edge_agent.web.config import WebTable
from edge_agent.web.diagnostics import Inside
from edge_agent.web.page import Page
from edge_agent.web.users import UserFile


class SetupPage:
    """Serves the screens of a station that is not at work; closing twice is fine."""

    def __init__(
        self,
        path: Path,
        table: WebTable,
        *,
        clock: Clock,
        record: RecordChange,
        started: threading.Event,
    ) -> None:
        web: dict[str, object] = {"enabled": True, "host": table.host, "port": table.port}
        if table.plain_http:
            web["plain_http"] = True
        self.setup = Setup(
            Draft(path, web), clock=clock, record=record, show=self._show, started=started
        )
        state_dir = path.parent / "state"
        golden = GoldenTable()
        self.page = Page(
            table,
            station="commissioning",
            channels=[CHANNEL],
            state_dir=state_dir,
            clock=clock,
            gate=GoldenGate(state_dir, "reject", golden, clock=clock),
            golden=golden,
            record=record,
            inside=Inside(commissioner=self.setup),
        )

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.page.address

    @property
    def users(self) -> UserFile:
        """Who can log in."""
        return self.page.rooms.users

    def open(self) -> None:
        """Begin to serve; raises DeviceError."""
        self.page.open()

    def close(self) -> None:
        """Release the camera and end the server."""
        self.setup.close()
        self.page.close()

    def _show(self, frame: Frame) -> None:
        self.page.board.pictures.show(
            channel=CHANNEL,
            part_id="",
            verdict=Verdict.NO_VERDICT,
            at_ns=frame.captured_at_ns,
            image=frame.image,
            has_bar=False,
        )
        self.page.board.changed()
