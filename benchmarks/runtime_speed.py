"""How fast the runtime that a station chooses for a bundle is beside those that anyone can take."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rivals import Spent, interleaved
from benchmarks.rows import Row, say
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.measured_choice import FILE, MeasuredChoice
from edge_agent.infer.runtime_names import AUTO
from edge_agent.infer.timed import words

OTHERS = ("litert", "openvino", "onnxruntime")
"""Called from Python with their own defaults, whether their outputs agree or not."""

LIMIT_S = 60.0
"""Of the choice: a machine that also does other work takes longer than a station's 5 s."""

REACH = 1.02


def station_times(
    title: str, bundle: Path, rivals: Sequence[str], rounds: int
) -> tuple[str, dict[str, Spent]]:
    """The runtime that a station here would choose; what a run of each of `rivals` takes."""
    read = read_bundle(bundle)
    with tempfile.TemporaryDirectory(prefix="lineside-speed-") as name:
        choice = MeasuredChoice(Path(name) / FILE, LIMIT_S)
        chosen, measured = choice.runtime_for(read, 1)
        say(f"{title}: {words(measured) or 'one runtime is installed'}")
        model = Path(name) / "model.tflite"
        model.write_bytes(read.model)
        times = interleaved(model, rivals, rounds, chosen)
    for rival, spent in times.items():
        say(f"{title}: {rival} {spent.wall_ms:.3g} ms, of the processor {spent.cpu_ms:.3g} ms")
    return ("litert" if chosen == AUTO else chosen), times


def best_rows(title: str, chosen: str, ours: Spent, times: dict[str, Spent]) -> list[Row]:
    """One row: our processor time over the best of OTHERS; none where none of them is there.

    All run on one thread, and other programs change processor time least.
    """
    there = {name: times[name].cpu_ms for name in OTHERS if name in times}
    if not there:
        return []
    best = min(there, key=lambda name: there[name])
    what = f"{title}, {chosen} over the best of {', '.join(there)} ({best})"
    return [Row(what, ours.cpu_ms / there[best], "lower", "ratio", reach=REACH)]


def speed_rows(title: str, bundle: Path, rounds: int) -> list[Row]:
    """The bundle's network in the runtime that a station here would choose, beside the others."""
    chosen, times = station_times(title, bundle, ("lineside", *OTHERS), rounds)
    ours = times.pop("lineside")
    row = Row(f"{title}, p5 in {chosen}", ours.wall_ms, "lower", "ms")
    return [row, *best_rows(title, chosen, ours, times)]
