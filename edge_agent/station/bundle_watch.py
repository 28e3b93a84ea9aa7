"""Bundles that are installed while the line runs: loaded and proven beside it, then taken up."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, LinesideError
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.station.build import ArmedChannel, LoadedBundle, bundle_file, load_bundle
from edge_agent.station.config import Channel, StationConfig

LOG = logging.getLogger("lineside.update")

LOOK_S = 2.0
"""A newly installed bundle is seen after this at the latest."""
RETRY_S = (5.0, 30.0, 300.0)
"""Seconds before a refused bundle is checked again (the cause, such as a full disk, may be gone).
The last value repeats."""


@dataclass(frozen=True)
class WatchedBundle:
    """A bundle that may be replaced while it runs. name: take() gives the new one by it; table:
    where it lies; channel: what it must fit; file: what was loaded from there.
    """

    name: str
    table: Channel
    channel: ArmedChannel
    file: Path


@dataclass
class _Tried:
    """The file that was looked at last; after how many refusals, and when to try it again."""

    file: Path
    refusals: int = 0
    again_ns: float = math.inf

    def refuse(self, now_ns: int, waits_s: Sequence[float]) -> None:
        """Wait longer than the last time."""
        wait_s = waits_s[min(self.refusals, len(waits_s) - 1)]
        self.again_ns = now_ns + wait_s * 1e9
        self.refusals += 1


class BundleWatcher:
    """Watches where the channels' slot folders lead; start() and stop() own its thread.

    A new bundle goes through every check of arming. One that passes waits in take() for its
    channel's thread, which takes it up between two parts. If a check fails, the channel keeps its
    bundle, `refused` holds the reason, and the check is repeated after the waits `retry_s`. A
    channel whose bundle is a file keeps it until a restart. look_s: time between two looks.
    """

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        *,
        look_s: float = LOOK_S,
        retry_s: Sequence[float] = RETRY_S,
    ) -> None:
        self.refused: dict[str, str] = {}
        self._config = config
        self._clock = clock
        self._look_s = look_s
        self._retry_s = tuple(retry_s)
        self._ready: dict[str, LoadedBundle] = {}
        self._tried: dict[str, _Tried] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, watched: Sequence[WatchedBundle]) -> None:
        """Begin to look for new bundles in the place of these."""
        self._stopping.clear()
        self._tried = {one.name: _Tried(one.file) for one in watched}
        self._thread = threading.Thread(
            target=self._watch, args=[watched], name="bundle-watch", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer; what nobody took up is given back."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
            self._thread = None
        while self._ready:
            self._ready.popitem()[1].close()

    def take(self, name: str) -> LoadedBundle | None:
        """The new bundle of the channel `name`, once."""
        return self._ready.pop(name, None)

    def _watch(self, watched: Sequence[WatchedBundle]) -> None:
        in_a_row = 0
        while not self._stopping.wait(self._look_s):
            try:
                for one in watched:
                    self._look(one)
                in_a_row = 0
            except Exception:
                in_a_row += 1
                if in_a_row.bit_count() == 1:
                    LOG.exception("looking for new bundles failed (%d); looking again", in_a_row)

    def _look(self, watched: WatchedBundle) -> None:
        name, table, channel = watched.name, watched.table, watched.channel
        if table.bundle is None or not table.bundle.is_dir():
            return
        tried = None
        try:
            tried = self._due(name, bundle_file(table.bundle).resolve())
            if tried is None:
                return
            fresh = load_bundle(table, self._config, self._clock, channel.memory)
            refuse_other_signal(fresh, channel.bundle)
        except LinesideError as error:
            self._refuse(name, channel.bundle, str(error))
            if tried is not None:
                tried.refuse(self._clock.mono_ns(), self._retry_s)
            return
        tried.again_ns = math.inf
        self.refused.pop(name, None)
        waiting, self._ready[name] = self._ready.get(name), fresh
        if waiting is not None:
            waiting.close()

    def _due(self, name: str, file: Path) -> _Tried | None:
        """The book on `file` where it is new, or a refused one whose wait is over."""
        tried = self._tried[name]
        if file != tried.file:
            tried = self._tried[name] = _Tried(file, again_ns=0)
        return tried if self._clock.mono_ns() >= tried.again_ns else None

    def _refuse(self, name: str, running: LoadedBundle, why: str) -> None:
        reason = f"{name} goes on with {running.title}, the new bundle is refused: {why}"
        if self.refused.get(name) != reason:
            LOG.error("%s", reason)
        self.refused[name] = reason


def refuse_other_signal(fresh: LoadedBundle, running: LoadedBundle) -> None:
    """Close `fresh` and raise BundleError where it takes another input than `running`.

    The source was built for the axes and the unit, or the tags, of the bundle that runs."""
    if fresh.spec is None or running.spec is None:
        return
    new, old = fresh.spec.input, running.spec.input
    same = new.kind == old.kind
    if isinstance(new, VibrationInput) and isinstance(old, VibrationInput):
        same = (new.axes, new.unit) == (old.axes, old.unit)
    if isinstance(new, TabularInput) and isinstance(old, TabularInput):
        same = {tag.name for tag in new.tags} <= {tag.name for tag in old.tags}
    if not same:
        fresh.close()
        raise BundleError(
            f"takes another input than {running.title}",
            where=fresh.title,
            cure="restart the agent, which builds the source anew",
        )
