"""Collects the messages of all stations: subscribe, de-duplicate, commit, then confirm.

Only after the commit a station is told (mqtt.ack = "application") that it may delete messages, so
a verdict is safe in the plant's database and not only at a broker. A database that is away is
waited for: what arrives meanwhile waits here, and then at the broker and at the stations.
"""

from __future__ import annotations

import logging
import queue
import threading
import time

from deploy.history.arrivals import Arrival
from deploy.history.confirmations import confirmations
from deploy.history.inbox import is_check, read_arrival
from deploy.history.ledger import Stored
from deploy.history.store import HistoryStore
from deploy.history.subscriber import Broker, Incoming, Subscriber
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.contracts.core.log_limit import LogLimit

LOG = logging.getLogger("lineside.collect")

BATCH = 5000
GATHER_S = 0.1
"""A batch is committed when it is full, or this long after its first message,"""
QUIET_S = 0.01
"""or when nothing more came for so long."""
TICK_S = 0.1
"""Longest wait for a message or for room, so that a stop is obeyed soon."""
WAITING_MAX = 50_000
"""Messages that may wait for the database; then the broker is not read until there is room."""
RETRY_MIN_S, RETRY_MAX_S = 0.1, 10.0


class Collector:
    """run() until `stop` is set; counts what it stored.

    refused: messages that the database has no room for in a column; they are not confirmed.
    """

    def __init__(self, broker: Broker, store: HistoryStore, clock: Clock) -> None:
        self.new = 0
        self.repeated = 0
        self.unreadable = 0
        self.refused = 0
        self._store = store
        self._clock = clock
        self._log = LogLimit(LOG, clock)
        self._arrived: queue.Queue[Incoming] = queue.Queue(WAITING_MAX)
        self._subscriber = Subscriber(broker, self._put, clock)
        self._stop = threading.Event()

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has taken every subscription of the present connection."""
        return self._subscriber.is_subscribed

    @property
    def stations(self) -> frozenset[str]:
        """With a share: the stations whose messages the broker sends us."""
        return self._subscriber.stations

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set, and then what arrived before; `stop` is set at its end.

        Raises BrokerError where no broker is there at the start.
        """
        self._stop = stop
        with self._subscriber:
            try:
                while not stop.is_set():
                    self._collect(self._gather())
            finally:
                stop.set()
        # The broker has our word for these; stations that wait for it ask again and get it.
        while rest := self._rest():
            self._collect(rest)

    def _rest(self) -> list[Incoming]:
        found: list[Incoming] = []
        while len(found) < BATCH and not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        return found

    def _put(self, message: Incoming) -> bool:
        """Wait for room; while there is none the broker is not read. False: we are ending."""
        while not self._stop.is_set():
            try:
                self._arrived.put(message, timeout=TICK_S)
            except queue.Full:
                continue
            return True
        return False

    def _gather(self) -> list[Incoming]:
        try:
            batch = [self._arrived.get(timeout=TICK_S)]
        except queue.Empty:
            return []
        until = time.monotonic() + GATHER_S
        while len(batch) < BATCH:
            try:
                batch.append(self._next(until))
            except queue.Empty:
                break
        return batch

    def _next(self, until: float) -> Incoming:
        """The next message; raises Empty where none comes before `until` (monotonic seconds)."""
        try:
            return self._arrived.get_nowait()
        except queue.Empty:
            left = until - time.monotonic()
            return self._arrived.get(timeout=max(0.0, min(QUIET_S, left)))

    def _collect(self, batch: list[Incoming]) -> None:
        """Commit a batch, and confirm it after that."""
        arrivals = [one for message in batch if (one := self._read(message)) is not None]
        if arrivals and not self._commit(arrivals):
            return
        self._subscriber.release(batch)

    def _commit(self, arrivals: list[Arrival]) -> bool:
        """Whether all of it is stored or refused; False where `stop` came before."""
        try:
            stored = self._add(arrivals)
        except InputError as error:
            return self._part(arrivals, error)
        if stored is None:
            return False
        self.new, self.repeated = self.new + stored.new, self.repeated + stored.repeated
        keys = [arrival.key for arrival in arrivals if arrival.key is not None]
        for station, ack in confirmations(keys, stored.through):
            self._subscriber.confirm(station, ack)
        return True

    def _part(self, arrivals: list[Arrival], error: InputError) -> bool:
        """One message of a batch is refused: halve the batch until it is alone."""
        if len(arrivals) == 1:
            self.refused += 1
            station = arrivals[0].message.station
            self._log.log(logging.ERROR, "refused", f"a message of {station} is refused: {error}")
            return True
        middle = len(arrivals) // 2
        return self._commit(arrivals[:middle]) and self._commit(arrivals[middle:])

    def _add(self, arrivals: list[Arrival]) -> Stored | None:
        """Store a batch however long the database is away; None where `stop` is set before."""
        wait_s = RETRY_MIN_S
        while True:
            try:
                stored = self._store.add(arrivals)
            except StorageError as error:
                self._log.log(logging.ERROR, "store", f"nothing is stored for now: {error}")
            else:
                if wait_s > RETRY_MIN_S:
                    LOG.warning("the database takes messages again")
                return stored
            if self._stop.wait(wait_s):
                return None
            wait_s = min(2 * wait_s, RETRY_MAX_S)
            self._open_again()

    def _open_again(self) -> None:
        self._store.close()
        try:
            self._store.open()
        except StorageError as error:
            self._log.log(logging.ERROR, "store", f"nothing is stored for now: {error}")

    def _read(self, message: Incoming) -> Arrival | None:
        arrival = read_arrival(message.topic, message.payload, self._clock.utc_ns())
        if arrival is None:
            self.unreadable += not is_check(message.payload)
        elif not self._subscriber.takes(arrival.message.station):
            return None
        return arrival
