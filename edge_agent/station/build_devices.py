"""From station.toml to what surrounds the channels: outputs, trigger, publisher, memories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.decide.hold import Hold
from edge_agent.encoder.encoder import build_encoder
from edge_agent.encoder.follower import Follower
from edge_agent.messaging.publisher import Publisher
from edge_agent.outputs.output import Output, OutputTable, build_output
from edge_agent.outputs.timed import TimedOutput
from edge_agent.plc.handshake_devices import NoPlc, Plc, build_plc
from edge_agent.station.actor import Actor, Listener
from edge_agent.station.bundle_watch import BundleWatcher
from edge_agent.station.config import StationConfig
from edge_agent.station.counts import StationCounts
from edge_agent.station.job_watch import JobWatch
from edge_agent.station.memory_store import MemoryStore
from edge_agent.station.output_set import OutputSet
from edge_agent.station.part_numbers import PartNumbers
from edge_agent.station.plc_jobs import PlcJobs
from edge_agent.station.timing import Timing
from edge_agent.station.trigger_watch import CodeWatch, JobChoice, TriggerSet, TriggerWatch
from edge_agent.trigger.trigger import Following, Seeing, Trigger, build_trigger


def build_bundle_watch(config: StationConfig, clock: Clock, timing: Timing) -> BundleWatcher:
    """What looks for newly installed bundles."""
    return BundleWatcher(config, clock, look_s=timing.look_s, retry_s=timing.retry_s)


def build_handshake(config: StationConfig, hold: Hold | None, clock: Clock) -> Plc | NoPlc:
    """The closed handshake with a PLC."""
    if config.plc is None:
        return NoPlc()
    return build_plc(config.plc, clock=clock, held=lambda: bool(hold and hold.by))


def build_outputs(
    config: StationConfig,
    also: Callable[[Decision], None] | None,
    clock: Clock,
    plc: Plc | NoPlc,
    follower: Follower | None = None,
) -> OutputSet:
    """The closed outputs of station.toml, the handshake with a PLC first, and `also`."""
    outputs: dict[str, Output] = {} if plc.output is None else {plc.name: plc.output}
    for name, table in config.output_names.items():
        own = f"{name}-2" if name in outputs else name
        outputs[own] = _output(table, own, clock, follower)
    return OutputSet(outputs, also)


def build_follower(config: StationConfig, clock: Clock) -> Follower | None:
    """What follows the belt, closed; None without [encoder]."""
    table = config.encoder
    if table is None:
        return None
    encoder = build_encoder(table, clock=clock)
    return Follower(
        encoder, um_per_count=table.um_per_count, poll_s=table.poll_ms / 1e3, clock=clock
    )


def _output(table: OutputTable, name: str, clock: Clock, follower: Follower | None) -> Output:
    """The output, behind its gate where it has one."""
    device = build_output(table, clock=clock)
    if table.gate is None:
        return device
    place = follower.track.at if follower and table.gate.by_way else None
    return TimedOutput(device, table.gate, table.safe_state, name=name, clock=clock, place=place)


def build_publisher(config: StationConfig, clock: Clock) -> Publisher:
    """The outbox and the sender."""
    return Publisher(
        config.mqtt,
        config.outbox,
        station=config.station.id,
        state_dir=config.station.state_dir,
        clock=clock,
    )


def build_actor(
    config: StationConfig,
    outputs: OutputSet,
    publisher: Publisher,
    counts: StationCounts,
    listeners: Sequence[Listener],
    hold: Hold | None,
) -> Actor:
    """What acts on decisions and publishes messages."""
    return Actor(
        outputs,
        publisher,
        station=config.station.id,
        deadline_ms=config.line.deadline_ms,
        counts=counts,
        listeners=listeners,
        hold=hold,
    )


def build_memories(config: StationConfig, clock: Clock, *, remember: bool) -> MemoryStore:
    """Alarms and last frames of the channels; remember: from run to run, in the state folder."""
    return MemoryStore(config.station.state_dir / "channels" if remember else None, clock=clock)


def build_triggers(
    config: StationConfig,
    counts: StationCounts,
    clock: Clock,
    jobs: JobWatch,
    plc: Plc | NoPlc,
    follower: Follower | None = None,
) -> TriggerSet:
    """What reports parts, closed: [trigger] or a PLC; and the reader that names them.

    jobs: what a trigger, a reader, or the PLC by its number, may choose.
    """
    if config.recipe:
        plc.follow(PlcJobs(jobs.change_over, jobs.choose))
    trigger: Trigger | None = plc.trigger
    if config.trigger is not None:
        trigger = build_trigger(config.trigger, clock=clock)
    if trigger is None:
        return TriggerSet({}, follower)
    if follower is not None and isinstance(trigger, Following):
        trigger.follow(follower.track)
    numbers = PartNumbers(config.station.state_dir) if config.line.join == "trigger" else None
    chooses = JobChoice(config.line.job_prefix, jobs.choose)
    watches = {
        "trigger": TriggerWatch(
            trigger, clock=clock, counts=counts, numbers=numbers, chooses=chooses
        )
    }
    if config.part_id is not None:
        reader = build_trigger(config.part_id.source, clock=clock)
        watches["part_id"] = CodeWatch(reader, clock=clock, counts=counts, chooses=chooses)
    return TriggerSet(watches, follower, trigger if isinstance(trigger, Seeing) else None)
