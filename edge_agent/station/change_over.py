"""Change-over: by which bundles the channels judge, chosen by the job that the line works on.

Every bundle of every recipe is loaded and proven when the station arms, so that a job is taken up
within the time of one item. What came before every channel had its new bundle does not pass.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.station.build import ArmedChannel, LoadedBundle
from edge_agent.station.bundle_watch import WatchedBundle, refuse_other_signal
from edge_agent.station.config import Channel
from edge_agent.station.part_tables import RecipeTable

LOG = logging.getLogger("lineside.station")


@dataclass(frozen=True)
class FreshBundle:
    """A bundle that a channel takes up now. close_old: the one before is not needed any more."""

    bundle: LoadedBundle
    close_old: bool


@dataclass
class _Choice:
    """The bundles of one channel: key -> loaded; by_job: job -> key. The key "" is its own."""

    loaded: dict[str, LoadedBundle]
    by_job: dict[str, str] = field(default_factory=dict)
    current: str = ""
    pending: str | None = None

    def key(self, job: str) -> str:
        """The bundle of a job."""
        return self.by_job.get(job, "")


class ChangeOver:
    """Knows the job and hands out its bundles. Any thread may call it.

    load: (channel, path) -> a bundle proven on this machine. take_installed: gives the newly
    installed bundle of a watched name, once. Jobs without recipes: none is ever asked for.
    """

    def __init__(
        self,
        recipes: Sequence[RecipeTable],
        *,
        clock: Clock,
        load: Callable[[ArmedChannel, Path], LoadedBundle],
        take_installed: Callable[[str], LoadedBundle | None],
    ) -> None:
        self.job = ""
        self._recipes = {recipe.job: recipe for recipe in recipes}
        self._clock = clock
        self._load = load
        self._take_installed = take_installed
        self._choices: dict[str, _Choice] = {}
        self._unknown = ""
        self._done_ns = -1
        self._lock = threading.Lock()

    @property
    def fault(self) -> str:
        """Why the station is not ready, or empty."""
        return self._unknown

    @property
    def is_done(self) -> bool:
        """Whether every channel judges by the bundle of the job."""
        with self._lock:
            return not self._unknown and not self._is_pending()

    @property
    def bundles(self) -> list[tuple[str, LoadedBundle]]:
        """(channel, bundle) of every job, the bundles that judge now before the others."""
        found = [
            (key != choice.current, name, one)
            for name, choice in self._choices.items()
            for key, one in choice.loaded.items()
        ]
        return [(name, one) for _, name, one in sorted(found, key=lambda row: row[0])]

    def preload(
        self, channels: Sequence[ArmedChannel], tables: Sequence[Channel], job: str
    ) -> list[WatchedBundle]:
        """Load every recipe's bundles and give the channels those of `job`; gives every bundle that
        may be replaced, the channels' own first. tables: of the channels, in their order.

        Raises BundleError or ConfigError.
        """
        pairs = list(zip(channels, tables, strict=True))
        watched = [WatchedBundle(one.name, table, one, one.bundle.file) for one, table in pairs]
        self._choices, self.job = {}, ""
        for channel, table in pairs:
            choice = self._choices[channel.name] = _Choice({"": channel.bundle})
            for recipe in self._recipes.values():
                path = recipe.bundle.get(channel.name)
                if path is None:
                    continue
                if str(path) not in choice.loaded:
                    choice.loaded[str(path)] = loaded = self._load(channel, path)
                    refuse_other_signal(loaded, channel.bundle)
                    name = _watched_name(channel.name, path)
                    place = table.model_copy(update={"bundle": path})
                    like = replace(channel, bundle=loaded)
                    watched.append(WatchedBundle(name, place, like, loaded.file))
                choice.by_job[recipe.job] = str(path)
        self.select(job)
        for channel in channels:
            fresh = self.take(channel.name)
            channel.bundle = channel.bundle if fresh is None else fresh.bundle
        self._done_ns = -1
        return watched

    def select(self, job: str) -> str:
        """Change over to `job`; gives the reason where it is unknown, and nothing passes then.

        The empty job is that of the channels' own bundles.
        """
        with self._lock:
            if job and job not in self._recipes:
                known = did_you_mean(job, self._recipes) if self._recipes else "there is no recipe"
                self._unknown = f"job {job!r} is unknown, {known}"
                LOG.error("%s", self._unknown)
                return self._unknown
            if job == self.job and not self._unknown:
                return ""
            self._unknown, self.job = "", job
            for choice in self._choices.values():
                key = choice.key(job)
                choice.pending = None if key == choice.current else key
            self._note_done()
            LOG.info("change-over to job %r", job)
            return ""

    def take(self, channel: str) -> FreshBundle | None:
        """What the channel judges by from its next item on, for its thread; None: as before."""
        choice = self._choices.get(channel)
        if choice is None:
            return None
        with self._lock:
            fresh = self._installed(channel, choice)
            if choice.pending is None:
                return fresh
            choice.current, choice.pending = choice.pending, None
            self._note_done()
            return FreshBundle(choice.loaded[choice.current], close_old=fresh is not None)

    def replace(self, channel: str, bundle: LoadedBundle) -> None:
        """Another loaded one of the bundle that the channel judges by: the one before hangs."""
        with self._lock:
            choice = self._choices.get(channel)
            if choice is not None:
                choice.loaded[choice.current] = bundle

    def doubt(self, at_ns: int) -> str:
        """Why a part that came then cannot pass; empty where it can."""
        with self._lock:
            if self._unknown:
                return self._unknown
            if self._is_pending() or at_ns <= self._done_ns:
                return f"change-over to job {self.job!r}"
            return ""

    def close(self) -> None:
        """Give back the bundles that no channel judges by."""
        for choice in self._choices.values():
            for key, bundle in choice.loaded.items():
                if key != choice.current:
                    bundle.close()

    def _installed(self, channel: str, choice: _Choice) -> FreshBundle | None:
        """Put newly installed bundles into the place of those before."""
        current = None
        for key in list(choice.loaded):
            fresh = self._take_installed(_watched_name(channel, Path(key)) if key else channel)
            if fresh is None:
                continue
            old, choice.loaded[key] = choice.loaded[key], fresh
            if key == choice.current:
                current = FreshBundle(fresh, close_old=True)
            else:
                old.close()
        return current

    def _is_pending(self) -> bool:
        return any(choice.pending is not None for choice in self._choices.values())

    def _note_done(self) -> None:
        if not self._is_pending():
            self._done_ns = self._clock.mono_ns()


def _watched_name(channel: str, path: Path) -> str:
    """What a recipe's bundle is called where new bundles are watched for."""
    return f"{channel} ({path})"
