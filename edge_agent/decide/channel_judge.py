"""One channel's verdict on one item; nothing it can meet lets a part pass unseen."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError, LinesideError
from edge_agent.contracts.core.faults import convert_faults
from edge_agent.contracts.core.types import Item, Judgement, Unreadable, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.decide.inspector import Inspector

LOG = logging.getLogger("lineside.decide")


@dataclass(frozen=True)
class Examined:
    """A channel's verdict, and the network's judgement; None where none counts."""

    verdict: ChannelVerdict
    judgement: Judgement | None = None


class ChannelJudge:
    """Judges the items of one channel by one bundle; one thread at a time may use it.

    channel, bundle: as they stand in every verdict. The deadline counts from the grab.
    """

    def __init__(
        self, inspector: Inspector, *, channel: str, bundle: str, deadline_ms: float, clock: Clock
    ) -> None:
        self.channel = channel
        self.bundle = bundle
        self._inspector = inspector
        self._deadline_ms = deadline_ms
        self._clock = clock
        self._faults = 0

    @property
    def needs_every_item(self) -> bool:
        """Whether an item whose part has been decided must be judged all the same."""
        return self._inspector.needs_every_item

    def judge(self, item: Item) -> ChannelVerdict:
        """The verdict; late, unreadable and unfit items are NO-VERDICT with the reason.

        A FAIL that comes late stays a FAIL: the part is known to be bad.
        """
        return self.examine(item).verdict

    def examine(self, item: Item) -> Examined:
        """The verdict as judge() gives it, with the judgement behind it."""
        if isinstance(item, Unreadable):
            return Examined(self.refuse(item.reason, item))
        waited_ms = self._age_ms(item)
        if waited_ms > self._deadline_ms and not self.needs_every_item:
            return Examined(self.refuse(f"stale: waited {waited_ms:.0f} ms{self._limit()}", item))
        try:
            # A fault of the network or the driver's data must cost this part only.
            with convert_faults():
                judgement = self._inspector.inspect(item)
        except InputError as error:
            return Examined(self.refuse(str(error), item))
        except LinesideError as error:
            self._faults += 1
            if self._faults.bit_count() == 1:
                LOG.exception(
                    "channel %s could not judge %s (%d)",
                    self.channel,
                    wire_text(item.part_id),
                    self._faults,
                )
            return Examined(self.refuse(f"fault: {error}", item))
        return Examined(self._verdict(judgement, item), judgement)

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

    def _verdict(self, judgement: Judgement, item: Item) -> ChannelVerdict:
        latency_ms = self._age_ms(item)
        verdict, reason = judgement.verdict, judgement.reason
        if latency_ms > self._deadline_ms:
            late = f"late: {latency_ms:.0f} ms{self._limit()}"
            if verdict == Verdict.FAIL:
                reason = f"{reason or judgement.label}; {late}"
            else:
                verdict, reason = Verdict.NO_VERDICT, late
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
