"""`lineside-agent run`: the station at work."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Literal

EXAMPLES = """example:
  lineside-agent run station.toml
  lineside-agent run station.toml --verbose --no-wait

Ends by itself when every source has ended, else on SIGTERM or Ctrl-C; nothing is lost either way.
"""

SWITCH_S = 0.0005
"""Python lets a thread run for 5 ms before another one gets its turn: with captures, channels and
the outbox at work a part would wait for several such turns."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `run`."""
    run = verbs.add_parser(
        "run",
        help="inspect until stopped",
        epilog=EXAMPLES,
    )
    run.add_argument("config", type=Path, metavar="STATION.toml")
    run.add_argument("--verbose", action="store_true", help="verdict lines also without a terminal")
    run.add_argument("--json", action="store_true", help="verdict lines as JSON objects")
    run.add_argument("--quiet", action="store_true", help="no verdict lines")
    run.add_argument(
        "--no-wait", action="store_true", help="end with an error where it would stay disarmed"
    )
    run.add_argument("--debug", action="store_true", help="log more")
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.outputs.console import Console, ConsoleTable
    from edge_agent.station.config import read_config
    from edge_agent.station.log import flush_log, log_fail, start_log
    from edge_agent.station.station import Station
    from edge_agent.station.systemd import supervisor_of

    start_log(logging.DEBUG if args.debug else logging.INFO)
    sys.setswitchinterval(SWITCH_S)
    config = read_config(args.config)
    stop = stop_on_signals()
    shown = (args.verbose or args.json or sys.stdout.isatty()) and not args.quiet
    form: Literal["text", "json"] = "json" if args.json else "text"
    clock = SystemClock()
    console = Console(ConsoleTable(driver="console", format=form), name="console", clock=clock)
    if shown:
        console.open()
    station = Station(
        config,
        clock=clock,
        output=console.write if shown else log_fail,
        keep_trying=not args.no_wait,
        supervisor=supervisor_of(os.environ),
    )
    try:
        station.run(stop)
    finally:
        console.close()
        flush_log()
    print(f"{station.counts}; {station.sent} confirmed, {station.waiting} wait", file=sys.stderr)
    return 0


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT and SIGHUP set.

    A signal that was ignored when the program started (nohup, a shell's background) stays ignored.
    """
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)
    return stop
