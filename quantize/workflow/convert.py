"""The verb `convert`: run -> bundle, through the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import EDGETPU_MODEL
from edge_agent.contracts.model.manifest import Manifest
from quantize.convert.conversion_process import (
    MEMORY_MB,
    TIME_S,
    Converted,
    FloatSaid,
    Variant,
    convert_in_child,
)
from quantize.graph.read import parse_graph
from quantize.pack.bundle import Draft, draft, next_version, pack
from quantize.pack.output import bundle_there, refuse_target
from quantize.prove.calibration_study import StudyRow, study
from quantize.prove.evaluate import float_samples, judge_float, judge_heldout, refuse_other_model
from quantize.prove.gate import Comparison, Limits, compare_samples
from quantize.prove.golden import read_golden
from quantize.prove.html import card
from quantize.prove.page import with_comparison
from quantize.prove.threshold_margin import Leaned, lean
from quantize.run_folder.run import FIT_AGAIN, Run, read_run
from quantize.targets.edgetpu import grouped, predict
from quantize.targets.edgetpu_log import compile_model, has_compiler
from quantize.targets.op_support import refuse_unfit
from quantize.targets.registry import Target, find_target
from quantize.workflow.variants import Climb, Step, climb, rungs

Say = Callable[[str], None]

SHOWN_FAULTS = 3
"""Rules of the Edge TPU that `convert` names; `inspect` names all."""


@dataclass(frozen=True)
class Order:
    """What the user asked of `convert`; `variant` None climbs the ladder."""

    run: Path
    out: Path
    target: str = "x86"
    variant: Variant | None = None
    version: str | None = None
    samples: int = 200
    study: bool = False
    limits: Limits = field(default_factory=Limits)
    allowed: list[str] = field(default_factory=list)
    memory_mb: int = MEMORY_MB
    time_s: float = TIME_S


@dataclass(frozen=True)
class Result:
    """A written bundle, what was lost on the way, and the rungs that were tried."""

    manifest: Manifest
    comparison: Comparison
    converted: Converted
    steps: list[Step]


def convert(order: Order, say: Say) -> Result:
    """Convert, compare, and write the bundle only if the gate holds."""
    refuse_target(order.out, order.run)
    run, target = read_run(order.run), find_target(order.target)
    old = bundle_there(order.out, run.spec.name)
    version = order.version or next_version(old)
    read_golden(run)
    variants = (order.variant,) if order.variant else rungs(target)

    heard: list[FloatSaid] = []

    def attempt_variant(variant: Variant) -> tuple[Converted, Draft, Comparison]:
        known = heard[0] if heard else None
        found = attempt(run, target, replace(order, variant=variant), version, known)
        heard.append(found[0].said)
        return found

    def leaning(converted: Converted, ready: Draft) -> Leaned | None:
        found = lean(run, converted, ready, order.samples)
        if found is None:
            return None
        return Leaned(found[0], compare_draft(run, found[0], order.limits), found[1])

    done = climb(variants, order.allowed, attempt_variant, say, leaning)
    rows = _study(run, target, order, done.converted.said, say) if order.study else []
    say("computing parity vectors")
    files = _twin(target, done, say)
    manifest = pack(
        run, done.ready, order.out, done.waived, {**files, **_pages(run, target, done, rows)}
    )
    return Result(manifest, done.comparison, done.converted, done.steps)


def attempt(
    run: Run, target: Target, order: Order, version: str, said: FloatSaid | None = None
) -> tuple[Converted, Draft, Comparison]:
    """One conversion and its comparison with the float network; nothing is written.

    said: what the float network says, where it was heard already.
    """
    converted = convert_in_child(
        run,
        target,
        order.variant or "int8",
        samples=order.samples,
        memory_mb=order.memory_mb,
        time_s=order.time_s,
        said=said,
    )
    _refuse_other_labels(run, converted.said.heldout)
    refuse_unfit(parse_graph(converted.model, "model.tflite"), str(run.model_path))
    refuse_other_model(run, judge_float(run, converted.said.heldout))
    ready = draft(run, target, converted.model, version)
    return converted, ready, compare_draft(run, ready, order.limits)


def _refuse_other_labels(run: Run, outputs: Tensor) -> None:
    labels = len(run.spec.labels)
    if run.spec.scoring.kind == "logits" and outputs.shape[1] != labels:
        raise ConversionError(
            f"gives {outputs.shape[1]} outputs for {labels} labels of spec.json",
            where=str(run.model_path),
            cure=FIT_AGAIN,
        )


def compare_draft(run: Run, ready: Draft, limits: Limits) -> Comparison:
    """Float beside the model of `ready` on the run's held-out samples."""
    inspector = ready.inspector()
    try:
        after = judge_heldout(run, inspector)
    finally:
        inspector.close()
    return compare_samples(run.spec, float_samples(run), after, limits)


def _study(run: Run, target: Target, order: Order, said: FloatSaid, say: Say) -> list[StudyRow]:
    def attempt_size(samples: int) -> tuple[Converted, Draft, Comparison]:
        sized = replace(order, variant="int8", samples=samples)
        return attempt(run, target, sized, "0.0.0", said)

    return study(len(run.calibration), attempt_size, say)


def _pages(run: Run, target: Target, done: Climb, rows: list[StudyRow]) -> dict[str, bytes]:
    text = card(run.text("card.md"), done.comparison, done.converted, target, done.steps)
    page = with_comparison(run.text("report.html"), run, done.comparison, done.steps, rows)
    return {"card.md": text.encode(), "report.html": page.encode()}


def _twin(target: Target, done: Climb, say: Say) -> dict[str, bytes]:
    """The twin compiled for Edge TPU, where the target has one and the compiler is installed."""
    if target.rules != "edgetpu":
        return {}
    graph = parse_graph(done.converted.model, "model.tflite")
    predicted = predict(graph)
    say(predicted.sentence(graph))
    for line in grouped(predicted.faults)[:SHOWN_FAULTS]:
        say(f"not mapped: {line}")
    if not has_compiler():
        say("edgetpu_compiler is not installed: the bundle runs on the CPU until it is compiled")
        return {}
    twin, log = compile_model(done.converted.model)
    mapped = sum(row.count for row in log if row.mapped)
    say(f"edgetpu_compiler mapped {mapped} of {sum(row.count for row in log)} operators")
    return {EDGETPU_MODEL: twin}
