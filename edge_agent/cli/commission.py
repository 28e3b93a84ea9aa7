"""`lineside-agent commission`: what lenses, lamps and sensors are like on good parts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.station.commission import Commissioned
    from edge_agent.station.config import ImageChannel, StationConfig, VibrationChannel

EXAMPLES = """examples:
  lineside-agent commission station.toml
  lineside-agent commission station.toml --channel top --parts 2000
  lineside-agent commission station.toml --json --quiet

Let good parts pass, as the line makes them, while it runs; end the agent first where it holds the
camera. The file lies beside station.toml (station.commissioning); the agent takes it up at its next
start.
"""
PARTS = 300
DRIFT = 0.3
LONG = {"cells", "steady", "spread", "focus", "marks", "references"}
"""Left out of --json: the file has them."""
GUIDE = """Commissioning of {channels}
  1. Clean the lens; set focus, exposure and white balance, and lock them. Tighten mount and sensor.
  2. Put two marks on the machine frame, in opposite corners of a camera's picture: without them
     shift, turn, scale, vibration and fog are not watched.
  3. Close the hood or doors: the light must be that of production.
  4. Let {parts} good parts pass, best over several lots and at the line's own speed.
"""
NEXT = """What to do next
  - Start the agent: `lineside-agent run {config}`. Its state and its page name faults.
  - Try it: breathe on the lens, or turn the lamp down. The fault must be named within 20 parts.
  - Commission again after every change of lens, lamp, mount, sensor or product.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `commission`."""
    about = "learn focus, light, colour, pose and noise on good parts, and set their limits"
    verb = add_verb(verbs, "commission", about, EXAMPLES, _run)
    verb.add_argument("config", type=Path, metavar="STATION.toml")
    verb.add_argument("--channel", metavar="NAME", help="one channel (all cameras and sensors)")
    verb.add_argument(
        "--parts", type=int, default=PARTS, metavar="N", help=f"good parts, 120 and more ({PARTS})"
    )
    verb.add_argument("--quiet", action="store_true", help="no guide and no progress")
    verb.add_argument("--json", action="store_true", help="what was learned as one JSON object")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.health.commissioning import read_commissioning, write_commissioning
    from edge_agent.station.commission import commission_channel
    from edge_agent.station.config import read_config

    if not 120 <= args.parts <= 1_000_000:
        raise ConfigError(f"{args.parts} parts", where="--parts", cure="give 120 to 1000000")
    config = read_config(args.config)
    channels = _channels(config, args.channel)
    if not args.quiet:
        names = ", ".join(channel.name for channel in channels)
        print(GUIDE.format(channels=names, parts=args.parts), file=sys.stderr)
    path = config.station.commissioning
    found = read_commissioning(path)
    for channel in channels:
        shown = _progress(channel.name, args)
        done = commission_channel(channel, config, args.parts, clock=SystemClock(), progress=shown)
        learned = {**found.channels, channel.name: done.learned}
        found = found.model_copy(update={"channels": learned})
        write_commissioning(path, found)
        if not args.json:
            print("\n".join(_lines(channel.name, done)))
    if args.json:
        shown_names = {channel.name for channel in channels}
        shown_json = {
            name: one.model_dump(exclude=LONG)
            | {"marks": len(one.marks), "false_alarm_rate": one.false_alarm_rate}
            for name, one in found.channels.items()
            if name in shown_names
        }
        print(json.dumps({"file": str(path), "channels": shown_json}))
    elif not args.quiet:
        print(f"written: {path}")
        print(NEXT.format(config=args.config), file=sys.stderr)
    return 0


def _channels(config: StationConfig, name: str | None) -> list[ImageChannel | VibrationChannel]:
    """The cameras and vibration sensors, or the one of that name; raises ConfigError."""
    from edge_agent.contracts.core.suggestion import did_you_mean
    from edge_agent.station.config import ImageChannel, VibrationChannel

    known = {
        one.name: one for one in config.channel if isinstance(one, ImageChannel | VibrationChannel)
    }
    if name is not None and name not in known:
        raise ConfigError(f"no camera or sensor {name!r}, {did_you_mean(name, known)}")
    if not known:
        raise ConfigError("no camera and no vibration sensor", where="commission")
    return list(known.values()) if name is None else [known[name]]


def _progress(channel: str, args: argparse.Namespace) -> Callable[[int], None]:
    """A counter on stderr when a person is watching."""

    def tell(done: int) -> None:
        if sys.stderr.isatty() and not args.quiet and (done % 10 == 0 or done == args.parts):
            end = "\n" if done == args.parts else ""
            print(f"\r{channel}: {done} of {args.parts}", end=end, file=sys.stderr, flush=True)

    return tell


def _lines(name: str, done: Commissioned) -> list[str]:
    """What was learned, in words, with what is missing."""
    from edge_agent.health.drift import GOOD_REFERENCE, parts_to_detect

    learned = done.learned
    lines = [f"{name}: {learned.parts} parts"]
    lines += [
        f"  {value:11} {limit.level:+9.3f}  may stray by {limit.reach:.3f}, step {limit.step:.3f}"
        for value, limit in learned.limits.items()
    ]
    rate = learned.false_alarm_rate
    lines.append(
        f"  false alarms: at most 1 in {1 / rate:.0f} parts is proven by {learned.parts} parts "
        f"(95 %); 30,000 would prove 1 in 10,000"
    )
    if learned.kind == "image" and len(learned.marks) < 2:
        lines.append(
            f"  {len(learned.marks)} reference marks: nothing else stays in its place, so "
            "the camera's place is not watched whole. Put two marks into opposite corners"
        )
    drifts = ", ".join(learned.references) or "nothing"
    lines.append(f"  drift is watched of: {drifts}")
    for name, reference in learned.references.items():
        parts = parts_to_detect(reference, DRIFT)
        lines.append(f"  a drift of {name} of {DRIFT} sigma is found within {parts} parts")
    if learned.references and learned.parts < GOOD_REFERENCE:
        lines.append(f"  {GOOD_REFERENCE} parts would find it within 500")
    if done.no_scores:
        lines.append(f"  no scores: {done.no_scores}")
    if done.failed or done.unjudged:
        told = f"  {done.failed} FAIL and {done.unjudged} without a verdict: were all parts good?"
        lines.append(told)
    return lines
