"""Publishes the messages of a station: durable ones through the outbox, the others beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.streams import Outbound, stream_of
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.config import MqttTable, OutboxTable
from edge_agent.messaging.mqtt.sender import Sender
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.unsaved import Unsaved

LOG = logging.getLogger("lineside.station")


class Publisher:
    """The outbox and the sender of a station; without [mqtt] it keeps and sends nothing."""

    def __init__(
        self,
        mqtt: MqttTable | None,
        outbox: OutboxTable,
        *,
        station: str,
        state_dir: Path,
        clock: Clock,
    ) -> None:
        self._outbox: Outbox | None = None
        self._sender: Sender | None = None
        self._sending = False
        self._keeping = False
        self._left_out = 0
        self._log = LogLimit(LOG, clock, every_s=3600.0)
        if mqtt is None:
            return
        self._outbox = Outbox(
            OutboxStore(state_dir, outbox.quota_mb),
            ActedCounter(state_dir),
            station=station,
            hand_over=outbox.hand_over,
            clock=clock,
            on_commit=self._wake,
            gather_s=outbox.gather_ms / 1e3,
            unsaved=Unsaved(state_dir),
        )
        self._sender = Sender(
            mqtt,
            station=station,
            client_id=mqtt.client_id_of(station),
            outbox=self._outbox,
            clock=clock,
        )

    @property
    def sent(self) -> int:
        """Messages that the broker (or the receiver) confirmed."""
        return self._sender.confirmed if self._sender else 0

    @property
    def waiting(self) -> int:
        """Messages on disk that nobody confirmed yet."""
        return self._outbox.waiting if self._outbox else 0

    @property
    def faults(self) -> list[str]:
        """Sentences for the state of the station: what is not kept, lost, or not taken."""
        if self._outbox is None or self._sender is None:
            return []
        unkept = self._outbox.fault
        found = [f"verdicts are counted, not kept: {unkept}"] if unkept else []
        return [*found, *filter(None, [self._outbox.notice]), *self._sender.faults]

    def open(self) -> None:
        """Get ready to keep verdicts; raises StorageError, and may then be called again.

        As soon as the folder is ours, state and earlier verdicts are sent: a broker must not hear
        two agents of one name, and a full disk empties itself only by what is confirmed.
        """
        if self._keeping:
            return
        if self._outbox is None or self._sender is None:
            LOG.info("no [mqtt] in station.toml: verdicts are shown, not sent")
        else:
            self._outbox.claim()
            if not self._sending:
                self._sender.start()
                self._sending = True
            self._outbox.start()
        self._keeping = True

    def take(self) -> int | None:
        """The number of a part that the line is about to act on; publish() its verdict with it.

        It is counted where a kill cannot reach: a part that was acted on and never recorded is
        reported by the next start. None where nothing is kept.
        """
        return self._outbox.take() if self._outbox is not None and self._keeping else None

    def publish(self, message: Outbound, number: int | None = None) -> None:
        """Send a message the way its row of the stream table says; never waits.

        A durable message is numbered (with `number` from take(), or a new one) and kept
        until it is confirmed. Of the others the newest of each kind is sent; a retained one again
        after each reconnection.
        """
        if self._outbox is None or self._sender is None:
            return
        if isinstance(message, DurableMessage):
            # Telemetry for nobody takes no room; what was tried before asks on for a subscriber.
            if (name := stream_of(message).name) in self._sender.unheard:
                self._leave_out(name)
            else:
                self._outbox.put(message, number)
        else:
            self._sender.publish(message)

    def _leave_out(self, name: str) -> None:
        """Count a message that nobody wants. It has no number, so that no gap names it."""
        self._left_out += 1
        self._log.log(logging.INFO, name, f"{name} messages are left out: nobody subscribes to it")

    def close(self, drain_s: float) -> None:
        """Send what waits for at most `drain_s`, keep the rest, and close."""
        if self._sender is not None:
            self._sender.stop(drain_s)
        if self._outbox is not None:
            self._outbox.stop()
        if self._left_out:
            LOG.info("%d messages were left out: nobody subscribed to them", self._left_out)
            self._left_out = 0
        self._sending = self._keeping = False

    def _wake(self) -> None:
        if self._sender is not None:
            self._sender.wake()
