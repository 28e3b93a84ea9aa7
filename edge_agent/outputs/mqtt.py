"""A gate that is driven by messages: each decision on a topic, confirmed by the broker."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import Field

from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.output import OutputDriver, OutputStatus, OutputTable


class MqttOutputTable(OutputTable):
    """A JSON object for each decision, to whatever drives the gate.

    The broker publishes the safe state when the station dies. Verdicts for the record go through
    [mqtt], which loses none; this topic is for a device that acts at once.
    """

    driver: Literal["mqtt"]
    broker: BrokerTable = Field(description="the broker")
    topic: str = Field(min_length=1, pattern=r"^[^+#\x00]+$", description="where decisions go")
    timeout_s: float = Field(
        default=0.2, gt=0, le=10, description="longest wait for the broker's confirmation"
    )


class MqttOutput:
    """Publishes `{"part_id", "action", "verdict", "at_ns"}`; an empty part_id is the safe state."""

    def __init__(self, config: MqttOutputTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._commanded: Action | None = None
        self._fault = ""
        self._written = 0
        self._failed = 0
        will = (config.topic, _payload(config.safe_state))
        self._session = BrokerSession(config.broker, name, will=will)

    def open(self) -> None:
        """Connect and publish the safe state."""
        self._session.open()
        try:
            self.show_safe_state()
        except DeviceError:
            self._session.close()
            raise

    def write(self, decision: Decision) -> None:
        """Publish a decision; a lost connection is opened again for it."""
        try:
            if self._session.lost:
                self._session.open()
            verdict = str(decision.verdict)
            self._publish(decision.action, decision.part_id, verdict, self._clock.utc_ns())
        except DeviceError as error:
            self._failed += 1
            self._fault = str(error)
            raise
        self._written += 1

    def show_safe_state(self) -> None:
        """Publish the safe state."""
        self._publish(self._config.safe_state, at_ns=self._clock.utc_ns())

    def status(self) -> OutputStatus:
        """The last action that the broker confirmed."""
        fault = self._fault or self._session.lost
        return OutputStatus(self._commanded, None, fault, self._written, self._failed)

    def close(self) -> None:
        """Publish the safe state where the broker answers, and leave."""
        if not self._session.lost:
            try:
                self.show_safe_state()
            except DeviceError as error:
                self._fault = str(error)
        self._session.close()

    def _publish(
        self, action: Action, part_id: str = "", verdict: str = "", at_ns: int = 0
    ) -> None:
        payload = _payload(action, part_id, verdict, at_ns)
        self._session.publish(self._config.topic, payload, self._config.timeout_s)
        self._commanded, self._fault = action, ""


def _payload(action: Action, part_id: str = "", verdict: str = "", at_ns: int = 0) -> bytes:
    document = {"part_id": part_id, "action": action, "verdict": verdict, "at_ns": at_ns}
    return json.dumps(document).encode()


DRIVER = OutputDriver(MqttOutputTable, MqttOutput)
