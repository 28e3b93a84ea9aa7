"""What int8 costs, and how fast it runs beside LiteRT's own benchmark, OpenVINO and ONNX Runtime.

    python -m benchmarks.quantize DATA_DIR [--only PART] [--case NAME ...] [--runs FOLDER] [--quick]

parts: mobilenet (conversion and speed), tiny (MLPerf Tiny pairs), sets (every model of the trainer
on every set, float beside int8; benchmarks/quantize_cases.py is the table), and only where it is
asked for speed (the bundles that lie in --runs). With --runs the run folders are kept there, and
what is there already is not trained again. Each model's time in the runtime that a station here
would choose stands over the best of LiteRT, OpenVINO and ONNX Runtime. These need
`pip install '.[bench]'`; a rival that is missing has no row.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quantize_cases import CASES, Case
from benchmarks.rivals import RIVALS
from benchmarks.rows import Row, print_rows, say
from benchmarks.runtime_speed import best_rows, speed_rows, station_times
from benchmarks.workshop import Workshop

ROUNDS = 3
"""Of every rival on a model of the sets."""
REACHES = {"auroc": 0.005, "accuracy": 0.005, "escapes": 0.0}
"""What int8 may take; of rmse, a fiftieth of the float network's."""
RMSE_SHARE = 0.02
TITLES = {"escapes": "new escapes", "rmse": "rmse gained"}
ALLOWED = ("auroc", "accuracy", "escapes", "rmse", "agreement")

PAIRS = {
    "resnet8": "image_classification/trained_models/pretrainedResnet{}.tflite",
    "vww": "visual_wake_words/trained_models/vww_96_{}.tflite",
}
SUFFIXES = {"resnet8": ("", "_quant"), "vww": ("float", "int8")}


@dataclass(frozen=True)
class Options:
    """The command line."""

    data: Path
    only: str | None
    cases: list[Case]
    runs: Path | None
    weights: str
    quick: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows; 0."""
    options = _options(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lineside-quantize-") as name:
        for part in [options.only] if options.only else PARTS:
            rows += PARTS[part](options, Path(name))
    print_rows(rows)
    return 0


def mobilenet(options: Options, folder: Path) -> list[Row]:
    """Conversion of MobileNetV2-1.0-224, and its speed on one thread beside the rivals."""
    run, quick = folder / "mobilenet", options.quick
    say("mobilenet: writing a run of MobileNetV2-1.0-224")
    _in_child(f"write_sized_run(Path({str(run)!r}), alpha={0.35 if quick else 1.0})")
    say("mobilenet: converting")
    converted = _convert_row(run, folder)
    bundle = Workshop(folder).bundle(run, "--allow", "accuracy", "--allow", "escapes")
    name, times = station_times("mobilenet", bundle, tuple(RIVALS), 2 if quick else 5)
    ours = times.pop("lineside")
    converted += best_rows("mobilenetv2-1.0-224", name, ours, times)
    rows = [*converted, Row("mobilenetv2-1.0-224 int8 p5", ours.wall_ms, "lower", "ms", reach=4.0)]
    for name, spent in times.items():
        reach = 1.05 if name == "litert-benchmark" else 1.0
        title = f"mobilenetv2-1.0-224 time over {name}"
        rows.append(Row(f"mobilenetv2-1.0-224 int8 p5 {name}", spent.wall_ms, "lower", "ms"))
        rows.append(Row(title, ours.wall_ms / spent.wall_ms, "lower", "ratio", reach=reach))
    return rows


def tiny(options: Options, folder: Path) -> list[Row]:
    """`compare` on the float and int8 files of MLPerf Tiny, on made inputs."""
    rows = []
    for name, pattern in PAIRS.items():
        files = [
            options.data / "mlperf_tiny_models" / pattern.format(one) for one in SUFFIXES[name]
        ]
        if not all(path.is_file() for path in files):
            continue
        report = json.loads(Workshop(folder).call("lineside-quantize", "compare", *files, "--json"))
        agreement = report["outputs"][0]["agreement"]
        rows.append(Row(f"{name} int8 agreement", agreement, "higher", n=report["n"], reach=0.97))
    return rows


def sets(options: Options, folder: Path) -> list[Row]:
    """Every model of the trainer on the sets in DATA_DIR: what int8 takes from each."""
    rows: list[Row] = []
    workshop = Workshop(options.runs or folder)
    for case in options.cases:
        if not (options.data / case.folder).is_dir():
            say(f"{case.name}: no {case.folder} in {options.data}")
            continue
        run = trained(case, options, workshop)
        found = case_rows(case.title, workshop, run)
        for row in found:
            say(f"{row.name}: {row.value:.4g} {row.unit}")
        rows += found
    return rows


def trained(case: Case, options: Options, workshop: Workshop) -> Path:
    """The case's run folder, trained now unless it is there already."""
    run = workshop.folder / "runs" / case.name
    if (run / "spec.json").is_file():
        return run
    say(f"{case.title}: training")
    made = workshop.folder / "sets" / case.name
    shutil.rmtree(made, ignore_errors=True)  # of a run that was cut short
    words = case.options(made)
    words += ["--weights", options.weights] if case.weights else []
    words += ["--epochs", "1"] if options.quick else []
    return workshop.train(case.dataset(options.data, made), case.name, *words, "--force")


