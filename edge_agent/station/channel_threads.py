"""The threads of all channels; one whose inspection hangs is replaced, a few times.

An accelerator that stops answering, or a damaged driver, can keep a call into the runtime for ever.
The part in hand gets NO-VERDICT by its deadline. The thread is left to itself, and another one goes
on with the CPU model, loaded and proven anew.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.station.build import ArmedChannel, LoadedBundle
from edge_agent.station.channel import ChannelThread

LOG = logging.getLogger("lineside.station")

HUNG_S = 1.0
"""An inspection that takes longer, and longer than the line's deadline, hangs."""
LOOKS = 10
"""It must also have been seen at so many looks: a machine that was asleep, or is much too busy,
does not look either."""
MOST_RESTARTS, WITHIN_S = 3, 600.0
"""A channel gets so many threads anew in that time; then the station is disarmed."""


class ChannelThreads:
    """Starts, watches and replaces the threads of the channels; one thread may call it.

    make: the thread of a channel, not started. load_on_cpu: the channel's bundle once more, on the
    CPU; raises LinesideError. replaced: is told of a channel and its new bundle. hung_s: how long
    an inspection may take.
    """

    def __init__(
        self,
        make: Callable[[ArmedChannel], ChannelThread],
        load_on_cpu: Callable[[ArmedChannel], LoadedBundle],
        *,
        clock: Clock,
        replaced: Callable[[str, LoadedBundle], object] = lambda *_: None,
        hung_s: float = HUNG_S,
    ) -> None:
        self._make = make
        self._load_on_cpu = load_on_cpu
        self._clock = clock
        self._replaced = replaced
        self._hung_s = hung_s
        self._threads: list[ChannelThread] = []
        self._restarts: dict[str, deque[int]] = {}
        self._given_up: dict[str, str] = {}
        self._seen: dict[str, tuple[int, int]] = {}  # since when an inspection goes on, and looks

    @property
    def any(self) -> bool:
        """Whether the channels have been started."""
        return bool(self._threads)

    @property
    def ended(self) -> bool:
        """Whether every source has ended."""
        return all(thread.ended for thread in self._threads)

    @property
    def beats_ns(self) -> list[int]:
        """Monotonic times of the last signs of life of those that have not ended."""
        return [thread.beat_ns for thread in self._threads if not thread.ended]

    @property
    def faults(self) -> list[str]:
        """Why the station cannot go on."""
        dead = [
            f"{thread.channel.name}: its thread has died"
            for thread in self._threads
            if not thread.alive and not thread.ended
        ]
        return [*dead, *self._given_up.values()]

    @property
    def warnings(self) -> list[str]:
        """What somebody should know while the station goes on."""
        return [
            f"{name}: an inspection hung, the CPU model goes on: look at the accelerator"
            for name, restarts in self._restarts.items()
            if restarts and name not in self._given_up
        ]

    def start(self, channels: Sequence[ArmedChannel]) -> None:
        """Judge the items of these channels."""
        self._restarts, self._given_up = {}, {}
        self._threads = [self._make(channel) for channel in channels]
        for thread in self._threads:
            thread.start()

    def replace_hung(self) -> None:
        """Look for threads that hang; takes as long as a bundle takes to load where one does."""
        for place, thread in enumerate(self._threads):
            if thread.channel.name not in self._given_up and self._hangs(thread):
                self._replace(place, thread)

    def join(self, limit_s: float) -> None:
        """Wait for the ends, at most so long for each."""
        for thread in self._threads:
            thread.join(limit_s)

    def close_bundles(self) -> None:
        """A network that hangs still uses its memory: it is left to the end of the process."""
        for thread in self._threads:
            if not thread.alive:
                thread.channel.bundle.close()

    def _hangs(self, thread: ChannelThread) -> bool:
        since_ns, name = thread.inspecting_since_ns, thread.channel.name
        if since_ns is None:
            self._seen.pop(name, None)
            return False
        before_ns, looks = self._seen.get(name, (since_ns, 0))
        looks = looks + 1 if before_ns == since_ns else 1
        self._seen[name] = since_ns, looks
        return looks >= LOOKS and self._clock.mono_ns() - since_ns >= self._hung_s * 1e9

    def _replace(self, place: int, thread: ChannelThread) -> None:
        name, now_ns = thread.channel.name, self._clock.mono_ns()
        before = self._restarts.setdefault(name, deque())
        while before and now_ns - before[0] > WITHIN_S * 1e9:
            before.popleft()
        if len(before) >= MOST_RESTARTS:
            words = f"{name}: an inspection hangs again, after {len(before)} restarts"
            self._give_up(name, f"{words}: restart the agent, and look at the accelerator")
            return
        if not thread.abandon():
            return  # it came back meanwhile
        before.append(now_ns)
        LOG.error("channel %s: an inspection hangs; the CPU model takes its place", name)
        try:
            thread.channel.bundle = bundle = self._load_on_cpu(thread.channel)
        except LinesideError as error:
            self._give_up(name, f"{name}: an inspection hangs, and the CPU model fails: {error}")
            return
        self._replaced(name, bundle)
        self._threads[place] = self._make(thread.channel)
        self._threads[place].start()

    def _give_up(self, name: str, why: str) -> None:
        LOG.error("%s", why)
        self._given_up[name] = why
