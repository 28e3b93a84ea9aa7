"""One channel's verdict on one item; nothing it can meet lets a part pass unseen."""

from __future__ import annotations

import logging
import math
from typing import Protocol

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import (
    Frame,
    Image,
    Item,
    Judgement,
    ProcessRow,
    Recording,
    Unreadable,
    Verdict,
)
from edge_agent.contracts.wire.messages import ChannelVerdict, wire_text
from edge_agent.health.frame import FrameHealth

LOG = logging.getLogger("lineside.decide")


class Inspector(Protocol):
    """A bundle made ready to judge (edge_agent.infer.inspector)."""

    def inspect_image(self, image: Image) -> Judgement: ...

    def inspect_recording(self, recording: Recording) -> Judgement: ...


class RowInspector(Protocol):
    """A bundle that judges rows in their order (edge_agent.decide.process)."""

    def inspect_row(self, row: ProcessRow) -> Judgement: ...


class ChannelJudge:
    """Judges the items of one channel by one bundle; one thread at a time may use it.

    axes, unit: what the channel's readings hold; rows: who judges process rows. The deadline
    counts from the grab.
    """

    def __init__(
        self,
        inspector: Inspector,
        *,
        channel: str,
        bundle: str,
        deadline_ms: float,
        clock: Clock,
        health: FrameHealth | None = None,
        axes: tuple[str, ...] = (),
        unit: str = "g",
        rows: RowInspector | None = None,
    ) -> None:
        self.channel = channel
        self.bundle = bundle
        self._inspector = inspector
        self._deadline_ms = deadline_ms
        self._clock = clock
        self._health = health
        self._axes = axes
        self._unit = unit
        self._rows = rows
        self._faults = 0

    def judge(self, item: Item) -> ChannelVerdict:
        """The verdict; late, unreadable and unfit items are NO-VERDICT with the reason."""
        if isinstance(item, Unreadable):
            return self.refuse(item.reason, item)
        waited_ms = self._age_ms(item)
        # A late row is still looked at: those after it look back on it.
        if waited_ms > self._deadline_ms and not isinstance(item, ProcessRow):
            return self.refuse(f"stale: waited {waited_ms:.0f} ms{self._limit()}", item)
        fault = self._health.fault(item.image) if self._health and isinstance(item, Frame) else ""
        if fault:
            return self.refuse(fault, item)
        try:
            judgement = self._inspect(item)
        except InputError as error:
            return self.refuse(str(error), item)
        except Exception as error:
            self._faults += 1
            if self._faults.bit_count() == 1:
                LOG.exception(
                    "channel %s could not judge %s (%d)", self.channel, item.part_id, self._faults
                )
            return self.refuse(f"fault: {error}", item)
        return self._verdict(judgement, item)

    def refuse(self, reason: str, item: Item | None = None) -> ChannelVerdict:
        """NO-VERDICT for `reason`."""
        return ChannelVerdict(
            channel=self.channel,
            bundle=self.bundle,
            verdict=Verdict.NO_VERDICT,
            reason=wire_text(reason),
            captured_at_ns=None if item is None else item.captured_at_ns,
            latency_ms=None if item is None else self._age_ms(item),
        )

    def _inspect(self, item: Item) -> Judgement:
        if isinstance(item, Frame):
            return self._inspector.inspect_image(item.image)
        if isinstance(item, Unreadable):
            raise InputError(item.reason)
        if isinstance(item, ProcessRow):
            if self._rows is None:
                raise InputError("a row of tags came to a channel that judges none")
            return self._rows.inspect_row(item)
        return self._inspector.inspect_recording(
            Recording(
                item.signal,
                item.rate_hz,
                self._axes,
                self._unit,
                item.part_id or item.source,
                item.rpm,
            )
        )

    def _verdict(self, judgement: Judgement, item: Item) -> ChannelVerdict:
        latency_ms = self._age_ms(item)
        verdict, reason = judgement.verdict, judgement.reason
        if latency_ms > self._deadline_ms:
            verdict, reason = Verdict.NO_VERDICT, f"late: {latency_ms:.0f} ms{self._limit()}"
        return ChannelVerdict(
            channel=self.channel,
            bundle=self.bundle,
            verdict=verdict,
            label=judgement.label,
            score=judgement.score if math.isfinite(judgement.score) else None,
            threshold=judgement.threshold,
            interval=_finite(judgement.interval),
            reason=wire_text(reason),
            captured_at_ns=item.captured_at_ns,
            latency_ms=latency_ms,
        )

    def _age_ms(self, item: Item) -> float:
        return max(0.0, (self._clock.mono_ns() - item.mono_ns) / 1e6)

    def _limit(self) -> str:
        return f", the deadline is {self._deadline_ms:g} ms"


def _finite(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval, or None where a bound is no number."""
    return interval if interval is not None and all(map(math.isfinite, interval)) else None
