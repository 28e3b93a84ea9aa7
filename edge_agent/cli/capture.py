"""`lineside-agent capture` and `record`: training data by the station's own camera and sensor."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import count, seconds
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.capture.source import Source
    from edge_agent.contracts.core.clock import Clock
    from edge_agent.station.collect import Asking
    from edge_agent.station.config import Channel, StationConfig
    from edge_agent.station.training_folder import TrainingFolder

CAPTURE_EXAMPLES = """examples:
  lineside-agent capture --config station.toml --out data/caps --label ok --good
  lineside-agent capture --config station.toml --out data/caps --label scratch --every 2 --count 50
  lineside-agent capture --config station.toml --out data/caps --label ok --good --trigger

Enter takes a picture, a word and Enter names its part, q and Enter ends. The folder is a data set
that `lineside-train check data/caps` and `lineside-train fit data/caps` read as it lies. Ten
pictures of one part are one part: name it, or give --part. End the agent first; the channel's
bundle need not be there.
"""
RECORD_EXAMPLES = """examples:
  lineside-agent record --config station.toml --out data/motor --label normal --good --count 60
  lineside-agent record --config station.toml --out data/motor --label unbalance --seconds 10
  lineside-agent record --config station.toml --channel press --out data/press --label ok --good

Recordings of a vibration sensor, each --seconds long and with its measured rate, or rows of
process tags. The folder is a data set: `lineside-train fit data/motor` reads it as it lies. All of
one call are one part, unless they have names of their own: give each machine, or run, its --part.
"""


def register(verbs: Verbs) -> None:
    """Add the verbs `capture` and `record`."""
    about = "collect training pictures with the station's own camera and settings"
    capture = add_verb(verbs, "capture", about, CAPTURE_EXAMPLES, _run)
    capture.set_defaults(kinds=("image",), seconds=None)
    about = "collect training recordings with the station's own sensor, or rows of its tags"
    record = add_verb(verbs, "record", about, RECORD_EXAMPLES, _run)
    record.set_defaults(kinds=("vibration", "tabular"))
    for verb in (capture, record):
        verb.add_argument("--config", type=Path, required=True, metavar="STATION.toml")
        verb.add_argument("--channel", metavar="NAME", help="which one (the only one of its kind)")
        verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data set")
        verb.add_argument("--label", required=True, metavar="NAME", help="what the parts are")
        verb.add_argument("--good", action="store_true", help="parts of this label are good")
        verb.add_argument("--part", default="", metavar="NAME", help="all are of this one part")
        verb.add_argument("--count", type=count, metavar="N", help="end after N")
        verb.add_argument("--json", action="store_true", help="the result as JSON")
    how = capture.add_mutually_exclusive_group()
    how.add_argument("--every", type=seconds, metavar="S", help="take one every S seconds")
    how.add_argument("--trigger", action="store_true", help="take one for each part of [trigger]")
    record.set_defaults(every=None, trigger=False)
    length = "of a recording (1, or the source's window)"
    record.add_argument("--seconds", type=seconds, metavar="S", help=length)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.config import read_config
    from edge_agent.station.training_folder import TrainingFolder

    config, clock = read_config(args.config), SystemClock()
    channel = _channel(config, args)
    session = f"{clock.utc_ns() // 10**9:d}"
    folder = TrainingFolder(
        args.out, channel.kind, args.label, good=args.good, session=session, channel=channel.name
    )
    source = _source(channel, config, args.seconds, clock)
    with _asking(args, config, clock) as asking:
        source.open()
        try:
            _collect(args, folder, channel, source, asking, clock)
        except KeyboardInterrupt:
            print("ended; every sample so far is kept", file=sys.stderr)
        finally:
            source.close()
    result = {"out": str(args.out), "label": args.label, "count": folder.count}
    print(json.dumps(result) if args.json else f"{args.out}: {folder.count} of {args.label}")
    return 0 if folder.count else 1


def _collect(
    args: argparse.Namespace,
    folder: TrainingFolder,
    channel: Channel,
    source: Source,
    asking: Asking,
    clock: Clock,
) -> None:
    from edge_agent.capture.source import VibrationSourceTable
    from edge_agent.contracts.core.types import Reading, Unreadable
    from edge_agent.station.collect import collect

    table = channel.source
    named_axes: tuple[str, ...] = ()
    unit = "g"
    if isinstance(table, VibrationSourceTable):
        named_axes, unit = table.axis_names, table.signal_unit
    axes: tuple[str, ...] = named_axes
    for item, named in collect(source, asking, clock, _unfit):
        if isinstance(item, Unreadable):
            continue
        if isinstance(item, Reading):
            axes = named_axes or tuple(f"axis{at}" for at in range(item.signal.shape[1]))
        if not folder.count:
            folder.prepare(axes, unit)
        own = item.part_id if "image" not in args.kinds else ""
        part = args.part or named or own or _own_part(args, folder)
        path = folder.add(item, part, axes)
        print(f"{folder.count}  {path.relative_to(args.out)}", file=sys.stderr, flush=True)
        if args.count and folder.count >= args.count:
            return


def _own_part(args: argparse.Namespace, folder: TrainingFolder) -> str:
    """A picture that nobody named is a part; the recordings of one call are one machine."""
    return f"{folder.session}-{folder.count:06d}" if "image" in args.kinds else folder.session


def _unfit(reason: str) -> None:
    print(f"not taken: {reason}", file=sys.stderr, flush=True)


def _channel(config: StationConfig, args: argparse.Namespace) -> Channel:
    """The channel that is named, or the only one of the verb's kinds."""
    from edge_agent.contracts.core.suggestion import did_you_mean

    able = {one.name: one for one in config.channel if one.kind in args.kinds}
    if args.channel is None and len(able) == 1:
        return next(iter(able.values()))
    if args.channel in able:
        return able[args.channel]
    names = ", ".join(able) or "none"
    kinds = " or ".join(args.kinds)
    what = f"the station has {len(able)} {kinds} channels: {names}"
    if args.channel is not None:
        what = f"no {kinds} channel {args.channel!r}, {did_you_mean(args.channel, able)}"
    raise ConfigError(what, where="--channel", cure="name one" if able else "add one")


