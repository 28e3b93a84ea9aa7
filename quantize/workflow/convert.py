"""The verb `convert`: run -> bundle, through the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import VECTORS
from edge_agent.contracts.model.manifest import Manifest
from edge_agent.contracts.run_folder.consistency import open_consistent_run
from edge_agent.contracts.run_folder.files import FIT_AGAIN
from edge_agent.contracts.run_folder.run import RunFolder
from quantize.convert.conversion_process import (
    MEMORY_MB,
    TIME_S,
    Converted,
    FloatOutputs,
    convert_in_subprocess,
)
from quantize.convert.variants import Variant
from quantize.graph.read import parse_graph
from quantize.graph.work import work_of
from quantize.pack.bundle import Draft, draft, next_version, pack
from quantize.pack.output import bundle_there, refuse_target
from quantize.prove.calibration_study import StudyRow, study_calibration
from quantize.prove.comparison_text import card
from quantize.prove.evaluate import float_samples, judge_float, judge_heldout, refuse_other_model
from quantize.prove.gate import Comparison, Limits, compare_samples
from quantize.prove.golden import golden_files, read_golden
from quantize.prove.page import with_comparison
from quantize.prove.rung_cost import rung_sentence
from quantize.prove.threshold_margin import Lowered, lower_threshold
from quantize.prove.trial import VariantTrial
from quantize.prove.vectors import make_vectors
from quantize.targets.all_targets import DEFAULT, find_target
from quantize.targets.op_support import refuse_unfit
from quantize.targets.target import Target
from quantize.workflow.variants import Chosen, try_variants

Say = Callable[[str], None]
Converter = Callable[..., Converted]
"""What convert_in_subprocess is: (run, variant, ...) -> Converted."""

Attempt = Callable[[Variant, FloatOutputs | None, int], tuple[Converted, Draft, Comparison]]
"""(variant, outputs of the float network if known, calibration samples) -> what came of it."""


@dataclass(frozen=True)
class ConvertRequest:
    """What the user asked of `convert`; `variants` empty: those of the target."""

    run: Path
    out: Path
    target: str = DEFAULT
    variants: tuple[Variant, ...] = ()
    version: str | None = None
    samples: int = 200
    study: bool = False
    limits: Limits = field(default_factory=Limits)
    allowed: list[str] = field(default_factory=list)
    memory_mb: int = MEMORY_MB
    time_s: float = TIME_S


@dataclass(frozen=True)
class Result:
    """A written bundle, what was lost on the way, and the variants that were tried."""

    manifest: Manifest
    comparison: Comparison
    converted: Converted
    trials: list[VariantTrial]


def convert(
    request: ConvertRequest, say: Say, converter: Converter = convert_in_subprocess
) -> Result:
    """Convert, compare, and write the bundle only if the gate holds."""
    refuse_target(request.out, request.run)
    run, target = open_consistent_run(request.run), find_target(request.target)
    old = bundle_there(request.out, run.spec.name)
    version = request.version or next_version(old)
    read_golden(run)  # a damaged golden sample ends this before an hour of conversion

    def attempt_variant(
        variant: Variant, known: FloatOutputs | None, samples: int
    ) -> tuple[Converted, Draft, Comparison]:
        sized = replace(request, variants=(variant,), samples=samples)
        return attempt(run, target, sized, version, known, converter)

    done = _chosen(run, target, request, attempt_variant, say)
    rows = _study(run, done, attempt_variant, say) if request.study else []
    compiled = target.compile(done.converted.model, say)
    say("computing parity vectors")
    files = {**compiled, **_proof(run, done), **_pages(run, target, done, rows)}
    manifest = pack(done.ready, request.out, done.waived, files)
    return Result(manifest, done.comparison, done.converted, done.trials)


def attempt(
    run: RunFolder,
    target: Target,
    request: ConvertRequest,
    version: str,
    float_outputs: FloatOutputs | None = None,
    converter: Converter = convert_in_subprocess,
) -> tuple[Converted, Draft, Comparison]:
    """Convert to the first of the request's variants, and compare; nothing is written.

    float_outputs: outputs of the float network if an earlier conversion computed them, else None.
    """
    converted = converter(
        run,
        (request.variants or target.variants)[0],
        per_tensor_dense=target.per_tensor_dense,
        samples=request.samples,
        memory_mb=request.memory_mb,
        time_s=request.time_s,
        float_outputs=float_outputs,
    )
    _refuse_other_labels(run, converted.float_outputs.heldout)
    refuse_unfit(parse_graph(converted.model, "model.tflite"), str(run.model_path))
    refuse_other_model(run, judge_float(run, converted.float_outputs.heldout))
    ready = draft(run, target, converted.model, version)
    return converted, ready, compare_draft(run, ready, request.limits)


def compare_draft(run: RunFolder, ready: Draft, limits: Limits) -> Comparison:
    """Float beside the model of `ready` on the run's held-out samples."""
    inspector = ready.inspector()
    try:
        after = judge_heldout(run, inspector)
    finally:
        inspector.close()
    return compare_samples(run.spec, float_samples(run), after, limits)


def _chosen(
    run: RunFolder, target: Target, request: ConvertRequest, attempt_variant: Attempt, say: Say
) -> Chosen:
    """The first variant through the gate; the float network is run once for all of them."""
    known: list[FloatOutputs] = []

    def attempt_next(variant: Variant) -> tuple[Converted, Draft, Comparison]:
        trial = attempt_variant(variant, known[0] if known else None, request.samples)
        known.append(trial[0].float_outputs)
        return trial

    def lower(converted: Converted, ready: Draft) -> Lowered | None:
        lowered = lower_threshold(run, converted, ready, request.samples)
        if lowered is None:
            return None
        return Lowered(lowered[0], compare_draft(run, lowered[0], request.limits), lowered[1])

    def predict(model: bytes) -> float:
        return target.cost.predict_ms(work_of(parse_graph(model, "model.tflite")))

    variants = request.variants or target.variants
    done = try_variants(variants, request.allowed, attempt_next, say, lower, predict)
    if cost := rung_sentence(done.trials, target):
        say(cost)
    return done


def _refuse_other_labels(run: RunFolder, outputs: Tensor) -> None:
    labels = len(run.spec.labels)
    if run.spec.scoring.kind == "logits" and outputs.shape[1] != labels:
        raise ConversionError(
            f"gives {outputs.shape[1]} outputs for {labels} labels of spec.json",
            where=str(run.model_path),
            cure=FIT_AGAIN,
        )


def _study(run: RunFolder, done: Chosen, attempt_variant: Attempt, say: Say) -> list[StudyRow]:
    def attempt_size(samples: int) -> tuple[Converted, Draft, Comparison]:
        return attempt_variant("int8", done.converted.float_outputs, samples)

    return study_calibration(len(run.calibration), attempt_size, say)


def _proof(run: RunFolder, done: Chosen) -> dict[str, bytes]:
    """Parity vectors and golden samples, with what the model computes of them here."""
    golden = read_golden(run)
    inspector = done.ready.inspector()
    try:
        return {
            VECTORS: make_vectors(inspector, golden),
            **golden_files(inspector, golden),
        }
    finally:
        inspector.close()


def _pages(run: RunFolder, target: Target, done: Chosen, rows: list[StudyRow]) -> dict[str, bytes]:
    text = card(run.text("card.md"), done.comparison, done.converted, target, done.trials)
    page = with_comparison(run.text("report.html"), run, done.comparison, done.trials, rows, target)
    return {"card.md": text.encode(), "report.html": page.encode()}
