"""`lineside-agent launch`: what the service runs; it starts the agent that is current."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from edge_agent.contracts.core.argument_types import up_to_a_day
from edge_agent.contracts.core.command import Verbs

EXAMPLES = """examples:
  lineside-agent launch /var/lib/lineside/station.toml --quiet
  lineside-agent launch station.toml --root /var/lib/lineside --arm-within 300

Becomes `run` of the agent that `self-update` made current, or of this one. A new agent is watched:
if it is not armed in time, or ends three times before, the one of before is started.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `launch`."""
    launch = verbs.add_parser("launch", help="run the current agent", epilog=EXAMPLES)
    launch.add_argument("config", type=Path, metavar="STATION.toml")
    launch.add_argument(
        "--root", type=Path, metavar="DIR", help="the station folder (that of STATION.toml)"
    )
    launch.add_argument("--state", type=Path, metavar="DIR", help="(that of STATION.toml)")
    launch.add_argument(
        "--arm-within",
        type=up_to_a_day,
        default=150.0,
        metavar="S",
        help="a new agent must be armed after S seconds (150)",
    )
    launch.add_argument(
        "--hold", type=up_to_a_day, default=10.0, metavar="S", help="and stay so for S seconds (10)"
    )
    launch.add_argument("--quiet", action="store_true", help="no verdict lines, as `run --quiet`")
    launch.set_defaults(run=_launch)


def _launch(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.log import start_log
    from edge_agent.station.systemd import supervisor_of
    from edge_agent.update.launcher import Launcher, Limits
    from edge_agent.update.state_word import state_dir_of

    start_log(logging.INFO)
    root = args.root or args.config.resolve().parent
    words = [str(args.config.resolve()), *(["--quiet"] if args.quiet else [])]
    limits = Limits(max(1.0, args.arm_within), max(0.0, args.hold))
    state = args.state or state_dir_of(args.config.resolve())
    launcher = Launcher(
        root,
        state,
        words,
        SystemClock(),
        limits=limits,
        ask_for_time=supervisor_of(os.environ).wait_for_us,
    )
    return launcher.run()
