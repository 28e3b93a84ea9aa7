"""The whole pipeline on real recordings, from the data set to the subscriber.

    python -m benchmarks.real_line DATA_DIR [--only casting|cwru] [--epochs N] [--quick]

casting: fold98, fold 0 held out (near-duplicate castings kept together), pictures by a folder
camera. cwru: load 3 held out (the one normal recording split by time), recordings replayed.
Each set is trained, quantised, signed, pushed, judged by the agent, and its verdicts counted by a
subscriber behind mosquitto.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.brokers import Mosquitto
from benchmarks.rows import Row, print_rows, say
from benchmarks.subscriber import Subscriber
from benchmarks.workshop import Workshop
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.recordings import read_recording

STATION = """\
[station]
id = "{name}"
state_dir = "state-{name}"
[mqtt]
host = "127.0.0.1"
port = {port}
[trust]
root = "station"
[line]
deadline_ms = 1000
[[channel]]
name = "{name}"
kind = "{kind}"
bundle = "station/bundles/{name}"
[channel.source]
"""


@dataclass(frozen=True)
class Set:
    """One real data set: how it is trained, and how its held-out files reach the station."""

    name: str
    protocol: str
    options: tuple[str, ...]
    source: str
    kind: str
    reach: float


SETS = {
    "casting": Set(
        "casting",
        "fold98, fold 0 held out",
        (),
        'driver = "folder"\npath = "{files}"\n',
        "image",
        0.95,
    ),
    "cwru": Set(
        "cwru",
        "load 3 held out, N by time",
        ("--group", "load", "--held-out", "3"),
        'driver = "replay"\npath = "{files}"\n',
        "vibration",
        0.95,
    ),
}


def main() -> int:
    """Print the rows; 1 when a verdict was lost."""
    options = _options()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="lineside-real-") as folder:
        for name in [options.only] if options.only else SETS:
            words = ("--epochs", str(2 if options.quick else options.epochs))
            fit = words if options.quick or options.epochs else ()
            rows += run_set(SETS[name], options.data, Path(folder) / name, fit, options.quick)
    print_rows(rows)
    return int(any(row.name.endswith("lost") and row.value for row in rows))


def run_set(
    one: Set, data: Path, folder: Path, fit: tuple[str, ...] = (), waive: bool = False
) -> list[Row]:
    """The whole pipeline on one set; its rows. `waive` lets a half-trained network through."""
    folder.mkdir(parents=True)
    workshop = Workshop(folder)
    say(f"{one.name}: training ({one.protocol})")
    run = workshop.train(data / one.name, one.name, *one.options, *fit)
    say(f"{one.name}: quantising, signing, pushing")
    allowed = [word for limit in LIMITS for word in ("--allow", limit)] if waive else []
    bundle = workshop.bundle(run, *allowed)
    compared = json.loads(
        workshop.call("lineside-quantize", "compare", run, bundle, "--json", ok=(0, 1))
    )
    workshop.deliver(bundle)
    files = _held_out_files(run, data / one.name, folder / "files")
    say(f"{one.name}: {files} held-out files through the agent")
    return _accuracy_rows(one, run, compared, bundle) + _line_rows(one, folder, files)


LIMITS = ("auroc", "accuracy", "escapes")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--only", choices=tuple(SETS))
    parser.add_argument("--epochs", type=int, default=0, help="0: as lineside-train decides")
    parser.add_argument("--quick", action="store_true", help="two epochs")
    return parser.parse_args()


def _held_out_files(run: Path, dataset: Path, folder: Path) -> int:
    """Put the held-out samples where the station's source looks; how many they are."""
    folder.mkdir()
    spec = ModelSpec.model_validate_json((run / "spec.json").read_text())
    with (run / "splits.csv").open(newline="") as source:
        rows = [row for row in csv.DictReader(source) if row["split"] == "test"]
    for place, row in enumerate(rows):
        target = folder / f"{place:04}"
        if isinstance(spec.input, VibrationInput):
            _cut_recording(dataset, row, spec.input, target.with_suffix(".npz"))
        else:
            path = dataset / row["path"]
            shutil.copyfile(path, target.with_suffix(path.suffix))
    return len(rows)


