"""A network that fits its station: what `fit --target` compares, and what it chooses.

How long a variant runs is predicted by the target's cost table from its operators; how good it is
is measured on training samples alone, out of fold or on synthetic defects. Where a model cannot
compare its variants so, the largest input that fits is taken. A model that `auto` takes for the
detail that it shows gives way to the usual one where it must show less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.cost_calibration import station_cost
from edge_agent.contracts.run_folder.metrics import BudgetMetrics, BudgetPoint
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.class_sample import evenly_by_class, worth_of_one
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.architectures import find_architecture
from trainer.models.image.backbone import AUTO, find_backbone
from trainer.models.image.weights import find_pretrained
from trainer.models.layers.work import work_of
from trainer.training.api import Architecture, Training
from trainer.training.distributed import in_cluster
from trainer.workflow.cut_out_look import with_parts
from trainer.workflow.preparation import prepare_training, resolve
from trainer.workflow.usual_look import MOST_COMPARED, ROUNDING, thinned
from trainer.workflow.variants import Variant, variants_of
from trainer.workflow.window_time import window_ms, window_source

if TYPE_CHECKING:
    import keras

COMPARED, COMPARED_BESIDE = 3, 2
"""Sizes of input whose accuracy is compared, the largest that fit: of the first backbone, and of
each further one."""


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
    split = with_parts(split, config, progress)
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
    fitting = _fitting(variants, architecture.name, config)
    compared, one_sample = _compared(split, architecture, fitting, progress)
    chosen = best(compared, one_sample)
    progress.say(f"for {target}, {budget_ms:g} ms: {chosen.name}, predicted {chosen.ms:.3g} ms")
    return chosen.config, BudgetMetrics(
        target=target,
        budget_ms=budget_ms,
        predicted_ms=chosen.ms,
        within=cost.within,
        source=cost.source + window_source(split.dataset.config.kind, target),
        merit_name=architecture.merit_name,
        points=[_point(one, chosen) for one in sorted(compared, key=lambda one: one.ms)],
    )


def _fitting(variants: list[Variant], name: str, config: FitConfig) -> list[Variant]:
    target, budget_ms = config.budget or ("", math.inf)
    fitting = [one for one in variants if one.ms <= budget_ms]
    if not fitting:
        least = min(variants, key=lambda one: one.ms)
        own = _what_is_set(config)
        leave = f"leave out {', '.join(own)} or " if own else ""
        raise ConfigError(
            f"the fastest {name} ({least.name}) is predicted to take {least.ms:.3g} ms on "
            f"{target}, the budget is {budget_ms:g} ms",
            where="--budget-ms",
            cure=f"give --budget-ms {_rounded_up(least.ms)} or more, {leave}take a smaller model "
            "with --model",
        )
    return fitting


def _what_is_set(config: FitConfig) -> list[str]:
    """The settings that narrow the choice."""
    given = {
        "[image] size_px": config.image.size_px,
        "[vibration] window_samples": config.vibration.window_samples,
        "[options]": config.options,
        "--backbone": config.backbone != AUTO,
    }
    return [name for name, value in given.items() if value]


def _rounded_up(ms: float) -> str:
    """Of two digits, not below."""
    unit = 10.0 ** (math.floor(math.log10(ms)) - 1)
    return f"{math.ceil(ms / unit) * unit:.3g}"


def with_network(budget: BudgetMetrics, network: keras.Model, spec: InputSpec) -> BudgetMetrics:
    """The same with the time that is predicted for the fitted network itself and its input."""
    tiles = spec.tiles.count if isinstance(spec, ImageInput) else 1
    ms = station_cost(budget.target).predict_ms(work_of(network)) * tiles
    return budget.model_copy(update={"predicted_ms": ms + window_ms(spec, budget.target)})


def best(variants: Sequence[Variant], one_sample: float) -> Variant:
    """The most accurate variant, and of those that are worse by no more than one sample counts the
    fastest; where nothing was measured the slowest of the largest input, which sees most.
    """
    known = [one for one in variants if not math.isnan(one.merit)]
    if not known:
        return max(variants, key=lambda one: (one.size, one.ms))
    least = max(one.merit for one in known) - one_sample - ROUNDING
    return min((one for one in known if one.merit >= least), key=lambda one: one.ms)


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
        backbone=variant.backbone,
    )


def _compared(
    split: Split, architecture: Architecture[Any], fitting: list[Variant], progress: Progress
) -> tuple[list[Variant], float]:
    """The variants that fit with what they are worth, and what one sample counts in it: of images
    those of the largest inputs, of vibration all windows.
    """
    if architecture.window_merits is not None:
        configs = [resolve(split, one.config)[1] for one in fitting]
        merits, one_window = architecture.window_merits(split, configs, progress)
        return _measured(fitting, merits), one_window
    return _compared_sizes(split, architecture, fitting, progress), _one_sample(split, architecture)


def _measured(variants: Sequence[Variant], merits: Sequence[float]) -> list[Variant]:
    """Those whose merit is known, or all where none is."""
    several = [replace(one, merit=merit) for one, merit in zip(variants, merits, strict=True)]
    return [one for one in several if not math.isnan(one.merit)] or several


def _compared_sizes(
    split: Split, architecture: Architecture[Any], fitting: list[Variant], progress: Progress
) -> list[Variant]:
    if architecture.merits is None:
        return fitting
    by_fits = architecture.scoring != "logits"
    few, several = thinned(split), worth_comparing(fitting, by_fits=by_fits)
    compared: list[Variant] = []
    merits: list[float] = []
    for size in sorted({one.size for one in several}, reverse=True):
        same = [one for one in several if one.size == size]
        _, config = resolve(split, same[0].config)
        training = prepare_training(few, config, architecture, progress)
        trainings = [_with_config(training, one.config, architecture) for one in same]
        compared += same
        merits += architecture.merits(trainings)
    return _measured(compared, merits)


def worth_comparing(fitting: Sequence[Variant], *, by_fits: bool) -> list[Variant]:
    """The largest sizes of each backbone; of a joined one those that its parts are compared at,
    which have its features. by_fits: every variant is a fit of its own, so that of each backbone
    but the first only the slowest variant is compared.
    """
    chosen: list[Variant] = []
    for backbone in dict.fromkeys(one.backbone for one in fitting):
        own = [one for one in fitting if one.backbone == backbone]
        if chosen and by_fits:
            chosen.append(max(own, key=lambda one: one.ms))
            continue
        sizes = {one.size for one in own}
        for part in find_backbone(backbone).parts if backbone else ():
            sizes &= {one.size for one in chosen if one.backbone == part}
        largest = sorted(sizes, reverse=True)[: COMPARED_BESIDE if chosen else COMPARED]
        chosen += [one for one in own if one.size in largest]
    return chosen


def _with_config(
    training: Training, config: FitConfig, architecture: Architecture[Any]
) -> Training:
    _, filled = resolve(training.split, config)
    options = validate(architecture.options, filled.options, "options")
    return replace(training, config=filled, options=options)
