"""A page with users, parts and pictures, without a socket."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Frame, Image, Judgement, Verdict
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.recent import RecentItems
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.gate import GoldenGate
from edge_agent.web.app import build_app
from edge_agent.web.config import WebTable
from edge_agent.web.diagnostics import Inside
from edge_agent.web.models import ModelView
from edge_agent.web.page import Page
from edge_agent.web.users import Role

PASSWORD = "a long password"
ADDRESS = "http://localhost:8080"
LOG = logging.getLogger("lineside.test")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Most tests of the page log in; what a good hash costs is known."""


@dataclass
class PageKit:
    """records: what the audit log was given."""

    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    records: list[tuple[str, str, dict[str, object], dict[str, object]]] = field(
        default_factory=list
    )
    can_record: bool = True
    inside: Inside = field(default_factory=Inside)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        table = GoldenTable(every_h=8)
        self.hold = GoldenGate(
            self.folder / "state", "reject", table, clock=self.clock, record=self.record
        )
        self.evidence = EvidenceRecorder(
            self.state / "evidence", EvidenceTable(pass_share=0), recent=RecentItems(1 << 20)
        )
        self.page = Page(
            WebTable(enabled=True, users_file=self.folder / "users.json"),
            station="press-7",
            channels=["top"],
            state_dir=self.state,
            clock=self.clock,
            gate=self.hold,
            golden=table,
            record=self.record,
            inside=dataclasses.replace(self.inside, bundles_root=self.folder / "station"),
            evidence=self.evidence,
        )
        self.page.rooms.users.hasher = QUICK
        self.scoring = Scoring(threshold=0.5)
        self.page.set_models(lambda: [self.model()])
        self.app = build_app(self.page.rooms)

    def model(self) -> ModelView:
        """The network of the channel `top`; what is set lands in `scoring`."""
        return ModelView(
            channel="top", bundle="caps 1.0.0", labels=("good", "crack", "dent"), good=("good",),
            own=Scoring(threshold=0.5), can_move=True,
            set_scoring=partial(setattr, self, "scoring"),
        )  # fmt: skip

    def record(
        self, who: str, what: str, before: dict[str, object], after: dict[str, object]
    ) -> bool:
        if self.can_record:
            self.records.append((who, what, before, after))
        return self.can_record

    def browser(self, address: str = "127.0.0.1", base_url: str = ADDRESS) -> TestClient:
        return TestClient(
            self.app,
            base_url=base_url,
            client=(address, 50_000),
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def all_routes(self) -> list[BaseRoute]:
        """The page's table of routes, as its application holds it."""
        app = self.app._app
        assert isinstance(app, Starlette)
        return app.routes

    def routes(self) -> list[Route]:
        """Those that are no folder of files."""
        return [route for route in self.all_routes() if isinstance(route, Route)]

    def add_user(self, name: str, role: Role) -> None:
        self.page.rooms.users.add(name, role, PASSWORD)

    def logged_in(self, role: Role, address: str = "127.0.0.1") -> TestClient:
        """A browser with a session, and the page's token in every request."""
        self.add_user(role.value, role)
        browser = self.browser(address)
        answer = browser.post("/api/login", json={"name": role.value, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        browser.headers["X-CSRF-Token"] = browser.get("/api/me").json()["csrf"]
        return browser

    def part(
        self,
        part_id: str,
        verdict: str = "PASS",
        label: str = "",
        reason: str = "",
        *,
        score: float | None = None,
        image: Image | None = None,
    ) -> None:
        """A decided part with its picture, which is dark where it is bad."""
        level = 200 if verdict == "PASS" else 60
        if image is None:
            image = np.full((48, 64, 3), level, np.uint8)
            image[-1, -8:] = np.frombuffer(hashlib.sha256(part_id.encode()).digest()[:24], np.uint8
                                         ).reshape(8, 3)  # fmt: skip
        frame = Frame(image, self.clock.utc_ns(), self.clock.mono_ns(), 0)
        channel = ChannelVerdict(
            channel="top",
            bundle="caps 1.0.0",
            verdict=Verdict(verdict),
            label=label,
            score=score,
            threshold=None if score is None else 0.5,
            captured_at_ns=frame.captured_at_ns,
        )
        heat = np.zeros((6, 8), np.float32)
        heat[2:4, 2:4] = 1
        judgement = Judgement(Verdict(verdict), label, 0.9, 0.5, heat=heat)
        observation = Observation(part_id, frame, channel, judgement)
        self.page.observe(observation)
        self.evidence.observe(observation)
        self.page.publish(self.message(part_id, verdict, label, reason, channel=channel))

    def message(
        self,
        part_id: str,
        verdict: str,
        label: str = "",
        reason: str = "",
        *,
        channel: ChannelVerdict | None = None,
    ) -> VerdictMessage:
        """What the station tells of a part."""
        channel = channel or ChannelVerdict(
            channel="top", bundle="caps 1.0.0", verdict=Verdict(verdict), label=label
        )
        return VerdictMessage(
            station="press-7",
            at_ns=self.clock.utc_ns(),
            part_id=part_id,
            verdict=Verdict(verdict),
            action="accept" if verdict == "PASS" else "reject",
            reason=reason,
            latency_ms=12,
            deadline_ms=200,
            channels=[channel],
        )