def _cut_recording(dataset: Path, row: dict[str, str], spec: VibrationInput, out: Path) -> None:
    """The held-out stretch of a recording at its own rate, one array an axis."""
    with (dataset / "labels.csv").open(newline="") as source:
        rates = {told["path"]: float(told["rate_hz"]) for told in csv.DictReader(source)}
    recording = read_recording(dataset / row["path"], spec.axes, rates[row["path"]], spec.unit)
    ends = [round(float(row[end]) * len(recording.signal)) for end in ("start", "stop")]
    held_out = recording.signal[slice(*ends)]
    arrays: dict[str, Any] = {axis: held_out[:, place] for place, axis in enumerate(spec.axes)}
    if recording.rpm is not None:
        arrays["rpm"] = recording.rpm
    np.savez(out, rate_hz=recording.rate_hz, **arrays)


def _accuracy_rows(one: Set, run: Path, compared: dict[str, Any], bundle: Path) -> list[Row]:
    figures = json.loads((run / "metrics.json").read_text())["held_out"]
    accuracy = figures["accuracy"]
    metric = next(m for m in compared["metrics"] if m["name"] == "accuracy")
    title = f"{one.name} {one.protocol} accuracy"
    n, ci95 = accuracy["n"], tuple(accuracy["ci95"])
    lost = metric["before"] - metric["after"]
    return [
        Row(f"{title} float", metric["before"], "higher", n=n, ci95=ci95, reach=one.reach),
        Row(f"{title} int8", metric["after"], "higher", n=n, reach=one.reach),
        Row(f"{one.name} float minus int8 accuracy", lost, "lower", n=n, reach=0.005),
        Row(f"{one.name} verdicts that flip", len(compared["flips"]), "lower", n=n),
        Row(f"{one.name} bundle", round(bundle.stat().st_size / 1e3), "lower", "kB"),
    ]


def _line_rows(one: Set, folder: Path, files: int) -> list[Row]:
    with Mosquitto(folder / "broker") as broker, Subscriber(broker.port, one.name) as subscriber:
        station = folder / "station.toml"
        head = STATION.format(name=one.name, kind=one.kind, port=broker.port)
        station.write_text(head + one.source.format(files=folder / "files"))
        rss_mb = _run_agent(station)
        subscriber.wait_for(files, 10)
        verdicts = subscriber.snapshot()
    times_ms = sorted(message["latency_ms"] for message in verdicts) or [0.0]
    p95 = times_ms[int(0.95 * (len(times_ms) - 1))]
    seen = [m for m in verdicts if m["verdict"] != "NO-VERDICT"]
    return [
        Row(f"{one.name} grab to verdict p50", statistics.median(times_ms), "lower", "ms", files),
        Row(f"{one.name} grab to verdict p95", p95, "lower", "ms", files),
        Row(f"{one.name} agent RSS", round(rss_mb, 1), "lower", "MB", reach=200),
        Row(f"{one.name} without a verdict", files - len(seen), "lower", n=files),
        Row(f"{one.name} messages lost", files - len(verdicts), "lower", n=files, reach=0),
        Row(f"{one.name} duplicates", subscriber.duplicates, "lower", n=files),
    ]


def _run_agent(station: Path) -> float:
    """Run the agent until its source ends; its peak resident memory in MB."""
    peak = 0
    command = [sys.executable, "-m", "edge_agent", "run", str(station), "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        process = psutil.Process(agent.pid)
        while agent.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
                agent.wait(0.1)
            except (psutil.NoSuchProcess, subprocess.TimeoutExpired):
                continue
        said = agent.stderr.read() if agent.stderr else ""
    if agent.returncode:
        raise SystemExit(f"lineside-agent ended with {agent.returncode}: {said}")
    return peak / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