def _source(
    channel: Channel, config: StationConfig, seconds_long: float | None, clock: Clock
) -> Source:
    """The channel's source with its own settings; a recording as long as was asked."""
    from edge_agent.capture.drivers import build_source
    from edge_agent.station.build import completed

    table = channel.source.fitted_to(None, channel=channel.name, broker=config.mqtt)
    for key in ("window_s", "duration_s"):
        if seconds_long is not None and key in type(table).model_fields:
            table = type(table).model_validate(table.model_dump() | {key: seconds_long})
    source = build_source(channel.kind, table, name=channel.name, clock=clock)
    return completed(source, channel, config, clock)


@contextmanager
def _asking(args: argparse.Namespace, config: StationConfig, clock: Clock) -> Iterator[Asking]:
    """Who decides when a sample is taken."""
    from edge_agent.station.collect import AskedAlways, AskedByClock, AskedByKey, AskedByTrigger
    from edge_agent.trigger.trigger import build_trigger

    if "image" not in args.kinds:
        yield AskedAlways()
    elif args.every is not None:
        yield AskedByClock(args.every, clock)
    elif not args.trigger:
        print("Enter: take one; a word: take one of that part; q: end", file=sys.stderr)
        yield AskedByKey()
    elif config.trigger is None:
        raise ConfigError("the station has no [trigger]", where="--trigger", cure="add one")
    else:
        trigger = build_trigger(config.trigger, clock=clock)
        trigger.open()
        try:
            yield AskedByTrigger(trigger)
        finally:
            trigger.close()
