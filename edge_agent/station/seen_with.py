"""What learnt limits hang on: a camera's driver, its settings and the view; the agent's version."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.health.commissioning import ChannelCommissioning
from edge_agent.station.config import Channel, ImageChannel

LOG = logging.getLogger("lineside.station")

ALWAYS_LEARNT = {"image": ("flicker",), "vibration": ("repeated",)}
"""Kind of a channel -> limits that every commissioning learns, but one of an earlier version."""


def seen_with(channel: Channel) -> str:
    """The sha256 of the camera's settings and the view; empty for a channel without a camera.

    Settings that are as they would be anyway do not count: a new one of a later version changes
    nothing.
    """
    if not isinstance(channel, ImageChannel):
        return ""
    source = channel.source
    camera = source.model_dump(
        mode="json", exclude_defaults=True, exclude=set(source.besides_the_look)
    )
    view = channel.view
    drawn = None if view is None or view.is_whole else view.model_dump(mode="json")
    return sha256_hex(json.dumps([camera, drawn], sort_keys=True).encode())


def refuse_other_camera(learned: ChannelCommissioning, channel: Channel, path: Path) -> None:
    """Raise ConfigError where limits were learnt with another camera or view.

    path: of commissioning.json. Limits of an earlier version, which did not note it, are taken.
    """
    if learned.seen_with and learned.seen_with != seen_with(channel):
        raise ConfigError(
            f"channel {channel.name} was commissioned with other settings of its camera or view",
            where=str(path),
            cure="let good parts pass and learn again (`lineside-agent commission`)",
        )


def warn_of_earlier_version(learned: ChannelCommissioning, name: str) -> None:
    """Say in the log what of a channel is not watched, as an earlier version commissioned it."""
    missing = [one for one in ALWAYS_LEARNT.get(learned.kind, ()) if one not in learned.limits]
    if missing:
        LOG.warning(
            "channel %s: an earlier version commissioned it, %s is not watched; commission again",
            name,
            ", ".join(missing),
        )
