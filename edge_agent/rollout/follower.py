"""The station's end of a rollout over MQTT: takes what is desired, works, and reports.

One thread takes and works; paho's thread only hands messages over. What was taken is gone on with
after a kill, also while no broker is there.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import MQTTMessage

from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError, LinesideError, StorageError
from edge_agent.contracts.core.files import storage_error
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.wire.kinds import desired, update
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.desired import Checked, OldStateError, check_desired, refuse_older
from edge_agent.rollout.refusals import Refusals
from edge_agent.rollout.taken import FOLDER, Taken, read_taken, taken_after, write_taken
from edge_agent.rollout.work import Source, Work, current
from edge_agent.update.bundle_update import Station
from edge_agent.update.folder import Folder
from edge_agent.update.signature import required
from edge_agent.update.station_key import report_signer
from edge_agent.update.trust_folder import read_trust_folder, write_trusted

LOG = logging.getLogger("lineside.rollout")

MOST_WAITING = 16
"""Messages that wait for this thread; the oldest goes, for only the newest desired state counts."""
TICK_S = 0.5
RETRY_S = 5.0
"""Between two tries of what may pass, and two attempts to reach the broker."""
CONFIRM_S = 5.0


@dataclass(frozen=True)
class Place:
    """Which station this is, and where its topics are."""

    station: str
    broker: BrokerTable
    prefix: str = "lineside"


class Follower:
    """Follows rollouts until `stop` is set.

    retry_s: the wait between two tries. confirm_s: how long the broker has to confirm a report.
    """

    def __init__(
        self,
        place: Place,
        station: Station,
        source: Source,
        *,
        retry_s: float = RETRY_S,
        confirm_s: float = CONFIRM_S,
    ) -> None:
        self._place = place
        self._root: Path = station.root
        self._clock: Clock = station.clock
        self._retry_s = retry_s
        self._confirm_s = confirm_s
        self._work = Work(station, source, self._tell_step)
        self._refusals = Refusals()
        self._log = LogLimit(LOG, self._clock)
        self._inbox: queue.Queue[bytes] = queue.Queue(MOST_WAITING)
        self._taken: Taken | None = None
        self._sign: Callable[[bytes], bytes] | None = None
        self._due_ns = 0
        self._session = BrokerSession(
            place.broker,
            f"rollout-{place.station}",
            topics=[desired.STREAM.topic(place.prefix, place.station)],
            on_message=self._came,
        )

    def run(self, stop: threading.Event) -> None:
        """Raises StorageError for a damaged memory of what was taken, or a damaged key."""
        self._taken, self._sign = read_taken(self._root), report_signer(self._root)
        try:
            while not stop.is_set():
                if self._connect():
                    self._serve(stop)
                self._go_on()  # also where each broker that lets us in ends the session at once
                stop.wait(self._retry_s)
        finally:
            self._session.close()

    def _connect(self) -> bool:
        try:
            self._session.open()
        except DeviceError as error:
            self._log.log(logging.ERROR, "broker", f"no rollout reaches this station: {error}")
            return False
        return True

    def _serve(self, stop: threading.Event) -> None:
        with self._disk_may_fail("a report waits"):
            self._report(self._message())
        while not stop.is_set() and not self._session.lost:
            try:
                payload = self._inbox.get(timeout=TICK_S)
            except queue.Empty:
                self._go_on()
                continue
            is_kept = False
            with self._disk_may_fail("a desired state waits"):
                self._consider(payload)
                is_kept = True
            if not is_kept:
                self._put(payload)
                stop.wait(self._retry_s)

    @contextmanager
    def _disk_may_fail(self, waits: str) -> Iterator[None]:
        """A disk that fails is logged, and ends nothing: what waits for it is tried again."""
        try:
            yield
        except (StorageError, OSError) as error:
            if not isinstance(error, StorageError):
                error = storage_error(self._root / FOLDER, error)
            self._log.log(logging.ERROR, "disk", f"{waits}: {error}")

    def _came(self, message: MQTTMessage) -> None:
        if message.payload:  # none: the workshop has taken the retained message away
            self._put(bytes(message.payload[: desired.STREAM.max_bytes + 1]))

    def _put(self, payload: bytes) -> None:
        try:
            self._inbox.put_nowait(payload)
        except queue.Full:
            self._inbox.get_nowait()
            self._inbox.put_nowait(payload)

    # --- what came

    def _consider(self, payload: bytes) -> None:
        """Take a desired state that is new, and work on it; raises StorageError or OSError."""
        trust = self._root / "trust"
        try:
            trusted = required(read_trust_folder(trust), trust)
            taken = self._taken
            checked = check_desired(
                payload,
                self._place.station,
                trusted,
                self._clock.utc_ns(),
                "" if taken is None else taken.digest,
            )
            if taken is not None:
                if checked.digest == taken.digest:
                    return  # the retained message, once more
                refuse_older(checked, taken.state.counter)
        except OldStateError as error:
            # Of the number that was taken, its own report alone says what becomes of it.
            is_taken = self._taken is not None and error.counter == self._taken.state.counter
            if self._refusals.name(payload, error) and not is_taken:
                self._report(self._message(error.counter, "refused", str(error)), retain=False)
            return
        except LinesideError as error:
            self._refusals.name(payload, error)
            return
        if checked.trusted.root != trusted.root:
            with Folder.open(self._root) as station:
                write_trusted(station, trusted, checked.trusted)
        self._take(checked)

    def _take(self, checked: Checked) -> None:
        now = current(self._root, checked.state.name)[1]
        taken = taken_after(self._taken, checked.state, checked.digest, now)
        begun = self._taken
        if begun is not None and taken.candidate is None and not self._work.give_up(begun):
            raise StorageError(
                "the way back of the previous update has not ended",
                where=str(self._root / "update"),
                cure="see `lineside-agent update status`",
            )
        write_taken(self._root, taken)
        self._taken, self._due_ns = taken, 0
        self._refusals.forget()
        wanted = f"{checked.state.action} {checked.state.name} {checked.state.version}"
        LOG.info("desired: %s (number %d)", wanted, checked.state.counter)
        self._report(self._message())
        self._go_on()

    def _go_on(self) -> None:
        """Try what is at work, where it is time for it."""
        taken = self._taken
        if taken is None or taken.ended or self._clock.mono_ns() < self._due_ns:
            return
        with self._disk_may_fail("a rollout waits"):
            self._work_on(taken)
        self._due_ns = self._clock.mono_ns() + round(self._retry_s * 1e9)

    def _work_on(self, taken: Taken) -> None:
        after = self._work.go_on(taken)
        if after == taken:
            return
        write_taken(self._root, after)
        self._taken = after
        if after.ended:
            LOG.info("desired number %d: %s %s", after.state.counter, after.ended, after.reason)
        self._report(self._message())

    # --- what is told

    def _tell_step(self, step: str) -> None:
        message = self._message()
        self._report(message.model_copy(update={"step": step}))

    def _message(
        self, counter: int | None = None, state: str | None = None, reason: str = ""
    ) -> UpdateMessage:
        taken = self._taken
        if taken is None:
            found = {"counter": 0, "state": "idle"}
        else:
            name = taken.state.name
            found = {
                "counter": taken.state.counter,
                "state": taken.ended or "at-work",
                "reason": taken.reason,
                "name": name,
                "version": current(self._root, name)[0],
            }
        if counter is not None:
            found |= {"counter": counter, "state": state, "reason": reason[:400]}
        return UpdateMessage.model_validate(
            {"station": self._place.station, "at_ns": self._clock.utc_ns(), **found}
        )

    def _report(self, message: UpdateMessage, *, retain: bool = True) -> None:
        """Tell the controller; a broker that is away is told again when it is back."""
        if self._sign is not None:
            signature = self._sign(message.signed_bytes()).hex()
            message = message.model_copy(update={"signature": signature})
        topic = update.STREAM.topic(self._place.prefix, self._place.station)
        payload = message.model_dump_json(exclude_none=True).encode()
        try:
            self._session.publish(topic, payload, self._confirm_s, retain=retain)
        except DeviceError as error:
            LOG.debug("not told: %s", error)
