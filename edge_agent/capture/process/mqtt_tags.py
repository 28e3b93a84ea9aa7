"""Process tags over MQTT as a source of rows.

A connection of its own, whose session the broker forgets: a value that came while nobody listened
is of no use. Nothing is published.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal, Self

from paho.mqtt.client import MQTTMessage
from pydantic import Field, model_validator

from edge_agent.broker.config import BrokerTable
from edge_agent.broker.session import BrokerSession
from edge_agent.capture.process.tag_cache import Cell, TagCache, TagTopic, TagValue
from edge_agent.capture.process.tag_mapping import map_tags
from edge_agent.capture.source import SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.process.input import TabularInput

WAITING = 4096
"""Triggers that may wait for their values to settle; then the broker has to wait with the next."""
ROOM_S = 0.5
"""Longest single wait for room, so that the end of the source is seen soon."""


class MqttTagsTable(SourceTable):
    """Process tags over MQTT, each as it comes; a row is taken by the clock or by a trigger."""

    driver: Literal["mqtt_tags"]
    topic: str = Field(
        default="",
        pattern=r"^[^+#\x00]*$",
        description="JSON objects on it hold the tags that are not listed, by their names",
    )
    period_s: float = Field(default=0, ge=0, le=86400, description="a row so often; 0: by trigger")
    trigger_tag: str = Field(default="", description="the tag whose message takes a row")
    trigger_on: Literal["message", "change", "rise"] = Field(
        default="message",
        description="every message; a new value; or from nothing, false or 0 to something",
    )
    settle_ms: float = Field(
        default=0, ge=0, le=60_000, description="wait after a trigger for the part's own values"
    )
    part_tag: str = Field(default="", description="the tag that names the part; empty: counted")
    stale_s: float = Field(
        default=10, ge=0, le=86400, description="an older value is no value; 0: tags sent on change"
    )
    start_s: float = Field(
        default=5, ge=0, le=3600, description="the first row waits this long for every tag"
    )
    broker: BrokerTable | None = Field(default=None, description="absent: the one of [mqtt]")
    tag: list[TagTopic] = Field(
        default_factory=list, max_length=512, description="tags with topics of their own"
    )

    @model_validator(mode="after")
    def _period_or_trigger(self) -> Self:
        if (self.period_s > 0) == bool(self.trigger_tag):
            raise ValueError("give either period_s or trigger_tag")
        return self

    @model_validator(mode="after")
    def _tags_are_told_apart(self) -> Self:
        names = [tag.name for tag in self.tag]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two tags are named {twice[0]!r}")
        lost = [n for n in (self.trigger_tag, self.part_tag) if n and n not in names]
        if lost and not self.topic:
            raise ValueError(f"{lost[0]!r} is not among the tags, and no topic holds the others")
        return self

    @property
    def names_parts(self) -> bool:
        """Only a tag can name the part; without `part_tag` rows are counted."""
        return bool(self.part_tag)

    @property
    def needs_broker(self) -> bool:
        """Whether the broker of [mqtt] is meant."""
        return self.broker is None

    @property
    def wait_ms(self) -> float:
        """`settle_ms`."""
        return self.settle_ms

    def fitted_to(
        self, taken: InputSpec | None, *, channel: str, broker: BrokerTable | None
    ) -> Self:
        """Map the tags of the model to topics; the broker of [mqtt] where none is named.

        Without a bundle only the listed tags are known (`lineside-agent record`).
        """
        if not isinstance(taken, TabularInput):
            if not self.tag:
                raise ConfigError(
                    "lists no tags, and no bundle says which there are",
                    where=f"station.toml: channel {channel}",
                    cure="list each as [[channel.source.tag]]",
                )
            return self.model_copy(update={"broker": self.broker or broker})
        tags = map_tags(self.tag, self.topic, (self.trigger_tag, self.part_tag), taken, channel)
        return self.model_copy(update={"tag": tags, "broker": self.broker or broker})


@dataclass(frozen=True)
class RowRequest:
    """When a row was asked for, and the row where its values need not settle.

    part_id: where the trigger itself names the part; message: the number of its message.
    """

    at_ns: int
    mono_ns: int
    seq: int
    part_id: str = ""
    message: int = 0
    item: ProcessRow | Unreadable | None = None


class MqttTags:
    """Gives a row of the last values every period_s, or after each trigger.

    A tag that never had a value, is stale or unreadable makes the row Unreadable with its name; a
    sender's own null is a missing value, which the model's manifest deals with.
    `config.tag` must hold every tag that a row shall have, and `config.broker` the broker.
    """

    live = True

    def __init__(self, config: MqttTagsTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._wanted = [tag.name for tag in config.tag]
        self._tags = TagCache(config.tag, config.stale_s, config.trigger_tag)
        self._triggers: deque[RowRequest] = deque()
        self._level: Cell = None
        self._due_ns: int | None = None
        self._start_ns = 0
        self._begun = False
        self._seq = 0
        self._change = threading.Condition()
        self._session = BrokerSession(
            _broker(config, name),
            name,
            topics=self._tags.topics,
            on_message=self._on_message,
            change=self._change,
        )

    def open(self) -> None:
        """Connect and subscribe; raises DeviceError when the broker is not there or refuses."""
        self._session.close()
        self._forget()
        self._session.open()

    def next(self, timeout_s: float) -> ProcessRow | Unreadable | None:
        """The next row that is due; raises DeviceError when the connection is lost, after the rows
        that were asked for before.
        """
        with self._change:
            wait_s = min(timeout_s, self._until_due_s())
            session = self._session
            due = self._change.wait_for(lambda: session.lost or self._until_due_s() <= 0, wait_s)
            if session.lost and self._triggers:
                lost = f"the connection was lost before the values settled ({session.lost})"
                return self._unsettled(self._triggers.popleft(), lost)
            if session.lost:
                raise DeviceError(
                    f"the connection is lost ({session.lost})",
                    where=session.where,
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
        self._session.close()

    def _forget(self) -> None:
        """A new connection starts without the values of the old one."""
        with self._change:
            self._tags.clear()
            self._seq += bool(self._seq and self._config.trigger_tag)
            self._triggers.clear()
            self._level, self._begun = None, False
            self._start_ns = self._clock.mono_ns() + round(self._config.start_s * 1e9)

    def _until_due_s(self) -> float:
        """Seconds until a row is due; beyond every timeout where none is in sight."""
        now = self._clock.mono_ns()
        if self._config.trigger_tag:
            if not self._triggers:
                return 3600.0
            settled = self._triggers[0].mono_ns + round(self._config.settle_ms * 1e6)
            return (settled - now) / 1e9
        if not self._begun:
            if not self._tags.has_all(self._wanted) and now < self._start_ns:
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
        if len(self._triggers) >= WAITING:
            self._change.notify_all()
        trigger = self._triggers.popleft() if self._config.trigger_tag else self._tick(now)
        return trigger.item or self._row(trigger, now)

    def _unsettled(self, trigger: RowRequest, reason: str) -> ProcessRow | Unreadable:
        """The row of a trigger whose values nobody waits for any longer."""
        return trigger.item or self._unreadable(trigger, reason)

    def _row(self, trigger: RowRequest, now: int) -> ProcessRow | Unreadable:
        """The tags as they stand now, or why there is no row."""
        faults = self._tags.faults(self._wanted, now, trigger.message)
        if faults:
            return self._unreadable(trigger, "; ".join(faults))
        row, part_id = self._tags.row(self._wanted), trigger.part_id or self._part_id()
        return ProcessRow(row, trigger.at_ns, trigger.mono_ns, trigger.seq, self._name, part_id)

    def _unreadable(self, trigger: RowRequest, reason: str) -> Unreadable:
        part_id = trigger.part_id or self._part_id()
        return Unreadable(reason, trigger.at_ns, trigger.mono_ns, trigger.seq, self._name, part_id)

    def _tick(self, now: int) -> RowRequest:
        """The row of this period; a late caller leaves out whole periods and counts them."""
        period_ns = round(self._config.period_s * 1e9)
        due = now if self._due_ns is None else self._due_ns
        missed = (now - due) // period_ns
        self._seq += missed
        self._due_ns = due + (missed + 1) * period_ns
        return self._trigger(now)

    def _trigger(self, now: int) -> RowRequest:
        seq, self._seq = self._seq, self._seq + 1
        return RowRequest(self._clock.utc_ns(), now, seq)

    def _part_id(self) -> str:
        value = self._tags.value(self._config.part_tag) if self._config.part_tag else None
        return "" if value is None else str(value)

    def _on_message(self, message: MQTTMessage) -> None:
        with self._change:
            now = self._clock.mono_ns()
            payload = bytes(message.payload)
            fresh = self._tags.take(message.topic, payload, now, retained=message.retain)
            name = self._config.trigger_tag
            if name in fresh and not message.retain and self._fires(fresh[name]):
                self._pull(now, settles=not fresh[name].fault)
            self._change.notify_all()

    def _pull(self, now: int, *, settles: bool) -> None:
        """Queue a row; without settling it is taken here, before the next part's values come."""
        trigger = replace(self._trigger(now), message=self._tags.messages)
        if self._config.part_tag == self._config.trigger_tag:
            trigger = replace(trigger, part_id=self._part_id())
        if not (settles and self._config.settle_ms):
            trigger = replace(trigger, item=self._row(trigger, now))
        self._triggers.append(trigger)
        # Every trigger is a part, so none may be lost. While this thread waits, it neither reads
        # nor confirms: the broker keeps what comes meanwhile.
        while len(self._triggers) >= WAITING and not self._session.lost:
            self._change.notify_all()
            self._change.wait(ROOM_S)

    def _fires(self, value: TagValue) -> bool:
        """Whether the trigger asks for a row; one that cannot be read stands for a part too."""
        if value.fault:
            return self._config.trigger_on != "rise"
        level, before = value.value, self._level
        self._level = level
        if self._config.trigger_on == "change":
            return level != before
        if self._config.trigger_on == "rise":
            return _is_set(level) and not _is_set(before)
        return True


def _is_set(value: Cell) -> bool:
    """Whether a trigger's value stands for true."""
    return value not in (None, 0, "", "0", "false", "False", "off", "OFF")


def _broker(config: MqttTagsTable, name: str) -> BrokerTable:
    if config.broker is None:
        raise DeviceError(
            "no broker is named",
            where=f"station.toml: channel {name}",
            cure="add [mqtt], or [channel.source.broker]",
        )
    return config.broker


DRIVER = SourceDriver(MqttTagsTable, MqttTags)
