"""The station: channels in, verdicts out, wired as station.toml says.

Threads: one for each channel (decides), one for each live source (captures), the outbox's writer,
the MQTT sender, one that loads newly installed bundles, and the caller's, which watches deadlines,
health and state. A channel's thread gives the verdict to the output first and to the outbox's
hand-over after; it waits for neither disk nor network.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, LinesideError
from edge_agent.contracts.core.types import Item
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.messages import (
    HealthMessage,
    StateMessage,
    VerdictMessage,
    wire_text,
)
from edge_agent.decide.fusion import action_for, fuse
from edge_agent.decide.parts import Assembler, ClosedPart, grab_of
from edge_agent.report.publisher import Publisher
from edge_agent.station.build import ArmedChannel, arm_channel
from edge_agent.station.bundle_watch import BundleWatcher
from edge_agent.station.config import StationConfig
from edge_agent.station.systemd import Supervisor

LOG = logging.getLogger("lineside.station")

TAKE_S = 0.1
"""Longest wait for an item, so that a stop is obeyed soon."""
PART_ID_CHARACTERS = 1000
REARM_S = 5.0
"""A disarmed station tries again after this."""
ARMING_S = 90.0
"""Longest time that one channel's arming, or the end, may hang before the supervisor steps in: an
Edge TPU that does not answer is waited for in each channel."""

State = Literal["armed", "disarmed", "stopping"]


class Output(Protocol):
    """What is told of every decision, at once and in the channel's thread: it must not wait."""

    def __call__(self, decision: Decision) -> None: ...


def no_output(decision: Decision) -> None:
    """For a station that only reports."""


