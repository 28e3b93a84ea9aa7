"""`lineside-agent belt`: a simulated belt with a light barrier, a camera and a reject gate."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.simulator.belt import Outcome

EXAMPLES = """example:
  lineside-agent belt --parts 100
  lineside-agent belt --rate-hz 10 --json

The belt starts when a station has connected trigger, camera and output of driver "belt", and tells
what became of each part. exit code: 3 after a bad part went through the gate
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `belt`."""
    belt = verbs.add_parser(
        "belt", help="simulate a belt with barrier, camera and gate", epilog=EXAMPLES
    )
    belt.add_argument("--parts", type=int, default=0, metavar="N", help="end after N (never)")
    belt.add_argument("--rate-hz", type=float, default=2.0, metavar="HZ", help="parts a second (2)")
    belt.add_argument("--seed", type=int, default=1, metavar="N", help="which line (1)")
    belt.add_argument(
        "--defect-rate", type=float, default=0.25, metavar="SHARE", help="share of bad parts (0.25)"
    )
    belt.add_argument("--look", choices=["parts", "plain"], default="parts", help=LOOK)
    belt.add_argument("--port", type=int, default=8440, metavar="N", help="TCP port (8440)")
    belt.add_argument("--json", action="store_true", help="one JSON object a line")
    belt.add_argument("--quiet", action="store_true", help="the sum alone")
    belt.set_defaults(run=_run)


LOOK = "parts: machined parts with their defects; plain: good ones bright, bad ones dark (parts)"


def _run(args: argparse.Namespace) -> int:
    from edge_agent.cli.run import stop_on_signals
    from edge_agent.simulator.belt import BeltPlan
    from edge_agent.simulator.belt_server import BeltServer

    if not 0.1 <= args.rate_hz <= 50:
        raise ConfigError(f"{args.rate_hz:g}", where="--rate-hz", cure="give 0.1 to 50")
    if not 0 <= args.defect_rate <= 1:
        raise ConfigError(f"{args.defect_rate:g}", where="--defect-rate", cure="give 0 to 1")
    if args.seed < 0 or args.parts < 0:
        raise ConfigError("less than 0", where="--seed, --parts", cure="give 0 or more")

    def tell(outcome: Outcome) -> None:
        if not args.quiet:
            fields = asdict(outcome) | {"accepted": outcome.accepted, "rejected": outcome.rejected}
            print(json.dumps(fields) if args.json else outcome.words, flush=True)

    plan = BeltPlan(
        seed=args.seed, rate_hz=args.rate_hz, defect_rate=args.defect_rate, look=args.look
    )
    _hurry()
    belt = BeltServer(plan, port=args.port, tell=tell)
    stop = stop_on_signals()
    belt.open()
    print(f"the belt waits for a station at port {belt.port}", file=sys.stderr, flush=True)
    try:
        belt.run(stop, args.parts)
    finally:
        belt.close()
    tally = belt.tally
    if args.json:
        print(json.dumps(asdict(tally)))
    else:
        print(
            f"{tally.parts} parts: {tally.good_accepted} good ones accepted, {tally.good_lost} "
            f"lost, {tally.good_lost_down} lost without a station; {tally.bad} bad ones, "
            f"{tally.bad_accepted} went through"
        )
    return 3 if tally.bad_accepted else 0


def _hurry() -> None:
    """A belt does not slow down because a computer is busy, where the system allows it."""
    sys.setswitchinterval(0.0005)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
