"""The verb `convert`: run -> bundle, through the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.contracts.manifest import Manifest
from quantize.child import MEMORY_MB, TIME_S, Converted, Variant, convert_in_child
from quantize.gate import Comparison, Limits, compare_samples, enforce
from quantize.graph import parse_graph
from quantize.judge import float_samples, judge_float, judge_heldout, refuse_other_model
from quantize.pack import Draft, draft, next_version, pack
from quantize.pages import card
from quantize.refusals import refuse_unfit
from quantize.run import Run, read_run
from quantize.targets import Target, find_target

Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What the user asked of `convert`."""

    run: Path
    out: Path
    target: str = "x86"
    variant: Variant = "int8"
    version: str | None = None
    samples: int = 200
    limits: Limits = field(default_factory=Limits)
    allowed: list[str] = field(default_factory=list)
    memory_mb: int = MEMORY_MB
    time_s: float = TIME_S


@dataclass(frozen=True)
class Result:
    """A written bundle and what was lost on the way."""

    manifest: Manifest
    comparison: Comparison
    converted: Converted


def convert(order: Order, say: Say) -> Result:
    """Convert, compare, and write the bundle only if the gate holds."""
    run, target = read_run(order.run), find_target(order.target)
    version = order.version or next_version(order.out, run.spec.name)
    say(f"converting {run.spec.name} to {order.variant} for {target.name}")
    converted, ready, comparison = attempt(run, target, order, version)
    waived = enforce(comparison, order.allowed)
    say("computing parity vectors")
    pages = {
        "card.md": card(run.text("card.md"), comparison, converted, target),
        "report.html": run.text("report.html"),
    }
    manifest = pack(run, ready, order.out, waived, pages)
    return Result(manifest, comparison, converted)


def attempt(
    run: Run, target: Target, order: Order, version: str
) -> tuple[Converted, Draft, Comparison]:
    """One conversion and its comparison with the float network; nothing is written."""
    converted = convert_in_child(
        run,
        target,
        order.variant,
        samples=order.samples,
        memory_mb=order.memory_mb,
        time_s=order.time_s,
    )
    refuse_unfit(parse_graph(converted.model, "model.tflite"), str(run.model_path))
    refuse_other_model(run, judge_float(run, converted.float_outputs))
    ready = draft(run, target, converted.model, version)
    return converted, ready, compare_draft(run, ready, order.limits)


def compare_draft(run: Run, ready: Draft, limits: Limits) -> Comparison:
    """Float beside the model of `ready` on the run's held-out samples."""
    inspector = ready.inspector()
    try:
        after = judge_heldout(run, inspector)
    finally:
        inspector.close()
    return compare_samples(run.spec, float_samples(run), after, limits)
