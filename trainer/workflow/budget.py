"""A network that fits its station: what `fit --target` compares, and what it chooses.

How long a variant runs is predicted by the target's cost table from its operators; how good it is
is measured on training samples alone, out of fold or on synthetic defects. Where a model cannot
compare its variants so, the largest input that fits is taken. A model that `auto` takes for the
detail that it shows gives way to the usual one where it must show less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.cost_calibration import station_cost
from edge_agent.contracts.model.target_cost import Work
from edge_agent.contracts.run_folder.metrics import BudgetMetrics, BudgetPoint
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig, Scalar
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly_by_class, worth_of_one
from trainer.data.split import Split
from trainer.models.architectures import find_architecture
from trainer.models.image.weights import find_pretrained
from trainer.models.layers.work import work_of
from trainer.training.api import Architecture
from trainer.training.distributed import in_cluster
from trainer.workflow.preparation import prepare_training, resolve
from trainer.workflow.usual_look import MOST_COMPARED, ROUNDING

if TYPE_CHECKING:
    import keras

SIDES_PX = (1024, 768, 512, 384, 320, 256, 224, 192, 160, 128, 96, 64)
LEAST_WINDOW = 128
COMPARED = 3
"""Sizes of input whose accuracy is compared: the largest that fit."""


@dataclass(frozen=True)
class Variant:
    """One way to configure the model. size: of the input, in pixels or samples; ms: predicted."""

    config: FitConfig
    name: str
    size: int
    ms: float
    merit: float = math.nan


def within_budget(
    split: Split, config: FitConfig, progress: Progress
) -> tuple[FitConfig, BudgetMetrics | None]:
    """The configuration that is best within the budget, and what it was compared with.

    Without target and budget the configuration as it is. Raises ConfigError where nothing fits, and
    on one machine of several.
    """
    if config.budget is None:
        return config, None
    _refuse_cluster()
    target, budget_ms = config.budget
    cost = station_cost(target)
    if cost.calibrated:
        progress.say(f"the cost table's row of {target} counts {cost.calibrated}")
    architecture, _ = resolve(split, config)
    variants = list(variants_of(split, config, architecture, target))
    if usual := _usual_instead(split, config, architecture, variants[0].ms):
        what = f"{architecture.name} at its own size is predicted to take {variants[0].ms:.3g} ms"
        progress.say(f"{what} on {target}, the budget is {budget_ms:g} ms: {usual} is taken")
        return within_budget(split, config.model_copy(update={"model": usual}), progress)
    fitting = _fitting(variants, architecture.name, target, budget_ms)
    compared = _compared(split, architecture, fitting, progress)
    chosen = best(compared, _one_sample(split, architecture))
    progress.say(f"for {target}, {budget_ms:g} ms: {chosen.name}, predicted {chosen.ms:.3g} ms")
    return chosen.config, BudgetMetrics(
        target=target,
        budget_ms=budget_ms,
        predicted_ms=chosen.ms,
        within=cost.within,
        source=cost.source,
        merit_name=architecture.merit_name,
        points=[_point(one, chosen) for one in sorted(compared, key=lambda one: one.ms)],
    )


def _fitting(variants: list[Variant], name: str, target: str, budget_ms: float) -> list[Variant]:
    fitting = [one for one in variants if one.ms <= budget_ms]
    if not fitting:
        least = min(one.ms for one in variants)
        raise ConfigError(
            f"the fastest {name} is predicted to take {least:.3g} ms on {target}, "
            f"the budget is {budget_ms:g} ms",
            where="--budget-ms",
            cure="allow more time, or take a smaller model with --model",
        )
    return fitting


def with_network(budget: BudgetMetrics, network: keras.Model, tiles: int) -> BudgetMetrics:
    """The same with the time that is predicted for the fitted network itself."""
    ms = station_cost(budget.target).predict_ms(work_of(network)) * tiles
    return budget.model_copy(update={"predicted_ms": ms})


def best(variants: Sequence[Variant], one_sample: float) -> Variant:
    """The most accurate variant, and of those that are worse by no more than one sample counts the
    fastest; where nothing was measured the slowest of the largest input, which sees most.
    """
    known = [one for one in variants if not math.isnan(one.merit)]
    if not known:
        return max(variants, key=lambda one: (one.size, one.ms))
    least = max(one.merit for one in known) - one_sample - ROUNDING
    return min((one for one in known if one.merit >= least), key=lambda one: one.ms)


def variants_of(
    split: Split, config: FitConfig, architecture: Architecture[Any], target: str
) -> Iterator[Variant]:
    """Every look at every size; built at the model's own size, the others by their share of it."""
    cost = station_cost(target)
    config = _with_names_of_today(config, architecture)
    looks = [look for look in architecture.looks if _agrees(look, config.options)] or [{}]
    for look in looks:
        chosen = config.model_copy(update={"options": {**config.options, **look}})
        _, filled = resolve(split, chosen)
        options = validate(architecture.options, filled.options, "options")
        spec = architecture.spec_of(split, filled, options)
        labels = len(split.dataset.labels)
        work = work_of(architecture.build(spec, labels, filled, options))
        largest = architecture.largest_px(split, filled) if architecture.largest_px else 0
        for size, share, sized in _sizes(chosen, spec, largest):
            ms = cost.predict_ms(_scaled(work, share)) * _tiles(config)
            unit = "px" if isinstance(spec, ImageInput) else "samples"
            words = [f"{size} {unit}"] if size else []
            words += [f"{name} {value}" for name, value in look.items()]
            yield Variant(sized, ", ".join(words) or architecture.name, size, ms)


