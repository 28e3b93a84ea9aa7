"""The whole product in one terminal: a simulated line, two models, a signed push, live verdicts.

    python -m benchmarks.demo [--out DIR] [--parts N] [--seed S] [--fast] [--no-page]

Everything is made on this machine: images and vibration by the simulator, both models, their keys,
the broker. The table at the end compares every verdict with what the simulator knows to be true.
The line then runs on for half an hour with the station's page open.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from benchmarks.brokers import EmbeddedBroker
from benchmarks.demo_page import MINUTES, NAME, PASSWORD, open_page
from benchmarks.subscriber import Subscriber
from benchmarks.workshop import Workshop
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.simulator import motor, parts

console = Console(stderr=True)
DEFECT_RATE = 0.25
IMAGES_AND_RECORDINGS = ("600", "240")
FEW = ("80", "40")

STATION = """\
[station]
id = "demo"
state_dir = "state"

[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "3.1.1"

[trust]
root = "station"

[line]
deadline_ms = 200

[[channel]]
name = "camera"
kind = "image"
bundle = "station/bundles/parts"
[channel.source]
driver = "simulated"
seed = {seed}
start = {images}
parts = {parts}
rate_hz = 10
defect_rate = {defect_rate}

[[channel]]
name = "motor"
kind = "vibration"
bundle = "station/bundles/motor"
[channel.source]
driver = "simulated"
seed = {seed}
start = {recordings}
parts = {windows}
rate_hz = 2
defect_rate = {defect_rate}
"""

PARTS_CONFIG = """\
[image]
size_px = 320          # what fit would choose here, a minute later
fit = "crop"           # the parts lie in the middle of the frame
standardise = false    # a classifier's default; left out, fit tries both for half a minute
augment = ["flip", "rotate"]
[options]
tta_views = 1          # one view of each part: four times as fast as the default
"""
FAST_PARTS_CONFIG = """\
model = "cnn"
epochs = 2
[image]
size_px = 128
fit = "crop"
"""

VERDICT_STYLE = {"PASS": "green", "FAIL": "bold red", "NO-VERDICT": "yellow"}


def main() -> int:
    """Run the demo; 0 when every message arrived."""
    options = _options()
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    folder: Path = options.out
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    _make_models(Workshop(folder, quiet=False), options.seed, options.fast)
    windows = max(1, options.parts // 5)
    with EmbeddedBroker() as broker, Subscriber(broker.port, "demo", v5=False) as subscriber:
        station = folder / "station.toml"
        # The line runs on behind the data set: the same camera, with lots and motors that are new.
        images, recordings = FEW if options.fast else IMAGES_AND_RECORDINGS
        station.write_text(
            STATION.format(
                port=broker.port,
                seed=options.seed,
                images=images,
                recordings=recordings,
                parts=options.parts,
                windows=windows,
                defect_rate=DEFECT_RATE,
            )
        )
        code = _watch(station, subscriber, options.parts + windows)
    if code:
        console.print(f"[red]lineside-agent ended with {code}[/red]")
        return 1
    verdicts = subscriber.snapshot()
    given = _given(folder / "state")
    console.print(_summary(verdicts, options.seed, given))
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    console.print(f"{minutes} min {seconds} s in all; everything it made is in {folder}/")
    console.print(
        f"open {folder}/runs/parts/report.html to see what the model of the parts reaches, and why"
    )
    if options.page:
        _show_page(folder, options.seed, images)
    return 0 if given == len(verdicts) else 1


def _show_page(folder: Path, seed: int, images: str) -> None:
    page = open_page(folder, seed, start=int(images))
    if page is None:
        console.print(f"[red]the station's page did not open: see {folder}/page.log[/red]")
        return
    console.print(
        f"the line runs on for {MINUTES} min; its page: [bold]{page.address}[/bold] "
        f"(log in as {NAME}, password {PASSWORD}); end it with: kill {page.agent.pid}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo-output"))
    parser.add_argument("--parts", type=int, default=200, help="parts on the line (default 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="small and weak models, for a test")
    parser.add_argument(
        "--no-page", dest="page", action="store_false", help="end without the station's page"
    )
    return parser.parse_args()


def _make_models(workshop: Workshop, seed: int, fast: bool) -> None:
    parts, motor = workshop.folder / "data" / "parts", workshop.folder / "data" / "motor"
    images, recordings = FEW if fast else IMAGES_AND_RECORDINGS
    recipe = workshop.folder / "parts.toml"
    recipe.write_text(FAST_PARTS_CONFIG if fast else PARTS_CONFIG)
    simulate = ("lineside-agent", "simulate")
    _say("1/5  The simulator makes images of machined parts and vibration of motors")
    workshop.call(*simulate, "images", "--out", parts, "--count", images, "--seed", str(seed))
    workshop.call(
        *simulate, "vibration", "--out", motor, "--count", recordings, "--seed", str(seed)
    )
    _say("2/5  lineside-train fits a network to each, for images on the packaged ImageNet weights")
    quick = ("--epochs", "2") if fast else ()
    runs = [
        workshop.train(parts, "parts", "--config", recipe),
        workshop.train(motor, "motor", *quick),
    ]
    _say("3/5  lineside-quantize makes them int8 and proves that nothing was lost")
    limits = ("auroc", "accuracy", "escapes") if fast else ()
    waived = [word for limit in limits for word in ("--allow", limit)]
    bundles = [workshop.bundle(run, *waived) for run in runs]
    _say("4/5  lineside-deploy signs the bundles and pushes them to the station")
    for bundle in bundles:
        workshop.deliver(bundle)


def _watch(station: Path, subscriber: Subscriber, expected: int) -> int:
    _say("5/5  lineside-agent arms and the line starts")
    command = [sys.executable, "-m", "edge_agent", "run", str(station)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as agent:
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            while agent.poll() is None:
                live.update(live_table(subscriber.snapshot(), expected))
                time.sleep(0.12)
        subscriber.wait_for(expected, 5)
        return agent.returncode


def live_table(verdicts: list[dict[str, Any]], expected: int) -> Table:
    """The latest verdicts as they came; a part that was not judged has neither label nor score."""
    table = Table(title=f"verdicts over MQTT: {len(verdicts)} of {expected}", expand=False)
    for column in ("part", "channel", "verdict", "label", "score", "ms"):
        table.add_column(column, justify="right" if column in ("score", "ms") else "left")
    for message in verdicts[-12:]:
        channel = message["channels"][0]
        style = VERDICT_STYLE[message["verdict"]]
        score = f"{channel['score']:.3f}" if "score" in channel else channel.get("reason", "")
        table.add_row(
            message["part_id"],
            channel["channel"],
            f"[{style}]{message['verdict']}[/{style}]",
            channel.get("label", ""),
            score,
            f"{message['latency_ms']:.1f}",
        )
    return table


def _summary(verdicts: list[dict[str, Any]], seed: int, given: int) -> Table:
    table = Table(title="Verdicts against the simulator's truth")
    table.add_column("")
    for channel in ("camera", "motor"):
        table.add_column(channel, justify="right")
    by_channel = {
        name: [v for v in verdicts if v["channels"][0]["channel"] == name]
        for name in ("camera", "motor")
    }
    figures = {
        "camera": _figures(by_channel["camera"], lambda k: _part_is_good(seed, k)),
        "motor": _figures(by_channel["motor"], lambda k: _motor_is_good(seed, k)),
    }
    for row in figures["camera"]:
        table.add_row(row, figures["camera"][row], figures["motor"][row])
    table.add_section()
    table.add_row("verdicts given / received", f"{given} / {len(verdicts)}", "")
    return table


def _part_is_good(seed: int, k: int) -> bool:
    return parts.truth(seed, k, DEFECT_RATE).label == parts.GOOD


def _motor_is_good(seed: int, k: int) -> bool:
    return motor.trial(seed, k, DEFECT_RATE).label == motor.NORMAL


def _figures(verdicts: list[dict[str, Any]], is_good: Callable[[int], bool]) -> dict[str, str]:
    counts = Counter(message["verdict"] for message in verdicts)
    good = {m["part_id"]: is_good(int(m["part_id"].rsplit("-", 1)[1])) for m in verdicts}
    escapes = sum(m["verdict"] == "PASS" and not good[m["part_id"]] for m in verdicts)
    rejects = sum(m["verdict"] != "PASS" and good[m["part_id"]] for m in verdicts)
    times_ms = sorted(message["latency_ms"] for message in verdicts) or [0.0]
    bad = sum(not value for value in good.values())
    return {
        "parts": str(len(verdicts)),
        "defective parts found": _share(bad - escapes, bad),
        "good parts rejected": _share(rejects, len(verdicts) - bad),
        "NO-VERDICT": str(counts["NO-VERDICT"]),
        "grab to verdict, p50 ms": f"{statistics.median(times_ms):.1f}",
        "grab to verdict, p95 ms": f"{times_ms[int(0.95 * (len(times_ms) - 1))]:.1f}",
    }


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({100 * count / max(1, of):.1f} %)"


def _given(state_dir: Path) -> int:
    """How many verdicts the station numbered, from the record that it leaves at its end."""
    last = ActedCounter(state_dir).last_run()
    return 0 if last is None else last.given


def _say(text: str) -> None:
    console.rule(f"[bold]{text}", align="left")


if __name__ == "__main__":
    raise SystemExit(main())