class Station:
    """One station; run() until its sources end or `stop` is set.

    keep_trying: a station that cannot arm stays disarmed with the reason and tries again, unless
    station.toml must be edited first; otherwise run() raises the error.
    supervisor: hears when the station is armed and that every channel is at work.
    """

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: Clock,
        output: Output = no_output,
        keep_trying: bool = True,
        arm: Callable[..., ArmedChannel] = arm_channel,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.config = config
        self.counts: Counter[str] = Counter()
        self.state: State = "disarmed"
        self.reason = "starting"
        self._clock = clock
        self._output = output
        self._keep_trying = keep_trying
        self._arm_channel = arm
        self._supervisor = supervisor or Supervisor()
        self._channels: list[ArmedChannel] = []
        self._said: dict[str, str] = {}
        self._workers: list[threading.Thread] = []
        self._beats: dict[str, float] = {}
        self._bundle_watch = BundleWatcher(config, clock)
        self._assembler = Assembler({}, join="none", deadline_ms=config.line.deadline_ms)
        self._publisher = Publisher(
            config.mqtt,
            config.outbox,
            station=config.station.id,
            state_dir=config.station.state_dir,
            clock=clock,
        )
        self._lock = threading.Lock()

    @property
    def sent(self) -> int:
        """Messages that the broker (or the receiver) confirmed."""
        return self._publisher.sent

    @property
    def waiting(self) -> int:
        """Messages on disk that nobody confirmed yet."""
        return self._publisher.waiting

    def run(self, stop: threading.Event) -> None:
        """Arm and decide until every source has ended or `stop` is set; nothing is lost."""
        reason = "a fault in the agent"
        try:
            if self._arm_until(stop):
                self._watch(stop)
            reason = "asked to" if stop.is_set() else "the sources have ended"
        except LinesideError as error:
            reason = str(error)
            raise
        finally:
            self._end(reason)

    def _arm_until(self, stop: threading.Event) -> bool:
        """Arm, trying again while disarmed; False when stopped before. Raises ConfigError.

        Armed is only who can keep verdicts: a disk that is full at the start, where no number of
        a verdict is safe, is waited for like a camera.
        """
        while not stop.is_set():
            self._supervisor.wait_for_us(ARMING_S + REARM_S)
            try:
                self._publisher.open()
                self._arm()
            except LinesideError as error:
                if not self._keep_trying or isinstance(error, ConfigError):
                    raise
                self._say("disarmed", str(error))
                stop.wait(REARM_S)
            else:
                return True
        return False

    def _arm(self) -> None:
        started: list[ArmedChannel] = []
        try:
            for table in self.config.channel:
                self._supervisor.wait_for_us(ARMING_S + REARM_S)
                channel = self._arm_channel(table, self.config, self._clock)
                started.append(channel)
                channel.feed.start()
        except LinesideError:
            for channel in started:
                channel.feed.close()
                channel.bundle.close()
            raise
        self._channels = started
        line = self.config.line
        self._assembler = Assembler(
            {channel.name: channel.bundle.title for channel in started},
            join=line.join,
            deadline_ms=line.deadline_ms,
        )
        self._workers = [
            threading.Thread(target=self._work, args=[c], name=f"channel-{c.name}", daemon=True)
            for c in started
        ]
        self._beats = {worker.name: time.monotonic() for worker in self._workers}
        for worker in self._workers:
            worker.start()
        self._bundle_watch.start(started)
        self._say("armed", "")
        self._supervisor.ready()

    def _work(self, channel: ArmedChannel) -> None:
        """The loop of one channel's thread; faults in a row are logged ever more seldom."""
        in_a_row = 0
        me = threading.current_thread().name
        while True:
            self._beats[me] = time.monotonic()
            try:
                self._take_up(channel)
                item = channel.feed.take(TAKE_S)
                if item is not None:
                    self._inspect(channel, item)
                    in_a_row = 0
            except EndOfSource:
                break
            except Exception:
                in_a_row += 1
                if in_a_row.bit_count() == 1:
                    LOG.exception("channel %s failed (%d); going on", channel.name, in_a_row)
                self.counts["faults"] += 1
                time.sleep(TAKE_S)
        channel.feed.close()

    def _take_up(self, channel: ArmedChannel) -> None:
        """Judge by the newly installed bundle from the next part on, where there is one."""
        fresh = self._bundle_watch.take(channel.name)
        if fresh is None:
            return
        LOG.info(
            "channel %s: %s in the place of %s", channel.name, fresh.title, channel.bundle.title
        )
        old, channel.bundle = channel.bundle, fresh
        self._assembler.rename(channel.name, fresh.title)
        old.close()

    def _inspect(self, channel: ArmedChannel, item: Item) -> None:
        part_id = wire_text(item.part_id or str(item.seq), PART_ID_CHARACTERS)
        grab = grab_of(channel.name, item, part_id)
        self._assembler.begin(grab)
        verdict = channel.bundle.judge.judge(item)
        part = self._assembler.add(verdict, grab)
        if part is not None:
            self._decide(part)

    def _decide(self, part: ClosedPart) -> None:
        """Fuse, act, and hand over to the outbox, in this order; the last also if acting fails."""
        latency_ms = max(0.0, (self._clock.mono_ns() - part.mono_ns) / 1e6)
        verdict, reason = fuse(part.channels, latency_ms, self.config.line.deadline_ms)
        decision = Decision(
            part_id=part.part_id,
            verdict=verdict,
            action=action_for(verdict, self.config.station.safe_action),
            reason=reason,
            latency_ms=latency_ms,
            channels=part.channels,
        )
        try:
            self._output(decision)
        finally:
            self._record(decision)

    def _record(self, decision: Decision) -> None:
        with self._lock:
            self.counts["parts"] += 1
            self.counts[str(decision.verdict)] += 1
        self._publisher.publish(self._message(decision))

    def _message(self, decision: Decision) -> VerdictMessage:
        return VerdictMessage(
            station=self.config.station.id,
            at_ns=self._clock.utc_ns(),
            part_id=decision.part_id,
            verdict=decision.verdict,
            action=decision.action,
            reason=decision.reason,
            latency_ms=decision.latency_ms,
            deadline_ms=self.config.line.deadline_ms,
            channels=list(decision.channels),
        )

    def _watch(self, stop: threading.Event) -> None:
        """Deadlines, health and state, until the sources end or `stop` is set."""
        tick_s = min(0.05, max(0.005, self.config.line.deadline_ms / 1e4))
        health_at = time.monotonic()
        while not stop.is_set() and any(worker.is_alive() for worker in self._workers):
            stop.wait(tick_s)
            self._expire(self._clock.mono_ns())
            self._watch_sources()
            self._show_life()
            if time.monotonic() >= health_at:
                health_at += self.config.line.health_every_s
                self._say_health()

    def _expire(self, until_ns: int) -> None:
        """Decide the parts whose deadline is over by then; a fault over one is not the others'."""
        for part in self._assembler.expire(until_ns):
            try:
                self._decide(part)
            except Exception:
                self.counts["faults"] += 1
                if self.counts["faults"].bit_count() == 1:
                    LOG.exception("part %s failed; going on", part.part_id)

    def _show_life(self) -> None:
        """A channel that hangs over one part for half the watchdog's time is no life."""
        late_s = time.monotonic() - (self._supervisor.watchdog_s / 2 or math.inf)
        if all(self._beats[w.name] > late_s for w in self._workers if w.is_alive()):
            self._supervisor.alive()

    def _watch_sources(self) -> None:
        faults = [f"{c.name}: {c.feed.fault}" for c in self._channels if c.feed.fault]
        if faults:
            self._say("disarmed", "; ".join(faults))
        else:
            unkept = self._publisher.fault
            reasons = [f"verdicts are counted, not kept: {unkept}"] if unkept else []
            self._say("armed", "; ".join([*reasons, *self._bundle_watch.refused.copy().values()]))

    def _say(self, state: State, reason: str) -> None:
        reason = wire_text(reason)
        bundles = {channel.name: channel.bundle.title for channel in self._channels}
        if (state, reason, bundles) == (self.state, self.reason, self._said):
            return
        self.state, self.reason, self._said = state, reason, bundles
        level = logging.ERROR if state == "disarmed" else logging.INFO
        said = f"{state}: {reason}" if reason else state
        LOG.log(level, "%s", said)
        self._supervisor.status(said)
        self._publisher.publish(
            StateMessage(
                station=self.config.station.id,
                state=state,
                reason=reason,
                at_ns=self._clock.utc_ns(),
                bundles=bundles,
            )
        )

    def _say_health(self) -> None:
        self._publisher.publish(
            HealthMessage(
                station=self.config.station.id,
                at_ns=self._clock.utc_ns(),
                parts=self.counts["parts"],
                passed=self.counts["PASS"],
                failed=self.counts["FAIL"],
                no_verdict=self.counts["NO-VERDICT"],
                frames_dropped=sum(channel.feed.dropped for channel in self._channels),
                outbox_waiting=self.waiting,
                rss_mb=rss_mb(),
            )
        )

    def _end(self, reason: str) -> None:
        """Decide what was grabbed, send what waits, and close everything."""
        self._supervisor.stopping()
        self._supervisor.wait_for_us(ARMING_S + self.config.line.drain_s)
        self._say("stopping", reason)
        self._bundle_watch.stop()
        for channel in self._channels:
            channel.feed.stop()
        for worker in self._workers:
            worker.join(timeout=15)
        self._expire(self._clock.mono_ns() + (1 << 62))
        self._say_health()
        self._publisher.close(self.config.line.drain_s)
        for channel in self._channels:
            channel.bundle.close()


def rss_mb() -> float:
    """The resident memory of this process (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
