"""`lineside-agent simulate`: data sets from the simulated line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """\
examples:
  lineside-agent simulate images --out data/caps --count 600 --seed 1 --size 320x240
  lineside-agent simulate vibration --out data/motors --count 400 --seed 1
"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    simulate = commands.add_parser(
        "simulate",
        aliases=["twin"],
        help="write a data set from the simulated line",
        epilog=EXAMPLES,
    )
    kinds = simulate.add_subparsers(dest="kind", required=True, metavar="KIND")
    _register_images(kinds)
    _register_vibration(kinds)


def _register_images(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    images = kinds.add_parser(
        "images",
        help="machined parts on a belt: good, scratch, pit, chip, missing_screw",
        epilog=EXAMPLES,
    )
    _common(images, defect_rate=0.5)
    images.add_argument("--size", default="640x480", metavar="WxH", help="pixels (640x480)")
    images.set_defaults(run=_images)


def _register_vibration(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    vibration = kinds.add_parser(
        "vibration",
        help="motors on a test bench: normal, and faults of bearing or rotor",
        epilog=EXAMPLES,
    )
    _common(vibration, defect_rate=0.8)
    vibration.add_argument(
        "--seconds", type=float, default=1.0, metavar="S", help="length of a recording (1.0)"
    )
    vibration.add_argument(
        "--rate-hz", type=float, default=12000.0, metavar="HZ", help="sampling rate (12000)"
    )
    vibration.add_argument(
        "--faults",
        default="ball,inner,outer",
        metavar="LIST",
        help="which faults occur, of ball,inner,outer,unbalance (ball,inner,outer)",
    )
    vibration.set_defaults(run=_vibration)


def _common(parser: argparse.ArgumentParser, defect_rate: float) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument("--count", type=int, default=400, metavar="N", help="samples (400)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which line (1)")
    parser.add_argument(
        "--defect-rate",
        type=float,
        default=defect_rate,
        metavar="SHARE",
        help=f"share of bad parts, 0 to 1 ({defect_rate})",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _images(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import whole_folder
    from edge_agent.simulator import dataset

    _refuse_wrong_numbers(args)
    size_px = _size(args.size)
    dataset.refuse_used(args.out)
    with whole_folder(args.out) as folder:
        tally = dataset.write_images(
            folder, args.count, args.seed, size_px, args.defect_rate, _progress(args.count)
        )
    return _print_result(args, tally)


def _vibration(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import whole_folder
    from edge_agent.simulator import dataset

    _refuse_wrong_numbers(args)
    if not 0.05 <= args.seconds <= 600 or not 2000 <= args.rate_hz <= 200_000:
        raise ConfigError(
            f"{args.seconds:g} s at {args.rate_hz:g} Hz",
            where="simulate vibration",
            cure="give --seconds between 0.05 and 600 and --rate-hz between 2000 and 200000",
        )
    faults = _faults(args.faults)
    dataset.refuse_used(args.out)
    with whole_folder(args.out) as folder:
        tally = dataset.write_vibration(
            folder,
            args.count,
            args.seed,
            args.seconds,
            args.rate_hz,
            args.defect_rate,
            faults,
            _progress(args.count),
        )
    return _print_result(args, tally)


def _refuse_wrong_numbers(args: argparse.Namespace) -> None:
    if not 1 <= args.count <= 1_000_000:
        raise ConfigError(f"{args.count} samples", where="--count", cure="give 1 to 1000000")
    if args.seed < 0:
        raise ConfigError(f"{args.seed}", where="--seed", cure="give 0 or more")
    if not 0 <= args.defect_rate <= 1:
        raise ConfigError(f"{args.defect_rate:g}", where="--defect-rate", cure="give 0 to 1")


def _faults(text: str) -> list[str]:
    from edge_agent.simulator.motor import FAULTS

    faults = [name.strip() for name in text.split(",")]
    unknown = sorted(set(faults) - set(FAULTS))
    if unknown or len(set(faults)) != len(faults):
        raise ConfigError(
            f"{text!r}", where="--faults", cure=f"give one or more of {','.join(FAULTS)}"
        )
    return faults


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"{text!r} is no size", where="--size", cure="give one as 640x480")
    size_px = int(width), int(height)
    if not all(64 <= side <= 4096 for side in size_px) or size_px[0] < size_px[1]:
        raise ConfigError(
            f"{text} pixels", where="--size", cure="give 64 to 4096, at least as wide as high"
        )
    return size_px


def _progress(count: int) -> Callable[[int], None]:
    """A counter on stderr when a person is watching."""

    def tell(done: int) -> None:
        if sys.stderr.isatty() and (done % 20 == 0 or done == count):
            end = "\n" if done == count else ""
            print(f"\r{done} of {count}", end=end, file=sys.stderr, flush=True)

    return tell


def _print_result(args: argparse.Namespace, tally: dict[str, int]) -> int:
    if args.json:
        print(json.dumps({"out": str(args.out), "count": args.count, "labels": tally}))
    else:
        told = ", ".join(f"{number} {label}" for label, number in tally.items())
        print(f"{args.out}: {args.count} samples: {told}")
    return 0
