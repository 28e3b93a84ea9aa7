"""The order of an edge node's messages: births, data, deaths, their numbers. No I/O.

Sparkplug 3.0.0, chapter 5: NBIRTH has seq 0 and every further message the next of 0 to 255; NDEATH
has none and the bdSeq of the NBIRTH that it ends. Metrics that came while nobody was there go out
after the births, marked as historical.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.sparkplug.payload import SparkMetric, Value, encode
from edge_agent.messaging.sparkplug.schema import DataType
from edge_agent.messaging.sparkplug.station_metrics import (
    DEVICE,
    NODE,
    device_values,
    metrics_of,
    node_values,
)

BD_SEQ, REBIRTH = "bdSeq", "Node Control/Rebirth"
SEQUENCE = 256
KEPT = 2000
"""Messages that wait for a connection; then the oldest are dropped. Verdicts themselves are in the
outbox: this is what a display may show of the past."""


class Sent(NamedTuple):
    """One message to publish, with QoS 0 and not retained."""

    topic: str
    payload: bytes


class EdgeNode:
    """The state of one node and its devices; one thread at a time may call it."""

    def __init__(self, group: str, node: str) -> None:
        self.born = False
        self._group = group
        self._node = node
        self._seq = 0
        self._node_now: dict[str, Value] = {}
        self._devices: dict[str, dict[str, Value]] = {}
        self._missed: deque[tuple[str, list[SparkMetric], int]] = deque(maxlen=KEPT)

    def topic(self, kind: str, device: str = "") -> str:
        """`spBv1.0/GROUP/KIND/NODE[/DEVICE]`."""
        end = f"/{device}" if device else ""
        return f"spBv1.0/{self._group}/{kind}/{self._node}{end}"

    def death(self, bd_seq: int, at_ms: int) -> Sent:
        """NDEATH: the last will, and the last word before an orderly end."""
        metric = SparkMetric(BD_SEQ, DataType.INT64, bd_seq, at_ms)
        self.born = False
        return Sent(self.topic("NDEATH"), encode([metric], at_ms, None))

    def births(self, bd_seq: int, at_ms: int) -> Iterator[Sent]:
        """NBIRTH, a DBIRTH for each device, and what was missed meanwhile."""
        self._seq, self.born = 0, True
        metrics = [
            SparkMetric(BD_SEQ, DataType.INT64, bd_seq, at_ms),
            SparkMetric(REBIRTH, DataType.BOOLEAN, False, at_ms),
            *metrics_of(dict.fromkeys(NODE) | self._node_now, NODE, at_ms),
        ]
        yield Sent(self.topic("NBIRTH"), encode(metrics, at_ms, self._next()))
        for device in self._devices:
            yield self._device_birth(device, at_ms)
        while self._missed:
            device, missed, then_ms = self._missed.popleft()
            kind = "DDATA" if device else "NDATA"
            payload = encode(missed, then_ms, self._next(), historical=True)
            yield Sent(self.topic(kind, device), payload)

    def data(self, message: Outbound) -> Iterator[Sent]:
        """What a message of the station changes; nothing while there is no birth."""
        at_ms = message.at_ns // 1_000_000
        values = node_values(message)
        self._node_now |= values
        if values:
            yield from self._changed("", metrics_of(values, NODE, at_ms), at_ms)
        for channel, said in device_values(message).items():
            device = device_name(channel)
            is_new = device not in self._devices
            self._devices.setdefault(device, {}).update(said)
            if is_new and self.born:
                yield self._device_birth(device, at_ms)
            else:
                yield from self._changed(device, metrics_of(said, DEVICE, at_ms), at_ms)

    def _changed(self, device: str, metrics: list[SparkMetric], at_ms: int) -> Iterator[Sent]:
        if not self.born:
            self._missed.append((device, metrics, at_ms))
            return
        kind = "DDATA" if device else "NDATA"
        yield Sent(self.topic(kind, device), encode(metrics, at_ms, self._next()))

    def _device_birth(self, device: str, at_ms: int) -> Sent:
        metrics = metrics_of(dict.fromkeys(DEVICE) | self._devices[device], DEVICE, at_ms)
        return Sent(self.topic("DBIRTH", device), encode(metrics, at_ms, self._next()))

    def _next(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % SEQUENCE
        return seq


def device_name(channel: str) -> str:
    """A channel's name without the characters that a topic's level cannot have."""
    return "".join("_" if c in "+/#" or ord(c) < 32 else c for c in channel)
