"""The trigger while the station is set up: parts are waited for, and none is judged."""

from __future__ import annotations

from contextlib import suppress

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.station.build import channel_source
from edge_agent.station.config import StationConfig
from edge_agent.trigger.trigger import (
    EndOfTrigger,
    Following,
    Seeing,
    Trigger,
    TriggerEvent,
    build_trigger,
)
from edge_agent.web.commission import TriggerTest

TRIGGER_S = 10.0
"""Longest wait for a part."""
SEEING_S = 30.0
"""The same for a trigger that looks at a camera: it learns the empty belt first."""
LOOK_S = 0.5
ENOUGH = 3
"""Parts that prove the trigger."""


def try_trigger(config: StationConfig, *, clock: Clock) -> TriggerTest:
    """Wait for parts at the trigger of a station; a trigger that looks at a camera gets its frames.

    Raises ConfigError without a trigger or for one that cannot be tried alone, DeviceError for a
    device that is not as asked.
    """
    if config.trigger is None:
        raise ConfigError("no trigger is chosen", cure="each frame is a part without one")
    trigger = build_trigger(config.trigger, clock=clock)
    if isinstance(trigger, Following):
        cure = "start the line, and look at its parts"
        raise ConfigError("goes by the belt's way: not tried here", where="trigger", cure=cure)
    source = _source(trigger, config, clock) if isinstance(trigger, Seeing) else None
    began_ns, events, first_s = clock.mono_ns(), 0, None
    longest_ns = (TRIGGER_S if source is None else SEEING_S) * 1e9
    trigger.open()
    try:
        if source is not None:
            source.open()
        with suppress(EndOfTrigger, EndOfSource):
            while events < ENOUGH and clock.mono_ns() - began_ns < longest_ns:
                if _next(trigger, source) is not None:
                    events += 1
                    if first_s is None:
                        first_s = (clock.mono_ns() - began_ns) / 1e9
        return TriggerTest(events=events, first_s=first_s, fault=trigger.status().fault)
    finally:
        if source is not None:
            source.close()
        trigger.close()


def _source(seeing: Seeing, config: StationConfig, clock: Clock) -> Source:
    """The camera that the trigger looks at, as the station sees it; closed."""
    channel = next(one for one in config.channel if one.name == seeing.channel)
    return channel_source(channel, None, config, clock)


def _next(trigger: Trigger, source: Source | None) -> TriggerEvent | None:
    """The next part, or None when none came in time or with the next frame."""
    if source is None:
        return trigger.next(LOOK_S)
    item = source.next(LOOK_S)
    if item is not None and isinstance(trigger, Seeing):
        trigger.see(item)
    return trigger.next(0)
