"""The verb `check-broker`: will this broker lose, refuse or leak what stations send?"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cli.collect import password_of
from edge_agent.contracts.core.argument_types import count, port, up_to_a_day
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.broker.target import BrokerTarget
    from edge_agent.contracts.core.check_result import CheckResult

EXAMPLES = """examples:
  lineside-deploy check-broker --host broker --port 8883 --ca-file ca.pem \\
      --station press-3 --username press-3 --password-file passwords/press-3
  lineside-deploy check-broker --host broker --mosquitto-conf /etc/mosquitto/mosquitto.conf
  lineside-deploy check-broker --host test-broker --cut 'ssh test-broker ./kill-and-start.sh'

Topics below PREFIX/STATION/check are used and cleaned up; each topic of the station gets one
message of kind `check`, which receivers ignore. --cut ends the broker: not at a plant that runs.
exit code: 0 nothing failed, 1 something failed, 4 nobody answers
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "try what a broker loses, refuses and leaks, with the cure of each"
    verb = add_verb(verbs, "check-broker", text, EXAMPLES, _check)
    verb.add_argument("--host", required=True, help="name or address of the broker")
    verb.add_argument("--port", type=port, default=1883, help="1883; 8883 is usual with TLS")
    verb.add_argument("--protocol", choices=["5", "3.1.1"], default="5", help="MQTT version (5)")
    verb.add_argument("--prefix", default="lineside", help="mqtt.topic_prefix of the stations")
    verb.add_argument("--station", default="lineside-check", help="whose topics are tried")
    verb.add_argument("--username", help="user at the broker")
    verb.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    verb.add_argument("--ca-file", type=Path, metavar="PEM", help="encrypts the connection")
    verb.add_argument("--cert-file", type=Path, metavar="PEM", help="our certificate")
    verb.add_argument("--key-file", type=Path, metavar="PEM", help="its private key")
    verb.add_argument(
        "--queued", type=count, default=1100, metavar="N", help="messages for who is away (1100)"
    )
    verb.add_argument(
        "--plain-port", type=port, default=1883, metavar="PORT", help="must be closed beside TLS"
    )
    verb.add_argument(
        "--mosquitto-conf", type=Path, metavar="FILE", help="also say which of its lines lose"
    )
    verb.add_argument("--cut", metavar="CMD", help="kills the broker and starts it again")
    verb.add_argument(
        "--settle-s",
        type=up_to_a_day,
        default=1.5,
        metavar="S",
        help="time to save before --cut (1.5)",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object a line")


def _check(args: argparse.Namespace) -> int:
    from deploy.broker.check import Depth, check_broker

    depth = Depth(
        queued=args.queued,
        mosquitto_conf=args.mosquitto_conf,
        cut=None if args.cut is None else lambda: _run(args.cut),
        settle_s=args.settle_s,
        plain_port=args.plain_port,
    )
    found = []
    for finding in check_broker(_target(args), depth, datetime.now(UTC)):
        _show(finding, as_json=args.json)
        found.append(finding)
    failed = [finding for finding in found if finding.grade == "FAIL"]
    print(f"{len(found)} checks, {len(failed)} failed", file=sys.stderr)
    return max((finding.exit_code for finding in failed), default=0)


def _target(args: argparse.Namespace) -> BrokerTarget:
    from deploy.broker.target import BrokerTarget

    if (args.cert_file is None) != (args.key_file is None):
        cure = "give both, or none"
        raise ConfigError("they come together", where="--cert-file, --key-file", cure=cure)
    return BrokerTarget(
        args.host,
        args.port,
        args.protocol,
        args.username,
        password_of(args.password_file),
        args.ca_file,
        args.cert_file,
        args.key_file,
        args.prefix,
        args.station,
    )


def _run(command: str) -> None:
    try:
        done = subprocess.run(
            shlex.split(command), check=False, timeout=120, capture_output=True, text=True
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"does not run ({error})", where="--cut", cure="try it alone") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-200:]
        what = f"ended with {done.returncode} ({said})"
        raise ConfigError(what, where="--cut", cure="try it alone")


def _show(finding: CheckResult, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(finding.row()), flush=True)
        return
    print(f"{finding.grade:<7}  {finding.what:<22}  {finding.detail}", flush=True)
    if finding.cure:
        print(f"{'':<7}  {'':<22}  -> {finding.cure}", flush=True)
