"""`lineside-agent follow`: this station takes part in rollouts over MQTT."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.rollout.follower import Place
    from edge_agent.station.config import StationConfig

EXAMPLES = """examples:
  lineside-agent follow station.toml --root /var/lib/lineside --from https://releases.plant/
  lineside-agent follow station.toml --root /var/lib/lineside --from /mnt/share/releases

Runs beside the agent, as the owner of the station folder (root), until it is stopped. It takes
desired states that the workshop has signed for this station, fetches the release, brings it through
every state of `lineside-agent update`, and reports each step. The broker is not trusted: what it
forges, repeats or keeps too long is named in the log and not begun.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `follow`."""
    follow = verbs.add_parser("follow", help="take part in rollouts over MQTT", epilog=EXAMPLES)
    follow.add_argument("config", type=Path, metavar="STATION.toml")
    follow.add_argument(
        "--root", type=Path, required=True, metavar="DIR", help="the station folder"
    )
    follow.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="DIR|URL",
        help="the folder of releases, on a share or on a server",
    )
    follow.add_argument(
        "--ca", type=Path, metavar="FILE", help="who signs the server's certificate"
    )
    follow.set_defaults(run=_follow)


def _follow(args: argparse.Namespace) -> int:
    from edge_agent.cli.run import stop_on_signals
    from edge_agent.cli.slots import self_test
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.rollout.follower import Follower
    from edge_agent.rollout.work import Source
    from edge_agent.station.config import read_config
    from edge_agent.station.log import flush_log, start_log
    from edge_agent.update.fetch import reader
    from edge_agent.update.watches import watched_station

    config = read_config(args.config)
    clock, state_dir = SystemClock(), config.station.state_dir
    station = watched_station(args.root, self_test, clock, state_dir)
    source = Source(reader(args.source, args.ca), args.source)
    follower = Follower(_place(config, args.config), station, source)
    start_log(logging.INFO)
    try:
        follower.run(stop_on_signals())
    finally:
        flush_log()
    return 0


def _place(config: StationConfig, path: Path) -> Place:
    from edge_agent.rollout.follower import Place

    if config.mqtt is None:
        raise ConfigError(
            "has no table [mqtt]", where=str(path), cure="add it: rollouts come over that broker"
        )
    return Place(config.station.id, config.mqtt, config.mqtt.topic_prefix)
