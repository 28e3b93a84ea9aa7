"""The health lights of the Line screen, from what the station tells of itself."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.web.api_models import Level, Light

MANY_WAIT = 1000
"""Messages that wait for the broker, from which the light is yellow."""


def lights_of(
    state: str, reason: str, health: HealthMessage | None, channels: Sequence[str]
) -> list[Light]:
    """Lights of the station, its channels, outputs, trigger and messages, each with its reason."""
    faults = [part for part in reason.split("; ") if part] if state != "stopping" else []
    is_armed = state == "armed"
    lights = [Light(name="station", level="ok" if is_armed else "bad", text=reason)]
    for name in channels:
        found = _about(faults, f"{name}:")
        lights.append(_light(f"channel {name}", found, "bad" if not is_armed else "warn"))
    lights.append(_light("output", _about(faults, "output"), "bad"))
    lights.append(_light("trigger", _about(faults, "trigger"), "bad"))
    lights.append(_messages_light(faults, health))
    lights.append(_frames_light(health))
    return lights


def _about(faults: list[str], beginning: str) -> str:
    return "; ".join(fault for fault in faults if fault.startswith(beginning))


def _light(name: str, fault: str, level: Level) -> Light:
    return Light(name=name, level=level if fault else "ok", text=fault)


def _messages_light(faults: list[str], health: HealthMessage | None) -> Light:
    words = ("broker", "mqtt", "verdicts are", "outbox", "waits for")
    found = "; ".join(f for f in faults if any(word in f.lower() for word in words))
    waiting = health.outbox_waiting if health else 0
    if not found and waiting >= MANY_WAIT:
        found = f"{waiting} messages wait"
    return _light("messages", found, "warn")


def _frames_light(health: HealthMessage | None) -> Light:
    if health is None:
        return Light(name="frames", level="unknown")
    dropped = health.frames_dropped
    return _light("frames", f"{dropped} frames dropped" if dropped else "", "warn")