def _one_sample(split: Split, architecture: Architecture[Any]) -> float:
    """What one sample counts in a merit: classes count the same there, and detectors have none."""
    if architecture.merits is None or architecture.scoring != "logits":
        return 1 / len(split.train)
    targets = split.dataset.targets()[split.train]
    return worth_of_one(targets[evenly_by_class(targets, MOST_COMPARED)])


def _usual_instead(
    split: Split, config: FitConfig, architecture: Architecture[Any], own_ms: float
) -> str:
    """The task's usual model where `auto` took another one that is too slow at its own size."""
    if config.model != "auto" or config.budget is None or own_ms <= config.budget[1]:
        return ""
    task = split.dataset.config.task
    usual = find_architecture("auto", task, find_pretrained(config, task).weights).name
    return "" if usual == architecture.name else usual


def _refuse_cluster() -> None:
    if in_cluster():
        raise ConfigError(
            "several machines would each choose a network, and not the same one",
            where="--target",
            cure="choose on one machine; then give every machine what it chose (size_px, options)",
        )


def _point(variant: Variant, chosen: Variant) -> BudgetPoint:
    return BudgetPoint(
        name=variant.name,
        ms=variant.ms,
        merit=None if math.isnan(variant.merit) else variant.merit,
        chosen=variant.name == chosen.name,
    )


def _compared(
    split: Split, architecture: Architecture[Any], fitting: list[Variant], progress: Progress
) -> list[Variant]:
    """The variants that fit, those of the largest inputs with what they are worth."""
    if architecture.merits is None:
        return fitting
    sizes = sorted({one.size for one in fitting}, reverse=True)[:COMPARED]
    compared = []
    for size in sizes:
        several = [one for one in fitting if one.size == size]
        _, config = resolve(split, several[0].config)
        training = prepare_training(split, config, architecture, progress)
        options = [validate(architecture.options, one.config.options, "options") for one in several]
        merits = architecture.merits(training, options)
        compared += [replace(one, merit=merit) for one, merit in zip(several, merits, strict=True)]
    return compared


def _with_names_of_today(config: FitConfig, architecture: Architecture[Any]) -> FitConfig:
    """Old names of options replaced, since a look states those of today."""
    names = getattr(architecture.options, "OLD_NAMES", {})
    options = {names.get(name, name): value for name, value in config.options.items()}
    return config.model_copy(update={"options": options})


def _agrees(look: Mapping[str, Scalar], given: Mapping[str, object]) -> bool:
    """Whether the look contradicts nothing that was asked for."""
    return all(given.get(name, value) in (value, "auto") for name, value in look.items())


def _sizes(
    config: FitConfig, spec: object, largest_px: int
) -> Iterator[tuple[int, float, FitConfig]]:
    """(size, its share of the work at the model's own size, configuration), the own size first.

    The size of a picture is its longer side; largest_px: up to which it may be larger than its own.
    """
    if isinstance(spec, ImageInput):
        own = max(spec.height_px, spec.width_px)
        most = max(own, largest_px + 1)
        others = [px for px in SIDES_PX if px < most and px != own]
        for side in (own, *([] if config.image.size_px else others)):
            # Of another aspect the model finds its own size again, to the pixel, by itself only.
            kept = side == own and spec.height_px != spec.width_px
            yield side, (side / own) ** 2, config if kept else config.with_image(size_px=side)
    elif isinstance(spec, VibrationInput):
        window, own = spec.window_samples, spec.window_samples
        while window == own or (window >= LEAST_WINDOW and not config.vibration.window_samples):
            table = config.vibration.model_copy(update={"window_samples": window})
            yield window, window / own, config.model_copy(update={"vibration": table})
            window //= 2
    else:
        yield 0, 1.0, config


def _scaled(work: Work, share: float) -> Work:
    """The work at another size: every operator runs, and does that share of it."""
    return Work(
        convolution_macs=round(work.convolution_macs * share),
        depthwise_macs=round(work.depthwise_macs * share),
        float_macs=round(work.float_macs * share),
        operators=work.operators,
        written_bytes=round(work.written_bytes * share),
    )


def _tiles(config: FitConfig) -> int:
    return config.image.tile_rows * config.image.tile_columns
