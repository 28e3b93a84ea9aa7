"""Process tags over MQTT as a source of rows.

A connection of its own, whose session the broker forgets: a value that came while nobody listened
is of no use. Nothing is published.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.client import (
    CONNECT_S,
    address,
    build_client,
    connect,
    refusal,
    refuse_unless_connected,
)
from edge_agent.capture.process.tag_cache import Cell, Said, TagBoard
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BrokerError, DeviceError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable

if TYPE_CHECKING:
    from edge_agent.broker.config import BrokerTable
    from edge_agent.capture.tables import TagsSource

START_S = 5.0
"""How long the first row waits for every tag to have spoken once."""
WAITING = 4096
"""Triggers that may wait for their values to settle; beyond this the oldest is lost, and a hole
in `seq` says so."""


@dataclass(frozen=True)
class Trigger:
    """When a row was asked for, and the row where its values need not settle.

    part_id: where the trigger itself names the part.
    """

    at_ns: int
    mono_ns: int
    seq: int
    part_id: str = ""
    item: ProcessRow | Unreadable | None = None


class MqttTags:
    """Gives a row of the last values every period_s, or after each trigger.

    A tag that never spoke, is stale or unreadable makes the row Unreadable with the tag's name; a
    sender's own null is a missing value, which the model's manifest deals with.
    `config.tag` must hold every tag that a row shall have, and `config.broker` the broker.
    """

    live = True

    def __init__(self, config: TagsSource, *, name: str, clock: Clock) -> None:
        self._config = config
        self._broker = _broker(config, name)
        self._name = name
        self._clock = clock
        self._wanted = [tag.name for tag in config.tag]
        self._board = TagBoard(config.tag, config.stale_s)
        self._triggers: deque[Trigger] = deque()
        self._level: Cell = None
        self._client: Client | None = None
        self._answer: ReasonCode | None = None
        self._granted: list[ReasonCode] | None = None
        self._lost = ""
        self._due_ns: int | None = None
        self._start_ns = 0
        self._begun = False
        self._seq = 0
        self._change = threading.Condition()

    def open(self) -> None:
        """Connect and subscribe; raises DeviceError when the broker is not there or refuses."""
        self._forget()
        client = build_client(self._broker, f"lineside-{self._name}-{uuid.uuid4().hex[:8]}")
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        self._client = client
        try:
            connect(client, self._broker, session_expiry_s=0, fresh=True)
            client.loop_start()
            self._await_connection()
            self._subscribe(client)
        except BrokerError as error:
            self.close()
            raise DeviceError(error.what, where=error.where, cure=error.cure) from error

    def next(self, timeout_s: float) -> ProcessRow | Unreadable | None:
        """The next row that is due; raises DeviceError when the connection is lost, after the rows
        that were asked for before.
        """
        with self._change:
            wait_s = min(timeout_s, self._until_due_s())
            due = self._change.wait_for(lambda: self._lost or self._until_due_s() <= 0, wait_s)
            if self._lost and self._triggers:
                lost = f"the connection was lost before the values settled ({self._lost})"
                return self._unsettled(self._triggers.popleft(), lost)
            if self._lost:
                raise DeviceError(
                    f"the connection is lost ({self._lost})",
                    where=address(self._broker),
                    cure="start the broker again; the channel goes on by itself",
                )
            return self._take() if due else None

    def unfinished(self) -> list[Item]:
        """The rows of triggers whose values have not settled, as Unreadable."""
        with self._change:
            left: list[Item] = [
                self._unsettled(one, "stopped before the values settled") for one in self._triggers
            ]
            self._triggers.clear()
        return left

    def close(self) -> None:
        """Leave the broker."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _forget(self) -> None:
        """A new connection starts without the values of the old one."""
        with self._change:
            self._board.clear()
            self._seq += bool(self._seq and self._config.trigger_tag)
            self._triggers.clear()
            self._level, self._lost, self._begun = None, "", False
            self._answer, self._granted = None, None
            self._start_ns = self._clock.mono_ns() + round(START_S * 1e9)

    def _await_connection(self) -> None:
        with self._change:
            self._change.wait_for(lambda: self._answer is not None, CONNECT_S)
            refuse_unless_connected(self._broker, self._answer)

    def _subscribe(self, client: Client) -> None:
        topics = self._board.topics
        client.subscribe([(topic, 1) for topic in topics])
        with self._change:
            self._change.wait_for(lambda: self._granted is not None, CONNECT_S)
            granted = self._granted or []
        for topic, reason in zip(topics, granted, strict=False):
            if reason.is_failure:
                raise refusal(self._broker, reason, f"refuses the subscription to {topic}")
        if not granted:
            raise BrokerError(
                "does not answer a subscription", where=address(self._broker), cure="see its log"
            )

    def _until_due_s(self) -> float:
        """Seconds until a row is due; beyond every timeout where none is in sight."""
        now = self._clock.mono_ns()
        if self._config.trigger_tag:
            if not self._triggers:
                return 3600.0
            settled = self._triggers[0].mono_ns + round(self._config.settle_ms * 1e6)
            return (settled - now) / 1e9
        if not self._begun:
            if not self._board.heard_all(self._wanted) and now < self._start_ns:
                return (self._start_ns - now) / 1e9
            self._begin(now)
        return ((self._due_ns or now) - now) / 1e9

    def _begin(self, now: int) -> None:
        """The first row of a connection; periods that went by before it left no row."""
        if self._due_ns is not None:
            self._seq += max(1, (now - self._due_ns) // round(self._config.period_s * 1e9))
        self._due_ns, self._begun = now, True

    def _take(self) -> ProcessRow | Unreadable:
        now = self._clock.mono_ns()
        trigger = self._triggers.popleft() if self._config.trigger_tag else self._tick(now)
        return trigger.item or self._row(trigger, now)

    def _unsettled(self, trigger: Trigger, reason: str) -> ProcessRow | Unreadable:
        """The row of a trigger whose values nobody waits for any longer."""
        return trigger.item or self._unreadable(trigger, reason)

    def _row(self, trigger: Trigger, now: int) -> ProcessRow | Unreadable:
        """The tags as they stand now, or why there is no row."""
        silent = self._board.silent(self._wanted, now)
        if silent:
            return self._unreadable(trigger, "; ".join(silent))
        row, part_id = self._board.row(self._wanted), trigger.part_id or self._part_id()
        return ProcessRow(row, trigger.at_ns, trigger.mono_ns, trigger.seq, self._name, part_id)

    def _unreadable(self, trigger: Trigger, reason: str) -> Unreadable:
        part_id = trigger.part_id or self._part_id()
        return Unreadable(reason, trigger.at_ns, trigger.mono_ns, trigger.seq, self._name, part_id)

    def _tick(self, now: int) -> Trigger:
        """The row of this period; a late caller leaves out whole periods and counts them."""
        period_ns = round(self._config.period_s * 1e9)
        due = now if self._due_ns is None else self._due_ns
        missed = (now - due) // period_ns
        self._seq += missed
        self._due_ns = due + (missed + 1) * period_ns
        return self._trigger(now)

    def _trigger(self, now: int) -> Trigger:
        seq, self._seq = self._seq, self._seq + 1
        return Trigger(self._clock.utc_ns(), now, seq)

    def _part_id(self) -> str:
        value = self._board.value(self._config.part_tag) if self._config.part_tag else None
        return "" if value is None else str(value)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        with self._change:
            if client is not self._client:
                return
            now = self._clock.mono_ns()
            payload = bytes(message.payload)
            spoke = self._board.hear(message.topic, payload, now, retained=message.retain)
            name = self._config.trigger_tag
            if name in spoke and not message.retain and self._fires(spoke[name]):
                self._pull(now, settles=not spoke[name].fault)
            self._change.notify_all()

    def _pull(self, now: int, *, settles: bool) -> None:
        """Queue a row; without settling it is taken here, before the next part's values come."""
        trigger = self._trigger(now)
        if self._config.part_tag == self._config.trigger_tag:
            trigger = replace(trigger, part_id=self._part_id())
        if not (settles and self._config.settle_ms):
            trigger = replace(trigger, item=self._row(trigger, now))
        if len(self._triggers) >= WAITING:
            self._triggers.popleft()
        self._triggers.append(trigger)

    def _fires(self, said: Said) -> bool:
        """Whether the trigger asks for a row; one that cannot be read stands for a part too."""
        if said.fault:
            return self._config.trigger_on != "rise"
        value, before = said.value, self._level
        self._level = value
        if self._config.trigger_on == "change":
            return value != before
        if self._config.trigger_on == "rise":
            return _is_set(value) and not _is_set(before)
        return True

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._change:
            self._answer = reason
            self._change.notify_all()

    def _on_subscribe(
        self,
        client: Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        with self._change:
            self._granted = reasons
            self._change.notify_all()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._change:
            if client is self._client:
                self._lost = str(reason)
                self._change.notify_all()


def _is_set(value: Cell) -> bool:
    """Whether a trigger's value stands for true."""
    return value not in (None, 0, "", "0", "false", "False", "off", "OFF")


def _broker(config: TagsSource, name: str) -> BrokerTable:
    if config.broker is None:
        raise DeviceError(
            "no broker is named",
            where=f"station.toml: channel {name}",
            cure="add [mqtt], or [channel.source.broker]",
        )
    return config.broker