def case_rows(title: str, workshop: Workshop, run: Path) -> list[Row]:
    """Losses of int8 alone with every limit waived; then of what `convert` itself settles on."""
    waived = [word for limit in ALLOWED for word in ("--allow", limit)]
    say(f"{title}: converting")
    plain = _converted(workshop, run, "--variant", "int8", *waived)
    rows = _loss_rows(f"{title}, int8", plain) if plain else []
    settled = _converted(workshop, run)
    if settled is None:
        rows.append(Row(f"{title}, rungs that held", 0, "higher", "", 0, reach=1))
    elif settled["variant"] != "int8":
        rows += _loss_rows(f"{title}, {settled['variant']} by the ladder", settled)
    if settled is not None:
        rows += speed_rows(title, workshop.folder / f"{run.name}.bundle", ROUNDS)
    return rows


def _converted(workshop: Workshop, run: Path, *words: str) -> dict[str, Any] | None:
    """What `convert --json` says; None where no rung holds."""
    words = ("--json", "--version-number", "0.1.0", *words)
    bundle = workshop.folder / f"{run.name}.bundle"
    said = workshop.call("lineside-quantize", "convert", run, "--out", bundle, *words, ok=(0, 1))
    found: dict[str, Any] | None = json.loads(said) if said else None
    return found


def _loss_rows(title: str, said: dict[str, Any]) -> list[Row]:
    """Every limited metric, the samples that did not flip, and what the conversion took."""
    rows = []
    for metric in said["metrics"]:
        reach = REACHES.get(metric["name"])
        if metric["name"] == "rmse":
            reach = RMSE_SHARE * metric["before"]
        if reach is not None:
            ci95 = tuple(metric["ci95"]) if metric["ci95"] else None
            name = f"{title}, {TITLES.get(metric['name'], metric['name'] + ' lost')}"
            rows.append(Row(name, metric["loss"], "lower", n=said["n"], ci95=ci95, reach=reach))
    return [
        *rows,
        Row(f"{title}, agreement", said["agreement"], "higher", n=said["n"], reach=0.995),
        Row(f"{title}, model", said["model_bytes"] / 1024, "lower", "kB"),
        Row(f"{title}, conversion", said["seconds"], "lower", "s"),
        Row(f"{title}, conversion memory", said["peak_mb"], "lower", "MB", reach=3072),
    ]


def _convert_row(run: Path, folder: Path) -> list[Row]:
    """Seconds and peak MB of the conversion in its child; leaves model.tflite in `folder`."""
    from edge_agent.contracts.run_folder.run import open_run
    from quantize.convert.conversion_process import convert_in_subprocess

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    converted = convert_in_subprocess(open_run(run))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / "model.tflite").write_bytes(converted.model)
    return [
        Row("mobilenetv2-1.0-224 conversion", converted.seconds, "lower", "s", reach=60),
        Row("mobilenetv2-1.0-224 conversion, processor time", spent, "lower", "s"),
        Row("mobilenetv2-1.0-224 conversion memory", converted.peak_mb, "lower", "MB", reach=3072),
    ]


def _in_child(line: str) -> None:
    """Run one line with TensorFlow outside of this process, whose memory stays small."""
    code = f"from pathlib import Path\nfrom benchmarks.sized import write_sized_run\n{line}"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def _options(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantize", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [case.name for case in CASES]
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", choices=tuple(PARTS))
    parser.add_argument("--case", action="append", choices=names, metavar="NAME", help="of sets")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="keep the runs of sets there")
    parser.add_argument(
        "--weights", help="for cases that need them (default: DATA_DIR/../weights/*.h5)"
    )
    parser.add_argument("--quick", action="store_true", help="a small network, 1 epoch each")
    given = parser.parse_args(argv)
    beside = sorted((given.data.resolve().parent / "weights").glob("mobilenet_v2*.h5"))
    weights = given.weights or (str(beside[0]) if beside else "imagenet")
    cases = [case for case in CASES if given.case is None or case.name in given.case]
    return Options(given.data, given.only, cases, given.runs, weights, given.quick)


def speed(options: Options, _: Path) -> list[Row]:
    """The speed of every bundle that lies in --runs; only where it is asked for."""
    rows: list[Row] = []
    kept = sorted(options.runs.glob("*.bundle")) if options.runs and options.only else []
    for bundle in kept:
        rows += speed_rows(bundle.stem, bundle, ROUNDS)
    return rows


PARTS: dict[str, Callable[[Options, Path], list[Row]]] = {
    "mobilenet": mobilenet,
    "tiny": tiny,
    "sets": sets,
    "speed": speed,
}

if __name__ == "__main__":
    sys.exit(main())
