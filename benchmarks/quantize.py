"""What int8 costs, and how fast it runs beside LiteRT's own benchmark, OpenVINO and ONNX Runtime.

    python -m benchmarks.quantize DATA_DIR [--only PART] [--quick]

parts: mobilenet (conversion and speed), tiny (MLPerf Tiny pairs), sets (networks of the trainer,
float beside int8). The rivals need `pip install '.[bench]'`; a rival that is missing has no row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rivals import RIVALS, time_rival
from benchmarks.rows import Row, print_rows, say
from benchmarks.workshop import Workshop

SETS: dict[str, tuple[str, ...]] = {
    "casting": (),
    "magnetic_tile": (),
    "neu_surface": (),
    "cwru": ("--group", "load", "--held-out", "3"),
    "hitsm_mfs": (),
}
"""Set -> further words of `lineside-train fit`."""

PAIRS = {
    "resnet8": "image_classification/trained_models/pretrainedResnet{}.tflite",
    "vww": "visual_wake_words/trained_models/vww_96_{}.tflite",
}
SUFFIXES = {"resnet8": ("", "_quant"), "vww": ("float", "int8")}


def main() -> int:
    """Print the rows; 0."""
    options = _options()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lineside-quantize-") as name:
        for part in [options.only] if options.only else PARTS:
            rows += PARTS[part](options.data, Path(name), options.quick)
    print_rows(rows)
    return 0


def mobilenet(data: Path, folder: Path, quick: bool) -> list[Row]:
    """Conversion of MobileNetV2-1.0-224, and its speed on one thread beside the rivals."""
    run = folder / "mobilenet"
    say("mobilenet: writing a run of MobileNetV2-1.0-224")
    _in_child(f"write_sized_run(Path({str(run)!r}), alpha={0.35 if quick else 1.0})")
    say("mobilenet: converting")
    converted = _convert_row(run, folder)
    model = folder / "model.tflite"
    times = _interleaved(model, rounds=2 if quick else 5)
    ours = times.pop("lineside")
    rows = [*converted, Row("mobilenetv2-1.0-224 int8 p5", ours, "lower", "ms", reach=4.0)]
    for name, spent in times.items():
        reach = 1.05 if name == "litert-benchmark" else 1.0
        title = f"mobilenetv2-1.0-224 time over {name}"
        rows.append(Row(f"mobilenetv2-1.0-224 int8 p5 {name}", spent, "lower", "ms"))
        rows.append(Row(title, ours / spent, "lower", "ratio", reach=reach))
    return rows


def tiny(data: Path, folder: Path, quick: bool) -> list[Row]:
    """`compare` on the float and int8 files of MLPerf Tiny, on made inputs."""
    rows = []
    for name, pattern in PAIRS.items():
        files = [data / "mlperf_tiny_models" / pattern.format(one) for one in SUFFIXES[name]]
        if not all(path.is_file() for path in files):
            continue
        report = json.loads(Workshop(folder).call("lineside-quantize", "compare", *files, "--json"))
        agreement = report["agreement"]
        rows.append(Row(f"{name} int8 agreement", agreement, "higher", n=report["n"], reach=0.97))
    return rows


def sets(data: Path, folder: Path, quick: bool) -> list[Row]:
    """Networks of the trainer on the sets in `data`: what int8 takes from each."""
    rows: list[Row] = []
    workshop = Workshop(folder)
    for name, words in list(SETS.items())[: 1 if quick else None]:
        if not (data / name).is_dir():
            continue
        say(f"{name}: training")
        epochs = ("--epochs", "2") if quick else ()
        run = workshop.train(data / name, name, *words, *epochs)
        rows += set_rows(workshop, run)
    return rows


def set_rows(workshop: Workshop, run: Path) -> list[Row]:
    """One run's losses: converted to int8 with every limit waived, so that each is seen."""
    waived = [word for limit in ("auroc", "accuracy", "escapes") for word in ("--allow", limit)]
    say(f"{run.name}: converting")
    bundle = workshop.bundle(run, "--variant", "int8", *waived)
    said = workshop.call("lineside-quantize", "compare", run, bundle, "--json", ok=(0, 1))
    compared: dict[str, Any] = json.loads(said)
    reaches = {"auroc": 0.005, "accuracy": 0.005, "escapes": 0.0}
    rows = [
        Row(
            f"{run.name} {metric['name']} lost by int8",
            metric["loss"],
            "lower",
            n=compared["n"],
            ci95=tuple(metric["ci95"]) if metric["ci95"] else None,
            reach=reaches[metric["name"]],
        )
        for metric in compared["metrics"]
        if metric["name"] in reaches
    ]
    n, agreement = compared["n"], compared["agreement"]
    return [*rows, Row(f"{run.name} agreement", agreement, "higher", n=n, reach=0.995)]


def _convert_row(run: Path, folder: Path) -> list[Row]:
    """Seconds and peak MB of the conversion in its child; leaves model.tflite in `folder`."""
    from quantize.child import convert_in_child
    from quantize.run import read_run
    from quantize.targets import find_target

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    converted = convert_in_child(read_run(run), find_target("x86"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / "model.tflite").write_bytes(converted.model)
    return [
        Row("mobilenetv2-1.0-224 conversion", converted.seconds, "lower", "s", reach=60),
        Row("mobilenetv2-1.0-224 conversion, processor time", spent, "lower", "s"),
        Row("mobilenetv2-1.0-224 conversion memory", converted.peak_mb, "lower", "MB", reach=3072),
    ]


def _interleaved(model: Path, rounds: int) -> dict[str, float]:
    """Best round of each rival, all taken in turn so that other load hits them alike."""
    best: dict[str, float] = {}
    for turn in range(rounds):
        say(f"mobilenet: round {turn + 1} of {rounds}")
        for name in RIVALS:
            spent = time_rival(name, model)
            if spent is not None:
                best[name] = min(spent, best.get(name, spent))
    return best


def _in_child(line: str) -> None:
    """Run one line with TensorFlow outside of this process, whose memory stays small."""
    code = f"from pathlib import Path\nfrom benchmarks.sized import write_sized_run\n{line}"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", choices=tuple(PARTS))
    parser.add_argument("--quick", action="store_true", help="a small network, one set, 2 epochs")
    return parser.parse_args()


PARTS: dict[str, Callable[[Path, Path, bool], list[Row]]] = {
    "mobilenet": mobilenet,
    "tiny": tiny,
    "sets": sets,
}

if __name__ == "__main__":
    sys.exit(main())
