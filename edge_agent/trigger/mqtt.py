"""Messages that report a part: from a PLC's gateway, a barcode reader, another station."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

from paho.mqtt.client import MQTTMessage
from pydantic import Field

from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

WAITING = 4096
"""Events that may wait; beyond this the oldest is lost, which leaves a hole in `seq`."""
MOST_CHARACTERS = 1000
MOST_BYTES = 1 << 16


class MqttTriggerTable(TriggerTable):
    """A message on a topic for each part."""

    driver: Literal["mqtt"]
    broker: BrokerTable = Field(description="the broker")
    topic: str = Field(min_length=1, pattern=r"^[^\x00]+$", description="where parts are reported")
    part_key: str = Field(
        default="", description="key of a JSON object that names the part; empty: the whole text"
    )


class MqttTrigger:
    """Gives an event for each message; retained ones are old, and are passed over.

    No session outlives its connection, so that the broker sends nothing again. An unreadable
    message is a part too, without a name.
    """

    def __init__(self, config: MqttTriggerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._change = threading.Condition()
        self._waiting: deque[TriggerEvent] = deque()
        self._seq = 0
        self._lost_events = 0
        self._session = BrokerSession(
            config.broker, name, topics=[config.topic], on_message=self._take
        )

    def open(self) -> None:
        """Connect and subscribe; events of an earlier connection are gone."""
        with self._change:
            self._waiting.clear()
        self._session.open()

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next event; raises DeviceError when the broker is lost, after what came before."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._session.lost, timeout_s)
            if self._waiting:
                return self._waiting.popleft()
        if self._session.lost:
            raise DeviceError(
                f"the connection is lost ({self._session.lost})",
                where=self._session.where,
                cure="start the broker again; the trigger goes on by itself",
            )
        return None

    def status(self) -> TriggerStatus:
        """Events, and those that were lost."""
        events = self._seq - self._lost_events
        return TriggerStatus(events, self._lost_events, fault=self._session.lost)

    def close(self) -> None:
        """Leave the broker."""
        self._session.close()

    def _take(self, message: MQTTMessage) -> None:
        if message.retain:
            return
        part_id = self._part_id(bytes(message.payload))
        with self._change:
            now_ns, seq = self._clock.mono_ns(), self._seq
            self._seq += 1
            if len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._lost_events += 1
            self._waiting.append(TriggerEvent(now_ns, seq, part_id))
            self._change.notify_all()

    def _part_id(self, payload: bytes) -> str:
        if len(payload) > MOST_BYTES:
            return ""
        try:
            text = payload.decode("utf-8-sig").strip()
            if not self._config.part_key:
                return text[:MOST_CHARACTERS]
            value = load_json_object(text).get(self._config.part_key)
        except ValueError:
            return ""
        is_name = isinstance(value, str | int) and not isinstance(value, bool)
        return str(value)[:MOST_CHARACTERS] if is_name else ""


DRIVER = TriggerDriver(MqttTriggerTable, MqttTrigger, names_parts=True)
