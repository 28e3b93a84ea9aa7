"""`lineside-agent measure`: what physics says of a vibration, before any model is trained."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.decide.severity import LIMITS_MM_S

if TYPE_CHECKING:
    from edge_agent.contracts.core.types import Recording
    from edge_agent.decide.bearings import Bearing
    from edge_agent.decide.severity import AxisNumbers, MachineGroup

EXAMPLES = """examples:
  lineside-agent measure run7.csv --rate-hz 12000 --axes x y
  lineside-agent measure runs/ --rate-hz 12000 --axes x --rpm 1480 --bearing 6205-2RS
  lineside-agent measure --config station.toml --channel motor --seconds 10

RMS velocity and its zone of ISO 20816-3 (A as new, B fit for long, C not for long, D harmful),
peak, crest, kurtosis, and the fault lines of a bearing. The channel's bundle need not be there.
exit code: 3 an axis in zone C or D
"""


def register(verbs: Verbs) -> None:
    """Add the verb `measure`."""
    about = "velocity, ISO 20816-3 zone and bearing lines of a vibration; needs no model"
    verb = add_verb(verbs, "measure", about, EXAMPLES, _run)
    verb.add_argument("paths", type=Path, nargs="*", metavar="PATH", help="recordings or folders")
    verb.add_argument(
        "--axes", nargs="+", default=["0"], metavar="AXIS", help="columns (the first)"
    )
    verb.add_argument("--unit", help="of the samples: g or m/s2 (g; fs, fractions, of a PCM .wav)")
    verb.add_argument(
        "--full-scale-g", type=float, metavar="G", help="g at full scale, of .wav of whole numbers"
    )
    verb.add_argument("--rate-hz", type=float, help="of recordings that do not say")
    verb.add_argument("--rpm", type=float, help="shaft speed, of recordings that do not say")
    verb.add_argument("--config", type=Path, metavar="STATION.toml", help="a channel's own sensor")
    verb.add_argument("--channel", metavar="NAME", help="which one (the only vibration one)")
    verb.add_argument("--seconds", type=float, default=5.0, metavar="S", help="how long, up to 60")
    verb.add_argument("--bearing", default="", help="of the table, for its fault lines")
    verb.add_argument(
        "--group", choices=sorted(LIMITS_MM_S), default="", help="size and support of the machine"
    )
    verb.add_argument("--json", action="store_true", help="one JSON object a recording")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.decide.bearings import find_bearing
    from edge_agent.decide.severity import Zone, measure

    if bool(args.paths) == bool(args.config):
        raise ConfigError("needs PATH..., or --config STATION.toml", where="measure")
    harmful = False
    for recording, group, bearing in _recordings(args):
        numbers = measure(recording, group)
        known = find_bearing(bearing) if bearing else None
        print(_json(recording, numbers, known) if args.json else _text(recording, numbers, known))
        harmful |= any(one.zone in (Zone.C, Zone.D) for one in numbers)
    return 3 if harmful else 0


def _recordings(args: argparse.Namespace) -> Iterator[tuple[Recording, MachineGroup, str]]:
    """Each recording with the machine's group and the name of its bearing."""
    from edge_agent.contracts.vibration.recordings import (
        FRACTION,
        read_recording,
    )
    from edge_agent.contracts.vibration.wav import holds_fractions

    if args.config is None:
        group: MachineGroup = args.group or "group2-rigid"
        for given in args.paths:
            for path in _files(given):
                unit = args.unit
                if unit is None:
                    bare = args.full_scale_g is None and holds_fractions(path)
                    unit = FRACTION if bare else "g"
                given = (args.rate_hz, unit, args.rpm, args.full_scale_g)
                found = read_recording(path, args.axes, *given)
                yield found, group, args.bearing
        return
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.config import read_config
    from edge_agent.station.record import MOST_S, find_channel, record_sensor

    if not 0 < args.seconds <= MOST_S:
        raise ConfigError(
            f"{args.seconds:g} s is not possible", where="--seconds", cure=f"give up to {MOST_S:g}"
        )
    config = read_config(args.config)
    channel = find_channel(config, args.channel)
    for recording in record_sensor(channel, config, args.seconds, SystemClock()):
        yield recording, args.group or channel.machine_group, args.bearing or channel.bearing


def _files(given: Path) -> list[Path]:
    """The file, or the recordings of the folder; raises InputError where it has none."""
    from edge_agent.contracts.core.errors import InputError
    from edge_agent.contracts.core.files import files_below
    from edge_agent.contracts.vibration.recordings import READERS

    if not given.is_dir():
        return [given]
    found = files_below(given, frozenset(READERS))
    if not found:
        cure = f"put some there ({' '.join(sorted(READERS))})"
        raise InputError("no recordings", where=str(given), cure=cure)
    return found


def _lines(recording: Recording, bearing: Bearing | None) -> list[str]:
    """What stands out of the bearing's lines, or why none could be looked for."""
    from edge_agent.contracts.core.errors import InputError
    from edge_agent.decide.bearings import fault_lines

    if bearing is None:
        return []
    try:
        found = [str(line) for line in fault_lines(recording, bearing)]
    except InputError as error:
        return [f"{bearing.name} not looked for: {error.what}"]
    return found or [f"{bearing.name}: no line stands out"]


def _text(recording: Recording, numbers: list[AxisNumbers], bearing: Bearing | None) -> str:
    rows = [
        f"{recording.source}  axis {one.axis}  {_velocity(one)}  rms {one.rms:.4g} "
        f"{recording.unit}  peak {one.peak:.4g}  crest {one.crest:.1f}  "
        f"kurtosis {one.kurtosis:.1f}"
        for one in numbers
    ]
    return "\n".join(rows + [f"  {line}" for line in _lines(recording, bearing)])


def _velocity(one: AxisNumbers) -> str:
    if one.rms_mm_s is None:
        return "no zone (unit, rate or length)"
    return f"{one.rms_mm_s:.2f} mm/s  zone {one.zone}"


def _json(recording: Recording, numbers: list[AxisNumbers], bearing: Bearing | None) -> str:
    lines = _lines(recording, bearing)
    axes = [dataclasses.asdict(one) for one in numbers]
    return json.dumps({"recording": recording.source, "axes": axes, "bearing": lines})
