"""How many rows may be sent, and what an answer to one means: no I/O, time is an argument.

A row leaves the outbox when it is confirmed, by a PUBACK with success or by a receiver. Anything
else keeps it: a refused row is set apart, named, and tried again ever more seldom, while the rows
behind it go on. A topic that takes nothing at all is paused, and asked with one row at a time.

The backlog never takes the whole window, and less of it where its answers come late: what is live
must not wait behind it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.broker.packets import FAILURE, NO_SUBSCRIBER
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.lanes import Lane, lane_of
from edge_agent.messaging.mqtt.pause import UNHEARD_S, Pause
from edge_agent.messaging.outbox_tables import TELEMETRY_STREAMS
from edge_agent.messaging.row import Row

REFUSALS_IN_A_ROW = 10
"""A topic that refuses so many rows, and takes none, is paused."""
STRIKES = 3
"""A row on which the connection broke so often is set apart."""
REFUSED_WAIT_S, REFUSED_WAIT_MAX_S = 60.0, 3600.0
SET_APART_MAX = 10_000
"""With more rows set apart, no new ones are read: memory stays bounded."""
RESEND_MAX_S = 600.0
OUTLIVED_S = 0.2
"""A PUBACK of MQTT 3.1.1 counts where the connection is still there after this time."""
DRAIN_SLOW_S, DRAIN_FAST_S = 0.5, 0.25
"""An answer to a row of the backlog that takes longer halves what is under way of it; one that
comes sooner adds to it."""
ROUNDS = 10
"""Rows that a receiver has not confirmed yet: at most so many windows of them."""

REASONS = {
    NO_SUBSCRIBER: "nobody subscribes to it",
    0x80: "unspecified error",
    0x83: "implementation specific error",
    0x87: "not authorized",
    0x90: "topic name invalid",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x99: "payload format invalid",
}


@dataclass
class Refusal:
    """A row that is set apart."""

    row: Row
    reason: str
    due_s: float
    wait_s: float


@dataclass
class Sent:
    """A row that the broker acknowledged, and when."""

    row: Row
    at_s: float


@dataclass
class Delivery:
    """The state of everything that was sent and is not confirmed. One thread owns it.

    window: rows under way at most. by_receiver: a PUBACK is no confirmation.
    keep_unheard: a PUBACK 0x10 (no matching subscriber) is no confirmation.
    can_refuse: PUBACK has a code for "refused" (MQTT 5). A broker of MQTT 3.1.1 acknowledges what
    it refuses, or closes the connection, or both ([MQTT-3.3.5-2]): there a PUBACK counts only when
    the connection outlives it.
    old_end: rows up to this id lay on disk when the connection began.
    """

    window: int
    by_receiver: bool
    keep_unheard: bool
    ack_timeout_s: float
    can_refuse: bool = True
    unheard_s: float = UNHEARD_S
    lanes: tuple[Lane, Lane] = field(default_factory=lambda: (Lane(None), Lane(TELEMETRY_STREAMS)))
    old_end: int = 0
    again: deque[int] = field(default_factory=deque)
    under_way: dict[int, Row] = field(default_factory=dict)
    unconfirmed: OrderedDict[tuple[str, int], Sent] = field(default_factory=OrderedDict)
    set_apart: OrderedDict[int, Refusal] = field(default_factory=OrderedDict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    confirmed_any: bool = False
    refused_any: bool = False
    _doubtful: deque[Sent] = field(default_factory=deque)
    _open_window: int = 0
    _drain_window: int = 10
    _drained_at_s: dict[int, float] = field(default_factory=dict)
    _sent_live: set[int] = field(default_factory=set)
    _refusals: dict[str, int] = field(default_factory=dict)
    _strikes: dict[int, int] = field(default_factory=dict)
    _repeated: set[int] = field(default_factory=set)
    _receiver_answers: bool = False
    _receiver_wait_s: float = 0.0
    _receiver_due_s: float = 0.0

    @classmethod
    def of(cls, config: MqttTable) -> Delivery:
        """As [mqtt] of station.toml says."""
        return cls(
            window=config.window,
            by_receiver=config.ack == "application",
            keep_unheard=config.no_subscriber == "keep",
            ack_timeout_s=config.ack_timeout_s,
            can_refuse=config.protocol == "5",
        )

    # --- a connection

    def connected(self, receive_maximum: int, now_s: float, newest: int = 0) -> None:
        """A new connection: what was under way is sent again, the oldest first.

        newest: the highest id on disk; what is unread up to it is the backlog.
        """
        for lane in self.lanes:
            lane.connected(newest)
        self.old_end = max(self.old_end, newest)
        self._drained_at_s.clear()
        self.again = deque(sorted({*self.again, *(row.id for row in self._pending())}))
        self.under_way = {}
        self._doubtful.clear()
        self.confirmed_any = self.refused_any = False
        for pause in self.pauses.values():
            pause.connected(now_s)
        limit = max(1, min(self.window, receive_maximum - 1))
        self._open_window = min(self._open_window or limit, limit)

    def lost(self, now_s: float) -> list[int]:
        """The connection broke; returns the ids of the rows that had no sure answer yet.

        Brokers answer in order, so a row that breaks connections is always the first of them, but
        for answers that were lost on the way. Where nothing was confirmed at all, rows go one by
        one from now on.
        """
        pending = self._pending()
        if not pending:
            return []
        if not self.confirmed_any:
            self._open_window = 1
        row = pending[0]
        self._strikes[row.id] = self._strikes.get(row.id, 0) + 1
        if self._strikes[row.id] >= STRIKES:
            self._forget(row)
            self.refuse(row, "the connection breaks on it", now_s)
        return [row.id for row in pending]

    def _pending(self) -> list[Row]:
        """The rows that the broker may not have, in the order of its answers."""
        doubtful = (sent.row for sent in self._doubtful)
        if self.by_receiver:  # which may have confirmed them meanwhile
            doubtful = (row for row in doubtful if (row.epoch, row.seq) in self.unconfirmed)
        return [*doubtful, *self.under_way.values()]

    def _forget(self, row: Row) -> None:
        """A row is no more under way."""
        self._strikes.pop(row.id, None)
        self.unconfirmed.pop((row.epoch, row.seq), None)
        self.under_way = {n: other for n, other in self.under_way.items() if other.id != row.id}
        self._doubtful = deque(sent for sent in self._doubtful if sent.row.id != row.id)

    # --- what to send

    @property
    def room(self) -> int:
        """How many more rows may be under way."""
        return max(0, self._open_window - len(self.under_way))

    @property
    def room_for_new(self) -> int:
        """How many rows that were never sent may be under way."""
        if len(self.set_apart) >= SET_APART_MAX:
            return 0
        if self.by_receiver:
            return min(self.room, max(0, ROUNDS * self.window - len(self.unconfirmed)))
        return self.room

    @property
    def room_for_backlog(self) -> int:
        """How many rows of the backlog may be under way: a quarter of the window stays free."""
        room = self.room_for_new - self._open_window // 4
        if self.by_receiver:
            room = min(room, ROUNDS * self.window // 2 - len(self.unconfirmed))
        return max(0, min(room, self._drain_window - len(self._drained_at_s)))

    def look_back(self, now_s: float) -> None:
        """Put those rows in line again whose time has come."""
        for stream, pause in list(self.pauses.items()):
            if not pause.probing and now_s >= pause.due_s:
                self._probe(stream, pause)
        for number, refusal in self.set_apart.items():
            if now_s >= refusal.due_s and refusal.row.stream not in self.pauses:
                refusal.due_s = now_s + refusal.wait_s
                self.again.append(number)
        if self.unconfirmed and now_s >= self._receiver_due_s:
            self._repeat_unconfirmed(now_s)

    def sent(self, row: Row, number: int, now_s: float = 0.0) -> None:
        """A row went out with this packet number."""
        self.under_way[number] = row
        if self.is_old(row):
            self._drained_at_s[number] = now_s
        else:
            self._sent_live.add(row.id)

    def is_old(self, row: Row) -> bool:
        """Whether a row lay on disk when the connection began, and was never sent before.

        What is repeated on a new connection stays, byte for byte, what it was.
        """
        return row.id <= self.old_end and row.id not in self._sent_live

    def confirmed(self, rows: Iterable[Row]) -> None:
        """These leave the outbox."""
        self._sent_live.difference_update(row.id for row in rows)

    # --- answers

    def answered(self, number: int, code: int, reason: str, now_s: float) -> Row | None:
        """A PUBACK came; returns the row where that confirms it."""
        row = self.under_way.pop(number, None)
        if row is None:
            return None
        self._adapt_drain(number, now_s)
        if code >= FAILURE or (code == NO_SUBSCRIBER and self.keep_unheard):
            self._strikes.pop(row.id, None)
            self.refuse(row, reason or REASONS.get(code, f"reason code {code:#x}"), now_s, code)
            return None
        if self.can_refuse:
            self._accept(row)
        else:
            self._doubtful.append(Sent(row, now_s))
        if not self.by_receiver:
            return row if self.can_refuse else None
        key = row.epoch, row.seq
        if row.id in self._repeated:
            self._repeated.discard(row.id)
            if key not in self.unconfirmed:
                return None  # the receiver confirmed the first copy meanwhile
        if not self.unconfirmed:
            self._receiver_wait_s = self.ack_timeout_s
            self._receiver_due_s = now_s + self.ack_timeout_s
        self.unconfirmed[key] = Sent(row, now_s)
        return None

    def outlived(self, now_s: float) -> list[Row]:
        """The connection is there: returns the rows that this confirms (MQTT 3.1.1)."""
        found = []
        while self._doubtful and self._doubtful[0].at_s + OUTLIVED_S <= now_s:
            found.append(self._doubtful.popleft().row)
            self._accept(found[-1])
        return [] if self.by_receiver else found

    def acknowledged(
        self, keys: Iterable[tuple[str, int]], through: Iterable[tuple[str, int]], now_s: float
    ) -> list[Row]:
        """A receiver has these, and everything of an epoch up to `through`; returns the rows.

        Only what was sent and waits for it counts: whoever names other events changes nothing.
        """
        found = [sent.row for key in keys if (sent := self.unconfirmed.pop(key, None))]
        for epoch, last in through:
            known = [key for key in self.unconfirmed if key[0] == epoch and key[1] <= last]
            found += [self.unconfirmed.pop(key).row for key in known]
        if found:
            self.confirmed_any = self._receiver_answers = True
            self._receiver_wait_s = self.ack_timeout_s
            self._receiver_due_s = min(self._receiver_due_s, now_s + self.ack_timeout_s)
        return found

    def refuse(self, row: Row, reason: str, now_s: float, code: int = FAILURE) -> None:
        """Set a row apart; pause its topic where that takes nothing."""
        self.refused_any = True
        before = self.set_apart.pop(row.id, None)
        wait_s = REFUSED_WAIT_S if before is None else min(REFUSED_WAIT_MAX_S, 2 * before.wait_s)
        # At the end: a pause asks with the row that was tried longest ago.
        self.set_apart[row.id] = Refusal(row, reason, now_s + wait_s, wait_s)
        in_a_row = self._refusals[row.stream] = self._refusals.get(row.stream, 0) + 1
        unheard = code == NO_SUBSCRIBER and row.stream in TELEMETRY_STREAMS
        pause = self.pauses.get(row.stream)
        if pause is not None and pause.probing:
            pause.refused_again(reason, unheard=unheard, now_s=now_s)
        elif pause is None and (code == NO_SUBSCRIBER or in_a_row >= REFUSALS_IN_A_ROW):
            lane_of(row.stream, self.lanes).pause(row.stream)
            self.pauses[row.stream] = Pause.begun(reason, unheard=unheard, now_s=now_s)

    def faults(self) -> list[str]:
        """Sentences on what is kept because nobody takes it.

        Telemetry that a plant has no use for is none: it waits, and is the first to go.
        """
        found = [
            f"{name} messages stay on disk: {pause.reason}"
            for name, pause in self.pauses.items()
            if not pause.unheard
        ]
        apart = [r for r in self.set_apart.values() if r.row.stream not in self.pauses]
        if apart:
            row, reason = apart[0].row, apart[0].reason
            found.append(
                f"{len(apart)} refused messages stay on disk, such as "
                f"{row.stream} {row.epoch}/{row.seq}: {reason}"
            )
        if self.unconfirmed and self._receiver_wait_s > self.ack_timeout_s:
            found.append(f"no receiver confirms {len(self.unconfirmed)} messages that were sent")
        return found

    @property
    def unheard(self) -> frozenset[str]:
        """Streams of telemetry to which nobody subscribes."""
        return frozenset(name for name, pause in self.pauses.items() if pause.unheard)

    def useless(self, now_s: float) -> frozenset[str]:
        """Those that have been unheard on this connection for `unheard_s`."""
        found = (n for n, pause in self.pauses.items() if pause.is_useless(now_s, self.unheard_s))
        return frozenset(found)

    def _accept(self, row: Row) -> None:
        """The broker took a row: the connection, its topic and the window are good again."""
        self._strikes.pop(row.id, None)
        self.confirmed_any = True
        self._open_window = min(self.window, 2 * self._open_window)
        self._refusals[row.stream] = 0
        self.set_apart.pop(row.id, None)
        if self.pauses.pop(row.stream, None) is not None:
            self._resume(row.stream)

    def _probe(self, stream: str, pause: Pause) -> None:
        """Ask a paused topic with one row."""
        for number, refusal in self.set_apart.items():
            if refusal.row.stream == stream:
                pause.probing = True
                self.again.append(number)
                return
        del self.pauses[stream]
        self._resume(stream)

    def _adapt_drain(self, number: int, now_s: float) -> None:
        sent_s = self._drained_at_s.pop(number, None)
        if sent_s is None:
            return
        if now_s - sent_s > DRAIN_SLOW_S:
            self._drain_window = max(1, self._drain_window // 2)
        elif now_s - sent_s < DRAIN_FAST_S:
            self._drain_window = min(self.window, self._drain_window + 1)

    def _resume(self, stream: str) -> None:
        """A topic takes rows again: first those set apart, then those not read meanwhile."""
        for refusal in self.set_apart.values():
            if refusal.row.stream == stream:
                refusal.due_s = 0.0
        lane_of(stream, self.lanes).resume(stream)

    def _repeat_unconfirmed(self, now_s: float) -> None:
        """Repeat what no receiver confirmed.

        A receiver that answers gets all that has waited too long. One that is silent is asked with
        the oldest row alone, ever more seldom: it is away, and finds the others in its queue.
        """
        if self._receiver_answers:
            late = [s.row.id for s in self.unconfirmed.values() if s.at_s <= self._late_s(now_s)]
            self._receiver_answers = False
        else:
            late = [next(iter(self.unconfirmed.values())).row.id]
            self._receiver_wait_s = min(RESEND_MAX_S, 2 * self._receiver_wait_s)
        fresh = [number for number in late if number not in self._repeated]
        self._repeated.update(fresh)
        self.again.extend(fresh)
        self._receiver_due_s = now_s + self._receiver_wait_s

    def _late_s(self, now_s: float) -> float:
        return now_s - self.ack_timeout_s
