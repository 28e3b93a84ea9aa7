"""The thread that carries the handshake to the PLC and back."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.plc.driver import PlcProtocol, PlcTable
from edge_agent.plc.handshake import LARGEST, Acquisition, Handshake, Result
from edge_agent.plc.jobs import Jobs, NoJobs
from edge_agent.plc.reasons import OfflineReason
from edge_agent.plc.registers import (
    FLAGS_AT,
    STATUS,
    Status,
    decode_command,
    decode_status,
    encode_status,
)

LOG = logging.getLogger("lineside.plc")

READ_BACK_BEATS = 10
"""Every so many heartbeats the status block is read back."""
RECONNECT_S = (0.1, 0.2, 0.5, 1.0)
"""Waits before a lost PLC is called again; the last one repeats."""


class PlcLink:
    """Looks at the PLC's words, and writes the station's; start() and stop() own its thread.

    held: whether a person has stopped passing. jobs: what the PLC may choose. fault: what is wrong
    with the link, or empty.
    """

    def __init__(
        self,
        config: PlcTable,
        protocol: PlcProtocol,
        *,
        clock: Clock,
        held: Callable[[], bool] = bool,
    ) -> None:
        self.fault = ""
        self._config = config
        self._protocol = protocol
        self._clock = clock
        self._held = held
        self.jobs: Jobs = NoJobs()
        self._handshake = Handshake(
            room=config.results,
            triggers=config.triggers,
            timeout_ns=round(config.result_timeout_ms * 1e6),
            gap_ns=round(config.trigger_gap_ms * 1e6),
            part_name=config.part_name,
        )
        self._is_running = False
        self._accepted: deque[Acquisition] = deque()
        # Decisions come from the station's threads, looks from this one.
        self._change = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._words: list[int] = []
        self._heartbeat = 0
        self._beat_ns = 0
        self._attempts = 0

    def start(self) -> None:
        """Connect and begin; raises DeviceError. A link that runs goes on."""
        if self._thread is not None:
            return
        self._connect()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="plc", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the PLC where it answers that the station has stopped, and disconnect."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        self._wake.set()
        if thread is not None:
            thread.join(timeout=15)

    def set_state(self, *, running: bool, armed: bool) -> None:
        """running: the station decides about parts; armed: it can judge every one of them."""
        with self._change:
            changes = (self._is_running, self._handshake.armed) != (running, armed)
            self._is_running, self._handshake.armed = running, armed
        if changes:
            self._wake.set()

    def decide(self, part_id: str, result: Result) -> None:
        """Hand a decision over; raises DeviceError where the PLC will not see it."""
        with self._change:
            if self.fault and not self._config.triggers:
                raise DeviceError(self.fault)
            taken = self._handshake.decide(part_id, result)
        self._wake.set()
        if not taken:
            raise DeviceError(
                f"{self._config.results} results wait: the one of part {part_id} is lost",
                where=self._protocol.where,
                cure="let the PLC acknowledge results, or raise `results`",
            )

    def next_accepted(self, timeout_s: float) -> Acquisition | None:
        """The next part that was accepted, or None; raises DeviceError while the link is lost."""
        with self._change:
            self._change.wait_for(lambda: self._accepted or self.fault, timeout_s)
            if self._accepted:
                return self._accepted.popleft()
            if self.fault:
                raise DeviceError(self.fault)
        return None

    def told(self) -> Status:
        """What the PLC was told last."""
        with self._change:
            return decode_status(self._words) if self._words else Status()

    @property
    def missed(self) -> int:
        """Triggers that were not accepted, and accepted parts that nobody took."""
        return self.told().missed_count

    def _run(self) -> None:
        turn = RealTimeThread()
        while not self._stopping.is_set():
            turn.keep()
            try:
                self._look()
            except DeviceError as error:
                self._lose(str(error))
            except Exception as error:
                LOG.exception("the link to the PLC failed; connecting again")
                self._lose(repr(error))
            self._wake.wait(self._config.poll_ms / 1e3)
            self._wake.clear()
        self._say_goodbye()

    def _connect(self) -> None:
        self._protocol.open()
        try:
            last = decode_status(self._protocol.read_status()).acquisition_id
        except DeviceError:
            self._protocol.close()
            raise
        with self._change:
            self._handshake.begin(last)
            self._accepted.clear()
            self._words = []
            self.fault = ""

    def _look(self) -> None:
        if self.fault:
            self._connect()
            self._attempts = 0
            LOG.warning("%s answers again", self._protocol.where)
        now_ns = self._clock.mono_ns()
        command = decode_command(self._protocol.read_command())
        held, job = self._held(), self.jobs.state()
        with self._change:
            self._handshake.offline = self._offline(held)
            self._handshake.job = job
            scan = self._handshake.scan(command, now_ns)
            if scan.accepted is not None:
                self._accepted.append(scan.accepted)
                self._change.notify_all()
        if scan.job is not None:
            self.jobs.request(scan.job)
            self._handshake.job = self.jobs.state()
        self._tell(now_ns)

    def _offline(self, held: bool) -> OfflineReason:
        if not self._is_running:
            return OfflineReason.STARTING
        return OfflineReason.HELD if held else OfflineReason.NONE

    def _tell(self, now_ns: int) -> None:
        """Write what changed: the flags last. With each heartbeat everything is written again."""
        is_due = now_ns - self._beat_ns >= self._config.heartbeat_ms * 1e6 or not self._words
        if is_due:
            if self._words and self._heartbeat % READ_BACK_BEATS == 0:
                self._read_back()
            self._beat_ns = now_ns
            self._heartbeat = self._heartbeat % LARGEST + 1
        with self._change:
            words = encode_status(self._handshake.status(self._heartbeat))
        if is_due or words[:FLAGS_AT] != self._words[:FLAGS_AT]:
            self._protocol.write_status(0, words[:FLAGS_AT])
        if is_due or words[FLAGS_AT:] != self._words[FLAGS_AT:]:
            self._protocol.write_status(FLAGS_AT, words[FLAGS_AT:])
        with self._change:
            self._words = words

    def _read_back(self) -> None:
        found = self._protocol.read_status()
        wrong = [
            f"{register.name} was set to {told} and reads {read}"
            for register, told, read in zip(STATUS, self._words, found, strict=True)
            if told != read
        ]
        if wrong:
            raise DeviceError(
                "; ".join(wrong),
                where=self._protocol.where,
                cure="check the addresses, and who else writes there",
            )

    def _lose(self, fault: str) -> None:
        """What was under way is lost for the PLC: it rejects what gets no result."""
        if not self.fault:
            LOG.error("the PLC is lost: %s", fault)
        self._protocol.close()
        with self._change:
            self.fault = fault
            self._accepted.clear()
            self._change.notify_all()
        self._stopping.wait(RECONNECT_S[min(self._attempts, len(RECONNECT_S) - 1)])
        self._attempts += 1

    def _say_goodbye(self) -> None:
        if not self.fault:
            with self._change:
                last = self._handshake.status(0)
            lowered: dict[str, int] = dict.fromkeys((part.name for part in STATUS[-1].parts), 0)
            words = encode_status(replace(last, offline_reason=OfflineReason.STOPPING, **lowered))
            try:
                self._protocol.write_status(FLAGS_AT, words[FLAGS_AT:])
                self._protocol.write_status(0, words[:FLAGS_AT])
            except DeviceError as error:
                LOG.warning("the PLC could not be told of the end: %s", error)
        self._protocol.close()
