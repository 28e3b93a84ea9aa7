"""The ways to configure a model for a station: backbone, look and size, and how long each runs.

How long is predicted by the target's cost table, from operators and multiply-accumulates; what is
computed of a vibration window before is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.cost_calibration import station_cost
from edge_agent.contracts.model.target_cost import Work
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig, Scalar
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image.backbone import NONE
from trainer.models.image.weights import pretrained_at_hand
from trainer.models.layers.work import work_of
from trainer.training.api import Architecture
from trainer.workflow.preparation import resolve
from trainer.workflow.window_time import window_ms

SIDES_PX = (1024, 768, 512, 384, 320, 256, 224, 192, 160, 128, 96, 64)
LEAST_WINDOW = 128


@dataclass(frozen=True)
class Variant:
    """One way to configure the model. size: of the input, in pixels or samples; ms: predicted;
    backbone: its name where there are several; of a vibration model its views.
    """

    config: FitConfig
    name: str
    size: int
    ms: float
    merit: float = math.nan
    backbone: str = ""


@dataclass(frozen=True)
class _Look:
    """Options of one backbone, and the network of the model's own size."""

    options: Mapping[str, Scalar]
    config: FitConfig
    spec: InputSpec
    work: Work


def variants_of(
    split: Split, config: FitConfig, architecture: Architecture[Any], target: str
) -> Iterator[Variant]:
    """Every backbone that has weights here, with every look at every size; counted at the model's
    own size, the others by their share of it. The usual backbone at its own size is the first.
    """
    config = _with_names_of_today(config, architecture)
    backbones = _on_each_backbone(split, config, architecture)
    for one in backbones:
        backbone = one.backbone if len(backbones) > 1 else ""
        for look in _looks(split, one, architecture):
            yield from _sized(split, look, architecture, target, backbone)


def _sized(
    split: Split, look: _Look, architecture: Architecture[Any], target: str, backbone: str
) -> Iterator[Variant]:
    cost, config = station_cost(target), look.config
    largest = 0
    if architecture.largest_px is not None:
        largest = architecture.largest_px(split, resolve(split, config)[1])
    pictures = isinstance(look.spec, ImageInput)
    unit = "px" if pictures else "samples"
    options = [f"{name} {value}" for name, value in look.options.items()]
    series = backbone if pictures else ", ".join(options)
    before_ms = math.inf  # a shorter window takes no longer, whatever a noisy measurement says
    shaped = _with_aspect(config, look.spec, architecture)
    for size, share, sized in _sizes(shaped, look.spec, largest):
        before_ms = min(before_ms, window_ms(_of_size(look.spec, size), target))
        ms = before_ms + cost.predict_ms(_scaled(look.work, share)) * _tiles(config)
        words = [backbone, f"{size} {unit}" if size else "", *options]
        name = ", ".join(filter(None, words)) or architecture.name
        yield Variant(sized, name, size, ms, backbone=series)


def _on_each_backbone(
    split: Split, config: FitConfig, architecture: Architecture[Any]
) -> list[FitConfig]:
    """The usual one alone where models of several backbones cannot be compared."""
    if not architecture.uses_weights or architecture.merits is None:
        return [config]
    found = pretrained_at_hand(config, split.dataset.config.task)
    return [config.model_copy(update=one._asdict()) for one in found]


def _looks(split: Split, config: FitConfig, architecture: Architecture[Any]) -> list[_Look]:
    """Every look that contradicts nothing that was asked for. What a network does is the same
    whatever its weights are: those of the backbone are not read.
    """
    looks = [look for look in architecture.looks if _agrees(look, config.options)] or [{}]
    configs = [config.model_copy(update={"options": {**config.options, **one}}) for one in looks]
    filled = [resolve(split, one)[1] for one in configs]
    options = [validate(architecture.options, one.options, "options") for one in filled]
    specs = _specs(split, filled, options, architecture)
    bare = [one.model_copy(update={"weights": NONE}) for one in filled]
    labels = len(split.dataset.labels)
    if architecture.works is not None:
        works = architecture.works(specs[0], labels, bare[0], options)
    else:
        given = zip(specs, bare, options, strict=True)
        works = [work_of(architecture.build(spec, labels, *rest)) for spec, *rest in given]
    return [_Look(*one) for one in zip(looks, configs, specs, works, strict=True)]


def _specs(
    split: Split,
    filled: Sequence[FitConfig],
    options: Sequence[Any],
    architecture: Architecture[Any],
) -> Sequence[InputSpec]:
    if architecture.bare_specs is not None:
        return architecture.bare_specs(split, filled[0], options)
    return [architecture.spec_of(split, *one) for one in zip(filled, options, strict=True)]


def _with_names_of_today(config: FitConfig, architecture: Architecture[Any]) -> FitConfig:
    """Old names of options replaced, since a look states those of today."""
    names = getattr(architecture.options, "OLD_NAMES", {})
    options = {names.get(name, name): value for name, value in config.options.items()}
    return config.model_copy(update={"options": options})


def _agrees(look: Mapping[str, Scalar], given: Mapping[str, object]) -> bool:
    """Whether the look contradicts nothing that was asked for."""
    return all(given.get(name, value) in (value, "auto") for name, value in look.items())


def _with_aspect(config: FitConfig, spec: object, architecture: Architecture[Any]) -> FitConfig:
    """Of pictures that are no square the aspect stays at every size, where that is an option."""
    square = not isinstance(spec, ImageInput) or spec.height_px == spec.width_px
    if square or "aspect" not in architecture.options.model_fields:
        return config
    return config.model_copy(update={"options": {**config.options, "aspect": "kept"}})


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
            # Views have as many bins whatever the window: the network does the same.
            share = 1.0 if spec.views else window / own
            yield window, share, config.model_copy(update={"vibration": table})
            window //= 2
    else:
        yield 0, 1.0, config


def _of_size(spec: InputSpec, size: int) -> InputSpec:
    """With a window of that many samples; pictures as they are."""
    if not isinstance(spec, VibrationInput):
        return spec
    return spec.model_copy(update={"window_samples": size})


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
