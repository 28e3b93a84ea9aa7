"""`lineside-agent baseline`: a minute of a machine's own normal, for a channel to stand on."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import isolate
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.contracts.core.types import Recording
    from edge_agent.contracts.model.bundle import Bundle
    from edge_agent.decide.vibration import Baseline

EXAMPLES = """examples:
  lineside-agent baseline --config station.toml --channel motor --seconds 30
  lineside-agent baseline motor-1.0.0.bundle normal/ --out motor-baseline.json
  then in station.toml, in the channel: baseline = "motor-baseline.json"

With --config the channel's own sensor is recorded: end the agent first, and let the machine run as
it should. The file is what the channel names as its baseline, or --out.
"""

UNSTEADY_WORDS = (
    "warning: the readings vary {:.3g} times as much as in training. Was the sensor moved, or did "
    "the speed change? Such a baseline hides real faults: keep sensor and speed constant and "
    "record it again"
)


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `baseline`."""
    baseline = verbs.add_parser(
        "baseline",
        help="learn a station's own normal from at most a minute of its sensor, or recordings",
        description="Another mounting, speed or machine of a kind vibrates differently. From "
        "10 windows or more of its normal running the features are centred anew, and the "
        "threshold is raised where this machine varies more. The bundle stays as it is.",
        epilog=EXAMPLES,
    )
    baseline.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE")
    baseline.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="files or folders")
    baseline.add_argument(
        "--config", type=Path, metavar="STATION.toml", help="record a channel's sensor"
    )
    baseline.add_argument("--channel", metavar="NAME", help="which one (the only vibration one)")
    baseline.add_argument(
        "--seconds", type=float, default=30.0, metavar="S", help="how long, at most 60 (30)"
    )
    baseline.add_argument("--out", type=Path, metavar="FILE")
    baseline.add_argument(
        "--rate-hz", type=float, help="of the recordings; else as they say, else as the bundle's"
    )
    baseline.add_argument("--rpm", type=float, help="shaft speed, of recordings that do not say")
    baseline.add_argument("--json", action="store_true", help="the baseline on stdout as JSON")
    baseline.set_defaults(run=_run)
    isolate(baseline, "bundle")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.vibration.baseline import RESTLESS
    from edge_agent.decide.vibration import take_baseline, write_baseline
    from edge_agent.infer.bundle_inspector import load_inspector

    bundle, recordings, out = _from_sensor(args) if args.config else _from_files(args)
    inspector = load_inspector(bundle)
    found = take_baseline(inspector, recordings)
    inspector.close()
    write_baseline(out, found)
    if found.scatter >= RESTLESS:
        print(UNSTEADY_WORDS.format(found.scatter), file=sys.stderr)
    line = f"{out}: {found.windows} windows, threshold {found.threshold:g}{_bound(found)}"
    print(json.dumps(found.model_dump()) if args.json else line)
    return 0


def _bound(found: Baseline) -> str:
    if found.false_alarms is None:
        return ""
    return f"; false alarms by the ranks of these windows: {found.false_alarms:.1%} at most"


def _from_sensor(args: argparse.Namespace) -> tuple[Bundle, list[Recording], Path]:
    """From the sensor of a channel."""
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.config import read_config
    from edge_agent.station.record import MOST_S, find_channel, record_channel

    if args.bundle is not None:
        raise ConfigError(
            "is given and --config too",
            where=str(args.bundle),
            cure="give BUNDLE or --config, not both",
        )
    if not 0 < args.seconds <= MOST_S:
        raise ConfigError(
            f"{args.seconds:g} s is not possible", where="--seconds", cure=f"give up to {MOST_S:g}"
        )
    config = read_config(args.config)
    channel = find_channel(config, args.channel)
    out = args.out or channel.baseline
    if out is None:
        raise ConfigError(
            "no place for the baseline", where=f"channel {channel.name}", cure="give --out FILE"
        )
    return *record_channel(channel, config, args.seconds, SystemClock()), out


def _from_files(args: argparse.Namespace) -> tuple[Bundle, list[Recording], Path]:
    """From files."""
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.contracts.vibration.input import VibrationInput
    from edge_agent.contracts.vibration.recordings import READERS, read_for_model
    from edge_agent.station.build import bundle_file

    if args.bundle is None or not args.paths or args.out is None:
        raise ConfigError(
            "needs BUNDLE PATH... --out FILE, or --config STATION.toml", where="baseline"
        )
    bundle = read_bundle(bundle_file(args.bundle))
    spec = bundle.manifest.spec.input
    if not isinstance(spec, VibrationInput):
        raise ConfigError(
            f"judges {spec.kind}", where=str(args.bundle), cure="give a vibration bundle"
        )
    files = [path for given in args.paths for path in _files(given, frozenset(READERS))]
    recordings = [read_for_model(path, spec, rate_hz=args.rate_hz, rpm=args.rpm) for path in files]
    return bundle, recordings, args.out


def _files(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    from edge_agent.contracts.core.files import files_below

    return files_below(path, suffixes)
