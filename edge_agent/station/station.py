"""The station: channels in, verdicts out, wired as station.toml says.

Threads: one for each live source (captures), one for each channel (judges), one that decides the
parts whose deadline is over, the outbox's writer, the MQTT sender, one that loads newly installed
bundles, one that saves the channels' memories, and the caller's, which watches sources, health and
state. None of the first three waits for disk or network.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, LinesideError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.observation import Observer
from edge_agent.decide.hold import Hold
from edge_agent.station.actor import Listener
from edge_agent.station.build import (
    ArmedChannel,
    arm_channel,
    load_on_cpu,
    load_recipe,
)
from edge_agent.station.build_devices import (
    build_actor,
    build_bundle_watch,
    build_follower,
    build_handshake,
    build_memories,
    build_outputs,
    build_publisher,
    build_triggers,
)
from edge_agent.station.bundle_watch import WatchedBundle
from edge_agent.station.change_over import ChangeOver
from edge_agent.station.channel import ChannelThread
from edge_agent.station.channel_threads import ChannelThreads
from edge_agent.station.config import StationConfig
from edge_agent.station.counts import StationCounts
from edge_agent.station.deadline_watch import DeadlineWatch
from edge_agent.station.health_report import health_report
from edge_agent.station.job_watch import JobWatch
from edge_agent.station.part_rules import part_rules
from edge_agent.station.part_tracker import PartTracker
from edge_agent.station.process_memory import give_back, settle
from edge_agent.station.relay import ObserverRelays
from edge_agent.station.state import State, StationState
from edge_agent.station.systemd import Supervisor
from edge_agent.station.timing import Timing

LOG = logging.getLogger("lineside.station")

UNSIGNED = "bundles without a signature are run (trust.allow_unsigned)"


class Station:
    """One station; run() until its sources end or `stop` is set.

    output: is told of every decision at once, after the configured outputs; it must not wait.
    listeners: are told of every message, each in a thread of its own.
    observers: see every item with its verdict, each in a thread of its own; who is too slow misses
    the oldest.
    remembered: gives the fields of the health message that audit log and evidence know.
    keep_trying: a station that cannot arm stays disarmed with the reason and tries again, unless
    station.toml must be edited first; otherwise run() raises the error.
    remember: alarms and frozen frames are kept in state_dir from run to run.
    hold: by which somebody stops passing.
    publish: tells everybody of a message.
    supervisor: hears when the station is armed and that every channel is at work.
    """

    _channels: list[ArmedChannel]
    _watched: list[WatchedBundle]
    _tracker: PartTracker

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: Clock,
        output: Callable[[Decision], None] | None = None,
        listeners: Sequence[Listener] = (),
        observers: Sequence[Observer] = (),
        remembered: Callable[[], dict[str, object]] = dict,
        hold: Hold | None = None,
        keep_trying: bool = True,
        remember: bool = True,
        arm: Callable[..., ArmedChannel] = arm_channel,
        supervisor: Supervisor | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.config, self._clock = config, clock
        self.counts = StationCounts()
        self._remembered = remembered
        self._keep_trying = keep_trying
        self._arm_channel = arm
        self._supervisor = supervisor or Supervisor()
        self._timing = timing or Timing()
        self._plc = build_handshake(config, hold, clock)
        follower = build_follower(config, clock)
        self._outputs = build_outputs(config, output, clock, self._plc, follower)
        self._publisher = build_publisher(config, clock)
        known = config, self._outputs, self._publisher, self.counts
        self._actor = build_actor(*known, listeners, hold)
        self.publish = self._actor.publish
        self._state = self._new_state()
        self._memories = build_memories(config, clock, remember=remember)
        self._bundle_watch = build_bundle_watch(config, clock, self._timing)
        self._change_over = self._new_change_over()
        self.jobs = JobWatch(config.station.state_dir, self._change_over)
        self._triggers = build_triggers(config, self.counts, clock, self.jobs, self._plc, follower)
        self._observers = ObserverRelays(observers)
        self._threads = self._new_threads()
        self._deadlines = DeadlineWatch(self._expire, config.line, clock)
        self._begin_without_channels()

    @property
    def state(self) -> State:
        """What the station told last."""
        return self._state.state

    @property
    def reason(self) -> str:
        """Why it is in its state, or what somebody should know while it is armed."""
        return self._state.reason

    @property
    def sent(self) -> int:
        """Messages that the broker (or the receiver) confirmed."""
        return self._publisher.sent

    @property
    def waiting(self) -> int:
        """Messages on disk that nobody confirmed yet."""
        return self._publisher.waiting

    @property
    def grabbed(self) -> int:
        """Parts of which an item was grabbed."""
        return self._grabbed_before + self._tracker.begun

    @property
    def unobserved(self) -> int:
        """Observations that an observer was too slow for."""
        return self._observers.dropped

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
            self._supervisor.wait_for_us(self._timing.arming_s + self._timing.rearm_s)
            try:
                self._outputs.open()
                self._publisher.open()
                self._arm()
            except LinesideError as error:
                if stop.is_set():  # what stops us may also have ended the trial of a bundle
                    return False
                if not self._keep_trying or isinstance(error, ConfigError):
                    raise
                self._change("disarmed", str(error))
                stop.wait(self._timing.rearm_s)
            else:
                return True
        return False

    def _arm(self) -> None:
        armed: list[ArmedChannel] = []
        try:
            for table in self.config.channel:
                self._supervisor.wait_for_us(self._timing.arming_s + self._timing.rearm_s)
                memory = self._memories.load(table.name)
                armed.append(self._arm_channel(table, self.config, self._clock, memory))
            job = self.jobs.load()
            self._watched = self._change_over.preload(armed, self.config.channel, job)
            self._channels = armed
            self._grabbed_before += self._tracker.begun
            self._tracker = self._new_tracker()
            # Nothing is grabbed before all can be judged: one device may open slower than others.
            for channel in armed:
                channel.feed.open()
            settle()
            self._triggers.start(self._tracker)
            for channel in armed:
                channel.feed.start(self._triggers.watch(channel.name, self._tracker))
        except LinesideError:
            self._channels = []
            self._triggers.stop()
            for channel in armed:
                channel.feed.close()
                channel.bundle.close()
            self._change_over.close()
            self._tracker.flush("the station could not arm")
            raise
        self._start_threads()
        if self.config.trust.allow_unsigned:
            LOG.warning("%s", UNSIGNED)
        self._change("armed", self._warnings())
        self._supervisor.ready()

    def _start_threads(self) -> None:
        self._memories.start()
        self._threads.start(self._channels)
        self._bundle_watch.start(self._watched)
        self.jobs.start()
        self._deadlines.start()

    def _begin_without_channels(self) -> None:
        self._channels, self._watched = [], []
        self._grabbed_before = 0
        self._tracker = self._new_tracker()

    def _new_change_over(self) -> ChangeOver:
        return ChangeOver(
            self.config.recipe,
            clock=self._clock,
            load=partial(load_recipe, self.config, self._clock),
            take_installed=self._bundle_watch.take,
        )

    def _new_threads(self) -> ChannelThreads:
        return ChannelThreads(
            lambda channel: ChannelThread(
                channel,
                self._tracker,
                fresh_bundle=self._change_over.take,
                memories=self._memories,
                counts=self.counts,
                clock=self._clock,
            ),
            partial(load_on_cpu, self.config, self._clock),
            replaced=self._change_over.replace,
            clock=self._clock,
            hung_s=max(self._timing.hung_s, self.config.line.deadline_ms / 1e3),
        )

    def _new_state(self) -> StationState:
        return StationState(
            self.config.station.id,
            publish=self._actor.publish,
            status=self._supervisor.status,
            clock=self._clock,
        )

    def _new_tracker(self) -> PartTracker:
        return PartTracker(
            {channel.name: channel.bundle.title for channel in self._channels},
            self.config.line,
            self.config.station.safe_action,
            actor=self._actor,
            counts=self.counts,
            clock=self._clock,
            observe=self._observers.put if self._observers.any else None,
            quiet_s=self._timing.quiet_s,
            rules=part_rules(self.config, self._change_over.doubt),
        )

    def _expire(self) -> None:
        self._tracker.guarded(self._tracker.expire, "of a deadline")

    def _watch(self, stop: threading.Event) -> None:
        """Sources, state, health and signs of life, until the sources end or `stop` is set."""
        every_ns = round(self.config.line.health_every_s * 1e9)
        health_at_ns = self._clock.mono_ns()
        while not stop.is_set() and not self._threads.ended:
            stop.wait(self.config.line.tick_s)
            self._threads.replace_hung()
            self._update_state()
            self._show_life()
            if self._clock.mono_ns() >= health_at_ns:
                health_at_ns += every_ns
                self._outputs.read_back()
                self._publish_health()
                give_back()

    def _show_life(self) -> None:
        """Feed the watchdog only while every channel, and the watch of deadlines, has finished a
        loop within half of its time.
        """
        limit_s = self._supervisor.watchdog_s / 2
        oldest_ns = min([*self._threads.beats_ns, self._deadlines.beat_ns])
        if not limit_s or (self._clock.mono_ns() - oldest_ns) / 1e9 < limit_s:
            self._supervisor.alive()

    def _update_state(self) -> None:
        faults = self._lost_channels(optional=False)
        faults += self._threads.faults
        faults += [self._change_over.fault] if self._change_over.fault else []
        faults += self._tracker.overdue()
        faults += self._triggers.faults
        faults += [f"{name}: {fault}" for name, fault in self._outputs.faults.copy().items()]
        still_s = (self._clock.mono_ns() - self._deadlines.beat_ns) / 1e9
        if still_s > self._timing.still_s:
            faults.append(self._outputs.why_still(still_s))
        if faults:
            if self._change("disarmed", "; ".join(faults)):
                self._outputs.show_safe_state()
        else:
            self._change("armed", self._warnings())

    def _warnings(self) -> str:
        """What somebody should know of a station that is armed."""
        forgotten = self._memories.fault
        return "; ".join(
            [
                *self._publisher.faults,
                *self._threads.warnings,
                *self._lost_channels(optional=True),
                *self._triggers.warnings,
                *([f"alarms are not kept for the next start: {forgotten}"] if forgotten else []),
                *self._bundle_watch.refused.copy().values(),
                *(text for c in self._channels for text in c.memory.warnings(c.name)),
                *([UNSIGNED] if self.config.trust.allow_unsigned else []),
            ]
        )

    def _lost_channels(self, *, optional: bool) -> list[str]:
        """Which channels have lost their sources; parts pass without the optional ones."""
        named = {t.name for t in self.config.channel if t.fusion.optional == optional}
        lost = [channel for channel in self._channels if channel.feed.fault]
        return [f"{one.name}: {one.feed.fault}" for one in lost if one.name in named]

    def _change(self, state: State, reason: str) -> bool:
        bundles = {channel.name: channel.bundle.title for channel in self._channels}
        self._plc.follow_state(state, is_running=self._threads.any)
        found = {channel.name: channel.bundle.runtime for channel in self._channels}
        runtimes = {name: one for name, one in found.items() if one is not None}
        return self._state.change(state, reason, bundles, runtimes)

    def _publish_health(self) -> None:
        message = health_report(
            self.config.station.id,
            counts=self.counts,
            matches=self._tracker.match_counts,
            gates=self._outputs.status().values(),
            clock=self._clock,
        )
        found = {
            "frames_dropped": sum(
                channel.feed.dropped + channel.feed.lost for channel in self._channels
            ),
            "grabbed": self.grabbed,
            "repeats": self._tracker.repeats,
            "unobserved": self.unobserved,
            "outbox_waiting": self.waiting,
        }
        self._actor.publish(message.model_copy(update=found | self._remembered()))

    def _end(self, reason: str) -> None:
        """Decide what was grabbed, send what waits, and close everything.

        The outputs go to their safe state after the last decision: what was grabbed is decided.
        """
        self._supervisor.stopping()
        self._supervisor.wait_for_us(self._timing.arming_s + self.config.line.drain_s)
        self._change("stopping", reason)
        self.jobs.stop()
        self._bundle_watch.stop()
        self._triggers.stop()
        for channel in self._channels:
            channel.feed.stop()
        self._threads.join(self._timing.join_s)
        self._deadlines.stop()
        self._tracker.flush("no verdict before the agent ended")
        self._outputs.close()
        self._publish_health()
        self._memories.stop()
        self._publisher.close(self.config.line.drain_s)
        self._observers.close()
        self._actor.close()
        self._threads.close_bundles()
        self._change_over.close()
