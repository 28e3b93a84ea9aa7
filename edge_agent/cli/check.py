"""`lineside-agent check`: is everything there that station.toml names, and what to do if not."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import count

if TYPE_CHECKING:
    from edge_agent.contracts.core.check_result import CheckResult

EXAMPLES = """examples:
  lineside-agent check station.toml
  lineside-agent check station.toml --mosquitto-conf /etc/mosquitto/mosquitto.conf
  lineside-agent check station.toml --json

exit code: 0 nothing failed, 1 something failed, 4 a device or the broker is absent
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `check`."""
    check = verbs.add_parser(
        "check",
        help="test bundles, cameras, sensors, disk and broker",
        epilog=EXAMPLES,
    )
    check.add_argument("config", type=Path, metavar="STATION.toml")
    check.add_argument(
        "--mosquitto-conf", type=Path, metavar="FILE", help="also say which of its lines lose"
    )
    check.add_argument(
        "--items", type=count, default=20, metavar="N", help="judge the first N of a channel (20)"
    )
    check.add_argument("--json", action="store_true", help="one JSON object a line")
    check.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.contracts.wire.mosquitto_conf import lint_conf
    from edge_agent.station.checks import check_station
    from edge_agent.station.config import read_config

    config = read_config(args.config)
    found = []
    for finding in check_station(config, SystemClock(), args.items):
        _show(finding, as_json=args.json)
        found.append(finding)
    if args.mosquitto_conf is not None:
        for finding in lint_conf(args.mosquitto_conf):
            _show(finding, as_json=args.json)
            found.append(finding)
    failures = [finding for finding in found if finding.grade == "FAIL"]
    print(f"{len(found)} checks, {len(failures)} failed", file=sys.stderr)
    if any(finding.exit_code == 4 for finding in failures):
        return 4
    return 1 if failures else 0


def _show(finding: CheckResult, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(finding.row()), flush=True)
        return
    print(f"{finding.grade:<7}  {finding.what:<28}  {finding.detail}", flush=True)
    if finding.cure:
        print(f"{'':<7}  {'':<28}  -> {finding.cure}", flush=True)
