"""`lineside-agent predict`: a bundle's judgement of files, without a station."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import isolate
from edge_agent.infer.runtime_names import AUTO, runtime_names

if TYPE_CHECKING:
    from edge_agent.contracts.core.errors import InputError
    from edge_agent.contracts.core.types import Judgement
    from edge_agent.decide.vibration import VibrationInspector
    from edge_agent.infer.bundle_inspector import BundleInspector

EXAMPLES = """examples:
  lineside-agent predict caps-1.0.0.bundle part.png
  lineside-agent predict caps-1.0.0.bundle frames/ --json
  lineside-agent predict motor-1.0.0.bundle run7.csv --rate-hz 12000
  lineside-agent predict motor-1.0.0.bundle run7.csv --baseline motor-baseline.json
  lineside-agent predict mill-1.0.0.bundle shift.csv --json

exit code: 0 all PASS, 3 a FAIL among them, 1 a file that was not judged
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `predict`."""
    predict = verbs.add_parser(
        "predict",
        help="judge images, recordings or rows of process data by a bundle",
        epilog=EXAMPLES,
    )
    predict.add_argument("bundle", type=Path, metavar="BUNDLE")
    predict.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="files or folders")
    predict.add_argument("--json", action="store_true", help="one JSON object a line")
    predict.add_argument(
        "--rate-hz", type=float, help="of the recordings; else as they say, else as the bundle's"
    )
    predict.add_argument(
        "--full-scale-g", type=float, metavar="G", help="g at full scale, of .wav of whole numbers"
    )
    predict.add_argument("--rpm", type=float, help="shaft speed, of recordings that do not say")
    predict.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="a machine's own normal, as its channel has it",
    )
    predict.add_argument("--axes", nargs="+", metavar="AXIS", help="columns; else the bundle's")
    predict.add_argument("--runtime", choices=runtime_names(), default=AUTO, help="default: auto")
    predict.add_argument("--threads", type=int, default=1, help="threads of the network (1)")
    predict.set_defaults(run=_run)
    isolate(predict, "bundle")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.errors import InputError
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.infer.bundle_inspector import load_inspector
    from edge_agent.station.build import bundle_file

    bundle = read_bundle(bundle_file(args.bundle))
    inspector = load_inspector(bundle, runtime=args.runtime, threads=args.threads)
    machine = _machine(inspector, args.baseline)
    paths, left_out = _files(args.paths, inspector)
    for sentence in left_out:
        print(f"error: {sentence}", file=sys.stderr)
    judged = failed = 0
    broken = len(left_out)
    for name, found, latency_ms in _judgements(inspector, machine, paths, args):
        if isinstance(found, InputError):
            said = str(found) if found.where.startswith(name) else f"{name}: {found}"
            print(f"error: {said}", file=sys.stderr)
            broken += 1
            continue
        judged += 1
        failed += found.verdict == "FAIL"
        broken += found.verdict == "NO-VERDICT"
        print(_line(name, found, latency_ms, as_json=args.json), flush=True)
    inspector.close()
    if broken or not judged:
        return 1
    return 3 if failed else 0


def _machine(inspector: BundleInspector, baseline: Path | None) -> VibrationInspector | None:
    """A bundle that knows operating conditions, or stands on a machine's baseline; else None.

    Every recording is judged alone.
    """
    from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
    from edge_agent.decide.alarm_history import AlarmRule
    from edge_agent.decide.vibration import VibrationInspector, read_baseline

    if baseline is None and inspector.spec.conditions is None:
        return None
    found = read_baseline(baseline, inspector.spec) if baseline else None
    return VibrationInspector(inspector, baseline=found, alarm=AlarmRule(AlarmRuleSpec()))


def _judgements(
    inspector: BundleInspector,
    machine: VibrationInspector | None,
    paths: list[Path],
    args: argparse.Namespace,
) -> Iterator[tuple[str, Judgement | InputError, float]]:
    """Name, judgement or fault, and milliseconds of every file, or of every row of its table."""
    from edge_agent.contracts.core.errors import InputError
    from edge_agent.contracts.process.tables import read_table

    tabular = inspector.spec.input.kind == "tabular"
    for path in paths:
        try:
            if not tabular:
                judgement, latency_ms = _judge(inspector, machine, path, args)
                yield str(path), judgement, latency_ms
                continue
            started = time.perf_counter()
            for row, found in inspector.inspect_table(read_table(path)):
                ended = time.perf_counter()
                yield f"{path}#{row}", found, (ended - started) * 1e3
                started = time.perf_counter()
        except InputError as error:
            yield str(path), error, 0.0


def _files(paths: list[Path], inspector: BundleInspector) -> tuple[list[Path], list[str]]:
    """The paths, folders replaced by the files in them that the bundle can judge; and a sentence
    for each kind of file there that is not judged."""
    from edge_agent.contracts.core.folder_scan import count_by_reason, scan_folder
    from edge_agent.contracts.image.decode import IMAGE_SUFFIXES
    from edge_agent.contracts.process.tables import TABLE_SUFFIXES
    from edge_agent.contracts.vibration.recordings import READERS

    kinds = {"image": IMAGE_SUFFIXES, "tabular": TABLE_SUFFIXES}
    suffixes = kinds.get(inspector.spec.input.kind, frozenset(READERS))
    found: list[Path] = []
    left_out: list[str] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        scan = scan_folder(path, suffixes)
        found += [path / name for name in scan.files]
        meant = [one for one in scan.left_out if not one.harmless]
        left_out += [f"{path}: {sentence}" for sentence in count_by_reason(meant)]
        if not scan.files:
            left_out.append(f"{path}: nothing to judge ({' '.join(sorted(suffixes))})")
    return found, left_out


def _judge(
    inspector: BundleInspector,
    machine: VibrationInspector | None,
    path: Path,
    args: argparse.Namespace,
) -> tuple[Judgement, float]:
    """The judgement and the time from the samples in memory to it."""
    from edge_agent.contracts.image.decode import read_image
    from edge_agent.contracts.image.input import ImageInput
    from edge_agent.contracts.vibration.input import VibrationInput
    from edge_agent.contracts.vibration.recordings import read_for_model
    from edge_agent.decide.vibration import refuse_still

    spec = inspector.spec.input
    if isinstance(spec, VibrationInput):
        recording = read_for_model(path, spec, args.axes, args.rate_hz, args.rpm, args.full_scale_g)
        started = time.perf_counter()
        if machine is None:
            refuse_still(recording)
            judgement = inspector.inspect(recording)
        else:
            judgement = machine.inspect_recording(recording)
    else:
        depth = spec.bit_depth if isinstance(spec, ImageInput) else None
        image = read_image(path, depth)
        started = time.perf_counter()
        judgement = inspector.inspect(image)
    return judgement, (time.perf_counter() - started) * 1e3


def _line(path: str, judgement: Judgement, latency_ms: float, *, as_json: bool) -> str:
    if as_json:
        row: dict[str, object] = {
            "path": path,
            "label": judgement.label,
            "score": judgement.score,
            "threshold": judgement.threshold,
            "verdict": judgement.verdict,
            "latency_ms": round(latency_ms, 3),
        }
        if judgement.interval is not None:
            row["interval"] = list(judgement.interval)
        if judgement.reason:
            row["reason"] = judgement.reason
        return json.dumps(row)
    reason = f"  {judgement.reason}" if judgement.reason else ""
    score = f"score {judgement.score:.4f}"
    if judgement.interval is not None:
        score += " ({:.4f} to {:.4f})".format(*judgement.interval)
    return (
        f"{judgement.verdict:<10}  {judgement.label:<16}  {score}  "
        f"threshold {judgement.threshold:.4f}  {latency_ms:6.2f} ms  {path}{reason}"
    )
