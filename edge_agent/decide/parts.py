"""From the items of the channels to parts: who belongs together, and who is missing when."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import ChannelVerdict

REMEMBERED = 4096
"""Decided parts that are remembered, so that a late channel does not open its part anew."""

Key = tuple[str, str, int]
"""(channel or nothing, part id, grab or 0): one open part."""


@dataclass
class OpenPart:
    """A part that waits for its channels. mono_ns: its first grab."""

    part_id: str
    mono_ns: int
    verdicts: dict[str, ChannelVerdict] = field(default_factory=dict)


@dataclass(frozen=True)
class ClosedPart:
    """A part to be decided now, with a verdict for each channel in the channels' order."""

    part_id: str
    mono_ns: int
    channels: tuple[ChannelVerdict, ...]


class Assembler:
    """Collects the verdicts of a part. Any thread may call it.

    join = "none": every item is a part of its own. "part_id": a part is complete with one item
    of each channel, or decided without the missing ones when its deadline is over. An item that
    comes after that counts in `late` and changes nothing. `channels`: name -> bundle title.
    """

    def __init__(self, channels: dict[str, str], *, join: str, deadline_ms: float) -> None:
        self.late = 0
        self._channels = dict(channels)
        self._joined = join == "part_id" and len(channels) > 1
        self._deadline_ns = round(deadline_ms * 1e6)
        self._open: OrderedDict[Key, OpenPart] = OrderedDict()
        self._decided: OrderedDict[Key, frozenset[str]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, channel: str, part_id: str, mono_ns: int) -> None:
        """An item of the part was grabbed; from now on its deadline is watched."""
        with self._lock:
            self._part(channel, part_id, mono_ns)

    def add(self, verdict: ChannelVerdict, part_id: str, mono_ns: int) -> ClosedPart | None:
        """A channel's verdict; gives the part when it was the last one."""
        with self._lock:
            part = self._part(verdict.channel, part_id, mono_ns)
            if part is None:
                self.late += 1
                return None
            part.verdicts[verdict.channel] = verdict
            if self._joined and len(part.verdicts) < len(self._channels):
                return None
            return self._close(self._key(verdict.channel, part_id, mono_ns), part)

    def rename(self, channel: str, bundle: str) -> None:
        """The channel judges by another bundle from now on."""
        with self._lock:
            self._channels[channel] = bundle

    def expire(self, now_ns: int) -> list[ClosedPart]:
        """The parts whose deadline is over; the missing channels say so."""
        with self._lock:
            over = [
                (key, part)
                for key, part in self._open.items()
                if now_ns - part.mono_ns > self._deadline_ns
            ]
            return [self._close(key, part) for key, part in over]

    def _key(self, channel: str, part_id: str, mono_ns: int) -> Key:
        return ("", part_id, 0) if self._joined else (channel, part_id, mono_ns)

    def _part(self, channel: str, part_id: str, mono_ns: int) -> OpenPart | None:
        key = self._key(channel, part_id, mono_ns)
        if key in self._open:
            return self._open[key]
        seen = self._decided.get(key)
        if seen is not None and channel not in seen:
            return None
        self._decided.pop(key, None)
        return self._open.setdefault(key, OpenPart(part_id, mono_ns))

    def _close(self, key: Key, part: OpenPart) -> ClosedPart:
        del self._open[key]
        self._decided[key] = frozenset(part.verdicts)
        if len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)
        names = self._channels if self._joined else (key[0],)
        verdicts = tuple(part.verdicts.get(name) or self._missing(name) for name in names)
        return ClosedPart(part.part_id, part.mono_ns, verdicts)

    def _missing(self, channel: str) -> ChannelVerdict:
        return ChannelVerdict(
            channel=channel,
            bundle=self._channels[channel],
            verdict=Verdict.NO_VERDICT,
            reason=f"no verdict within the deadline of {self._deadline_ns / 1e6:g} ms",
        )
