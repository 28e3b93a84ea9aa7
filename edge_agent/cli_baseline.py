"""`lineside-agent baseline`: a minute of a machine's own normal, for a channel to stand on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EXAMPLES = """example:
  lineside-agent baseline motor-1.0.0.bundle normal/ --out motor-baseline.json
  then in station.toml, in the channel: baseline = "motor-baseline.json"
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `baseline`."""
    baseline = verbs.add_parser(
        "baseline",
        help="learn a station's own normal from recordings of at most a minute",
        description="Another mounting, speed or machine of the same kind sounds different. From "
        "20 windows or more of its normal running the features are centred anew, and the "
        "threshold is raised where this machine scatters more. The bundle stays as it is.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    baseline.add_argument("bundle", type=Path, metavar="BUNDLE")
    baseline.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="files or folders")
    baseline.add_argument("--out", type=Path, required=True, metavar="FILE")
    baseline.add_argument("--rate-hz", type=float, help="of recordings that do not say")
    baseline.add_argument("--rpm", type=float, help="shaft speed, of recordings that do not say")
    baseline.add_argument("--json", action="store_true", help="the baseline on stdout as JSON")
    baseline.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.arming import bundle_file
    from edge_agent.contracts.bundle import read_bundle
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.contracts.recordings import READERS, read_recording
    from edge_agent.contracts.vibration import VibrationInput
    from edge_agent.decide.machine import take_baseline, write_baseline
    from edge_agent.infer.inspector import load_inspector

    inspector = load_inspector(read_bundle(bundle_file(args.bundle)))
    spec = inspector.spec.input
    if not isinstance(spec, VibrationInput):
        raise ConfigError(
            f"judges {spec.kind}", where=str(args.bundle), cure="give a vibration bundle"
        )
    files = [path for given in args.paths for path in _files(given, frozenset(READERS))]
    recordings = [
        read_recording(path, spec.axes, args.rate_hz, spec.unit, args.rpm) for path in files
    ]
    found = take_baseline(inspector, recordings)
    inspector.close()
    write_baseline(args.out, found)
    said = f"{args.out}: {found.windows} windows, threshold {found.threshold:g}"
    print(json.dumps(found.model_dump()) if args.json else said)
    return 0


def _files(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes)
