"""The controller of a rollout: group after group, and back by itself when too many fail.

It may die at any point: the journal names what was begun, every step can be begun again, and the
stations need it for nothing: each one updates, watches and returns by itself.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from deploy.rollout.journal import (
    ENDS,
    MOST_REASON,
    Phase,
    Progress,
    Rollout,
    read_rollout,
    read_wish,
    write_rollout,
)
from deploy.rollout.transport import Transport, UnreachedError
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError

LOG = logging.getLogger("lineside.rollout")

Steps: TypeAlias = tuple[Progress, Progress, Progress]
"""Progress while an act is at work, after it went well, and after it went badly."""
WAY_THERE: Steps = ("begun", "done", "failed")
WAY_BACK: Steps = ("returning", "returned", "returning")
NOT_BACK = "not back yet: "
"""Before why a station is not; before that is what failed there."""

Act: TypeAlias = Callable[[str], str]
"""Updates (or returns) the station of this name; gives why it failed, empty where it did not."""


class Controller:
    """Runs the rollout in `folder`; `transport` is open, and acts on one station each."""

    def __init__(self, folder: Path, transport: Transport, clock: Clock) -> None:
        self._folder = folder
        self._transport = transport
        self._clock = clock
        self._at_once = transport.at_once
        self._next_ns = 0

    def run(self) -> Rollout:
        """Go on until an end, a question, or a wish; raises StorageError for a full disk."""
        rollout = read_rollout(self._folder)
        while rollout.phase not in ENDS:
            if rollout.phase == "returning":
                return self._return_all(rollout)
            wish = read_wish(self._folder)
            if wish is not None:
                return self._enter(rollout, "paused" if wish == "pause" else "stopped", wish)
            if rollout.ask and rollout.group > rollout.approved:
                return self._enter(rollout, "asking", f"group {rollout.group + 1} is next")
            rollout = self._enter(rollout, "running", "")
            rollout = self._group(rollout)
        return rollout

    def _group(self, rollout: Rollout) -> Rollout:
        """Update what is left of the group; a wish or too many failures end it early."""
        group = rollout.groups[rollout.group]
        left = [n for n in group if rollout.stations[n].progress in ("waiting", "begun")]
        while left and read_wish(self._folder) is None:
            batch, left = left[: self._at_once], left[self._at_once :]
            rollout = self._noted(rollout, batch)
            rollout = self._each(
                rollout, batch, self._transport.update, WAY_THERE, rollout.per_minute
            )
            if self._too_many(rollout):
                failed = rollout.names("failed")
                reason = f"{len(failed)} failed, first {failed[0]}: "
                reason += rollout.stations[failed[0]].reason
                return self._enter(rollout, "returning", reason)
        if left:
            return rollout
        if rollout.group + 1 == len(rollout.groups):
            return self._enter(rollout, "done", "")
        rollout = rollout.model_copy(update={"group": rollout.group + 1})
        write_rollout(self._folder, rollout)
        return rollout

    def _return_all(self, rollout: Rollout) -> Rollout:
        """Take every station that was touched back to what it had; tried until it is so, or until
        a person stops it: then those that are not back are named."""
        names = rollout.to_return()
        for start in range(0, len(names), self._at_once):
            batch = names[start : start + self._at_once]
            rollout = self._each(rollout, batch, self._way_back(rollout), WAY_BACK)
        left = rollout.names("returning")
        if not left:
            return self._enter(rollout, "failed", rollout.reason)
        reason = f"{rollout.reason}; {len(left)} are not back, first {left[0]}"
        if read_wish(self._folder) == "stop":
            return self._enter(rollout, "failed", reason)
        LOG.error("%s: `lineside-deploy rollout resume` tries again", reason)
        return rollout

    def _noted(self, rollout: Rollout, names: Sequence[str]) -> Rollout:
        """With what the stations have that were not begun yet; it is written as they are begun."""
        fresh = [name for name in names if rollout.stations[name].progress == "waiting"]
        with ThreadPoolExecutor(max(1, len(fresh))) as pool:
            versions = pool.map(self._version, fresh)
        rows = {
            name: rollout.stations[name].model_copy(update={"had": version})
            for name, version in zip(fresh, versions, strict=True)
        }
        return rollout.model_copy(update={"stations": rollout.stations | rows})

    def _way_back(self, rollout: Rollout) -> Act:
        return lambda name: self._transport.go_back(name, rollout.stations[name].had)

    def _version(self, name: str) -> str:
        try:
            return self._transport.version(name)
        except LinesideError:
            return ""  # the update that follows says why

    def _each(
        self,
        rollout: Rollout,
        names: Sequence[str],
        act: Act,
        steps: Steps,
        per_minute: float = 0.0,
    ) -> Rollout:
        """Act on some stations at once; the journal knows of each before and after."""
        begun, well, badly = steps
        # One at which an earlier try was at work may have the release, also if it is away now.
        first = {name for name in names if rollout.stations[name].progress == "waiting"}
        rows = {name: (begun, rollout.stations[name].reason) for name in names}
        rollout = rollout.with_stations(rows)
        write_rollout(self._folder, rollout)
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            works = []
            for name in names:
                if per_minute:
                    self._wait_for_turn(per_minute)
                works.append((name, pool.submit(_reason, act, name)))
            reasons = {name: work.result() for name, work in works}
        ended = {
            name: (badly if why else well, _told(well, rollout.stations[name].reason, why))
            for name, (why, _) in reasons.items()
        }
        untouched = {name for name in first if not reasons[name][1]}
        rollout = rollout.with_stations(ended, untouched)
        write_rollout(self._folder, rollout)
        return rollout

    def _wait_for_turn(self, per_minute: float) -> None:
        """No more than `per_minute` stations begin in a minute: broker, network and people."""
        now_ns = self._clock.mono_ns()
        if self._next_ns > now_ns:
            self._clock.sleep_s((self._next_ns - now_ns) / 1e9)
        self._next_ns = max(now_ns, self._next_ns) + round(60e9 / per_minute)

    def _too_many(self, rollout: Rollout) -> bool:
        """More failures than the share of the stations that were begun; one is never too few."""
        begun = len(rollout.names("done", "failed"))
        return len(rollout.names("failed")) > math.floor(rollout.max_failures * begun)

    def _enter(self, rollout: Rollout, phase: Phase, reason: str) -> Rollout:
        if (phase, reason) == (rollout.phase, rollout.reason):
            return rollout
        LOG.info("rollout of %s: %s %s", rollout.title, phase, reason)
        rollout = rollout.model_copy(update={"phase": phase, "reason": reason})
        write_rollout(self._folder, rollout)
        return rollout


def _told(well: Progress, before: str, why: str) -> str:
    """The reason of a station. why: the act failed, empty where it did not.

    On the way back what failed there before stays in front, whether it is back or not.
    """
    if well != "returned":
        return why
    failed = before.partition(NOT_BACK)[0].rstrip("; ")
    if not why:
        return failed or "taken back"
    return "; ".join(part for part in (failed[: MOST_REASON // 2], NOT_BACK + why) if part)


def _reason(act: Act, name: str) -> tuple[str, bool]:
    """Why the act failed, and whether the station may have been touched."""
    try:
        return act(name), True
    except UnreachedError as error:
        return str(error), False
    except LinesideError as error:
        return str(error), True
