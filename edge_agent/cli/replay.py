"""`lineside-agent replay`: recorded frames, vibration or rows through the station's decisions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.contracts.wire.decision import Decision
    from edge_agent.station.config import StationConfig

EXAMPLES = """examples:
  lineside-agent replay frames/ --config station.toml
  lineside-agent replay runs.csv --config station.toml --channel motor
  lineside-agent replay shift.csv --config station.toml --channel mill
  lineside-agent replay frames/ --bundle caps-1.0.0.bundle --json
  lineside-agent replay frames/ --config station.toml --against state/audit

The channel's bundle, deadline and health limits apply; nothing is sent. --against holds every
verdict, label, score, threshold and reason against the audit log's, part by part.
exit code: 3 after a FAIL, or with --against when something differs
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `replay`."""
    replay = verbs.add_parser(
        "replay",
        help="run a recording through the station's decisions",
        epilog=EXAMPLES,
    )
    replay.add_argument(
        "recording",
        type=Path,
        metavar="RECORDING",
        help="folder of images, video, vibration, or rows",
    )
    given = replay.add_mutually_exclusive_group(required=True)
    given.add_argument("--config", type=Path, metavar="STATION.toml")
    given.add_argument("--bundle", type=Path, help="in the place of a station")
    replay.add_argument("--channel", help="which channel of the station (its first)")
    replay.add_argument("--rate-hz", type=float, help="of recordings that do not say")
    replay.add_argument("--rpm", type=float, help="shaft speed, of recordings that do not say")
    replay.add_argument("--json", action="store_true", help="one JSON object a line")
    replay.add_argument(
        "--against", type=Path, metavar="STATE_DIR/audit", help="the log that it must agree with"
    )
    replay.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    import logging
    import threading

    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.outputs.console import as_json, as_text
    from edge_agent.station.log import flush_log, start_log
    from edge_agent.station.station import Station

    start_log(logging.WARNING)
    clock = SystemClock()

    decisions: list[Decision] = []

    def show(decision: Decision) -> None:
        decisions.append(decision)
        line = as_json(decision) if args.json else as_text(decision)
        print(line, flush=True)

    config = _bench(args) if args.bundle else _of_station(args)
    station = Station(config, clock=clock, output=show, keep_trying=False, remember=False)
    station.run(threading.Event())
    flush_log()
    counts = station.counts
    print(counts, file=sys.stderr)
    if args.against:
        return _compare(args, decisions, config.channel[0].name)
    return 3 if counts.failed else 1 if counts.no_verdict else 0


def _compare(args: argparse.Namespace, decisions: list[Decision], channel: str) -> int:
    """Whether the replay is what the log has, in words on stderr."""
    from edge_agent.audit.compare import compare_verdicts
    from edge_agent.audit.segments import records

    found = compare_verdicts(records(args.against), decisions, channel)
    for line in found.differences:
        print(f"DIFFERENT {line}", file=sys.stderr)
    told = f"{found.compared} parts compared, {len(found.differences)} fields differ"
    print(f"{told}, {found.unknown} parts are not in the log", file=sys.stderr)
    return 0 if found.identical else 3


def _of_station(args: argparse.Namespace) -> StationConfig:
    """The station's configuration with one channel, whose source is the recording."""
    from edge_agent.capture.source import VibrationSourceTable
    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.contracts.core.suggestion import did_you_mean
    from edge_agent.station.config import read_config

    config = read_config(args.config)
    channels = {channel.name: channel for channel in config.channel}
    name = args.channel or config.channel[0].name
    if name not in channels:
        raise ConfigError(
            f"no channel {name!r}, {did_you_mean(name, channels)}", where=str(args.config)
        )
    channel = channels[name]
    table = channel.model_dump()
    table["source"] = _source(args.recording, channel.kind, args)
    if isinstance(channel.source, VibrationSourceTable):
        axes, unit = list(channel.source.axis_names), channel.source.signal_unit
        table["source"] |= {"axes": axes, "unit": unit}
    whole = config.model_dump() | {"channel": [table], "mqtt": None, "output": [], "trigger": None}
    return type(config).model_validate(whole)


def _bench(args: argparse.Namespace) -> StationConfig:
    """A station around one bundle; its signature is not asked for."""
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.station.build import bundle_file
    from edge_agent.station.config import StationConfig

    kind = read_bundle(bundle_file(args.bundle)).manifest.spec.input.kind
    channel = {
        "name": "replay",
        "kind": kind,
        "bundle": args.bundle,
        "source": _source(args.recording, kind, args),
    }
    return StationConfig.model_validate(
        {"station": {"id": "replay"}, "trust": {"allow_unsigned": True}, "channel": [channel]}
    )


def _source(path: Path, kind: str, args: argparse.Namespace) -> dict[str, object]:
    """The `[channel.source]` table that replays `path`."""
    from edge_agent.capture.drivers import replay_table

    speeds = {"sample_rate_hz": args.rate_hz, "rpm": args.rpm} if kind == "vibration" else {}
    return replay_table(kind, path) | speeds
