"""A workshop, a station that follows it, and what the workshop may desire."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from deploy.signing.desired import DesiredSigner
from deploy.signing.keys import Keyring
from edge_agent.broker.config import BrokerTable
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.wire.kinds.desired import DesiredMessage, DesiredState
from edge_agent.rollout.follower import Follower, Place
from edge_agent.rollout.work import Source
from edge_agent.update.bundle_update import Station
from edge_agent.update.fetch import reader
from edge_agent.update.journal import Journal
from edge_agent.update.slots import install
from tests.signing_kit import Workshop, open_workshop

NAME = "brightness"
MINUTE_NS = 60 * 10**9


@dataclass
class Line:
    """A station folder that runs 1.0.0; bad: versions that fail their probation."""

    folder: Path
    workshop: Workshop
    bad: set[str] = field(default_factory=set)

    @property
    def root(self) -> Path:
        return self.folder / "station"

    def release(self, version: str) -> Bundle:
        """A bundle of this version that is released."""
        return read_bundle(self.workshop.signed(version))

    def station(self) -> Station:
        def watch(journal: Journal) -> bool:
            if journal.version in self.bad:
                raise BundleError("disarms the station", where=journal.version)
            return True

        return Station(
            self.root,
            lambda _: None,
            SystemClock(),
            shadow=lambda _: True,
            promotion=lambda _: True,
            probation=watch,
        )

    def source(self) -> Source:
        releases = str(self.workshop.folder / "releases")
        return Source(reader(releases), releases)

    def signer(self) -> DesiredSigner:
        return DesiredSigner(Keyring(self.workshop.keys), self.workshop.folder / "releases")

    def state(self, bundle: Bundle, counter: int = 1, **given: object) -> DesiredState:
        """What the workshop wants of the station `press`."""
        now_ns = SystemClock().utc_ns()
        found: dict[str, object] = {
            "station": "press",
            "counter": counter,
            "signed_at_ns": now_ns,
            "expires_ns": now_ns + MINUTE_NS,
            "action": "install",
            "name": NAME,
            "version": bundle.manifest.version,
            "manifest_sha256": sha256_hex(bundle.manifest_bytes),
        }
        return DesiredState.model_validate(found | given)

    def desired(self, bundle: Bundle, counter: int = 1, **given: object) -> DesiredMessage:
        return self.signer().sign(self.state(bundle, counter, **given))


def open_line(folder: Path) -> Line:
    """A copy of one that is made once: its keys and its first release cost most of a test."""
    shutil.copytree(_seed() / "workshop", folder / "workshop")
    workshop = Workshop(folder / "workshop", folder / "workshop" / "keys" / "root.json")
    line = Line(folder, workshop)
    shutil.copytree(_seed() / "station", line.root, symlinks=True)
    return line


@cache
def _seed() -> Path:
    holder = tempfile.TemporaryDirectory()
    atexit.register(holder.cleanup)
    folder = Path(holder.name)
    workshop = open_workshop(folder / "workshop")
    install(workshop.signed("1.0.0"), folder / "station", lambda _: None, trust=workshop.public)
    return folder


def encoded(message: DesiredMessage) -> bytes:
    return message.model_dump_json().encode()


@contextmanager
def following(
    line: Line, port: int, station: str = "press", confirm_s: float = 5.0
) -> Iterator[None]:
    """The station's program, in a thread of its own."""
    broker = BrokerTable.model_validate({"host": "127.0.0.1", "port": port})
    place, waits = Place(station, broker), {"retry_s": 0.1, "confirm_s": confirm_s}
    follower = Follower(place, line.station(), line.source(), **waits)
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
