"""What happens to a decision: it is numbered, the outputs act, and everybody else is told.

In this order, one decision after the other. The number is counted in shared memory before an
output moves, so that whatever kills the agent, the next start knows how many parts were acted on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.decide.hold import Hold
from edge_agent.messaging.publisher import Publisher
from edge_agent.station.counts import StationCounts
from edge_agent.station.output_set import OutputSet
from edge_agent.station.relay import Relay

LOG = logging.getLogger("lineside.station")


class Listener(Protocol):
    """What records messages besides the outbox: audit log, evidence, page, adapters.

    Each is called in a thread of its own, so that none delays the outputs or another one.
    """

    def publish(self, message: Outbound) -> None:
        """Take a message."""


class Actor:
    """Acts on decisions and publishes messages. Any thread may call it.

    hold: while somebody has stopped passing, no part is accepted.
    """

    def __init__(
        self,
        outputs: OutputSet,
        publisher: Publisher,
        *,
        station: str,
        deadline_ms: float,
        counts: StationCounts,
        listeners: Sequence[Listener] = (),
        hold: Hold | None = None,
    ) -> None:
        self._hold = hold or Hold()
        self._outputs = outputs
        self._publisher = publisher
        self._station = station
        self._deadline_ms = deadline_ms
        self._counts = counts
        self._relays = [Relay(listener.publish, type(listener).__name__) for listener in listeners]
        # Number, act, record: a decision that another thread makes meanwhile comes whole after it,
        # so the order of the numbers is the order in which the outputs acted.
        self._lock = threading.Lock()

    def expect(self, part_id: str, trigger_ns: int) -> None:
        """A part passed the trigger: the gates wait for its decision."""
        self._outputs.expect(part_id, trigger_ns)

    def act(self, decision: Decision, *, write: bool = True) -> None:
        """Let the outputs act (write) and record the decision; never waits for disk or network.

        write: False for a late FAIL, which moves only the gates that the part has not reached.
        """
        with self._lock:
            decision = self._hold.applied(decision)
            number = self._publisher.take()
            if write:
                self._outputs.write(decision)
            else:
                self._outputs.correct(decision)
            self._count(decision)
            self._publish(self._message(decision), number)

    def publish(self, message: Outbound) -> None:
        """Tell everybody of a state, health or other message."""
        self._publish(message, None)

    def close(self) -> None:
        """Give the listeners what waits, and end their threads."""
        for relay in self._relays:
            relay.close()

    def _publish(self, message: Outbound, number: int | None) -> None:
        try:
            self._publisher.publish(message, number)
        except ValueError:
            # The outbox counts a message that JSON cannot carry as a gap.
            self._counts.add_fault()
            LOG.exception("a message cannot be sent")
        for relay in self._relays:
            relay.put(message)

    def _count(self, decision: Decision) -> None:
        if decision.late_fail:
            self._counts.add_late_fail()
            LOG.error("part %s: %s", decision.part_id, decision.reason)
        else:
            self._counts.add_part(decision.verdict)

    def _message(self, decision: Decision) -> VerdictMessage:
        return VerdictMessage(
            station=self._station,
            at_ns=decision.at_ns,
            part_id=decision.part_id,
            verdict=decision.verdict,
            action=decision.action,
            reason=wire_text(decision.reason),
            latency_ms=decision.latency_ms,
            deadline_ms=self._deadline_ms,
            channels=list(decision.channels),
            late_fail=True if decision.late_fail else None,
        )
