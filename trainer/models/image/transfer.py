"""MobileNetV2 from ImageNet: a regression on its features, then, where asked, its blocks too.

Mean and maximum over all places of several layers' activations, or a layer's texture, feed one
linear head. The layers are chosen by cross-validation: ImageNet's own last ones know things, the
middle ones know surfaces, and a network that ends at the middle is smaller and faster too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.target_cost import Work
from trainer.config.fit import FitConfig
from trainer.data.augment import augment
from trainer.data.prepare import InputSpec, Prepared
from trainer.data.split import Split
from trainer.models.image.aspect import STEP, fitting_sides, is_long, median_sides
from trainer.models.image.backbone import NONE, Backbone, find_backbone
from trainer.models.image.feature_maps import BATCH, MOST_CALIBRATION, Floats, detector_spec
from trainer.models.image.linear_head import Choice, Layers, choose, left_out, regress
from trainer.models.image.pooled_looks import PooledLook, right_of_looks, work_of_looks
from trainer.models.image.pooling import (
    ALL,
    LAYERS,
    feature_extractor,
    float_features,
    head_vectors,
    int8_features,
    layers_name,
    set_logits,
    summed_logits,
)
from trainer.models.image.weights import pretrained_of
from trainer.models.layers.int8 import converted
from trainer.training.api import Architecture, Fitted, Look, ModelOptions, Training
from trainer.training.gradient import descend, seed_everything
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras

SIZE_PX = 224
LARGE_PX = 320
MOST_PX = 4 * SIZE_PX**2
"""Of a picture that keeps its aspect: one view then costs what four of the usual size cost."""

LOOKS = tuple({"tta_views": views, "layers": name} for views in (4, 1) for name in LAYERS)


class TransferOptions(ModelOptions):
    """[options] of `transfer`."""

    OLD_NAMES: ClassVar = {"looks": "tta_views", "views": "augmented_copies"}

    layers: Literal["auto", "lower", "middle", "upper", "wide", "texture", "mixed"] = Field(
        default="auto", description="which activations the head reads; auto: cross-validated"
    )
    tta_views: Literal["auto", 1, 4] = Field(
        default="auto",
        description="test-time views of each image. 4: as it is and mirrored three ways, averaged, "
        "for four times the processor time; auto: cross-validated beside a larger image",
    )
    aspect: Literal["auto", "square", "kept"] = Field(
        default="auto",
        description="whether pictures are stretched to a square, or keep the aspect that half of "
        "them have; auto: cross-validated where they are long or large",
    )
    tune: Literal["auto", "none", "upper", "all"] = Field(
        default="auto",
        description="what follows the head: nothing, the upper blocks, everything; auto: everything"
        " where the weights are random, else nothing",
    )
    augmented_copies: int = Field(
        default=2,
        ge=0,
        le=20,
        description="augmented copies of each image that the head is fitted on",
    )
    tune_rate: float = Field(default=2e-4, gt=0, le=0.1, description="the first learning rate")


def spec_of(split: Split, config: FitConfig, options: TransferOptions) -> ImageInput:
    """A square of 224 px, or as many pixels as four of them have in the pictures' aspect."""
    spec = detector_spec(config, SIZE_PX, standardise=False)
    if options.aspect != "kept":
        return spec
    height, width = median_sides(split.dataset, split.train, config)
    longest_px = config.image.size_px
    high, wide = fitting_sides(height, width, longest_px, least_side=STEP, most_px=MOST_PX)
    return spec.model_copy(update={"height_px": high, "width_px": wide})


def usual_looks(split: Split, config: FitConfig, options: TransferOptions) -> Sequence[Look]:
    """Four views of 224 px, one of 320 px, and one that keeps the aspect of long or large pictures:
    none is dearer than the first, which stays where they seem equal. What is configured stays.
    """
    size, views, aspect = config.image.size_px, options.tta_views, options.aspect
    plan = [("square", size or SIZE_PX, 4), ("square", size or LARGE_PX, 1)]
    if views == 1 and not size:
        plan.append(("square", SIZE_PX, 1))
    if aspect == "auto" and not size and _is_long(split, config):
        plan.append(("kept", 0, 1))
    plan = [one for one in plan if views in ("auto", one[2]) and aspect in ("auto", one[0])]
    if not plan or config.weights == "none":
        one = ("kept", size) if aspect == "kept" else ("square", size or SIZE_PX)
        plan = [(*one, views_of(options))]
    return [_look(config, *one) for one in plan]


def largest_px(split: Split, config: FitConfig) -> int:
    """The largest side that a time budget may choose: LARGE_PX in one view, as without a budget."""
    del split
    return LARGE_PX if config.options.get("tta_views") == 1 else SIZE_PX


def views_of(options: TransferOptions) -> int:
    """How many test-time views are computed: four where nobody chose."""
    return 4 if options.tta_views == "auto" else options.tta_views


def _is_long(split: Split, config: FitConfig) -> bool:
    return is_long(median_sides(split.dataset, split.train, config))


def _look(config: FitConfig, aspect: str, size_px: int, views: int) -> Look:
    image = config.image.model_copy(update={"size_px": size_px})
    options = {**config.options, "tta_views": views, "aspect": aspect}
    chosen = config.model_copy(update={"image": image, "options": options})
    seen = f"{size_px} px" if size_px else "own aspect"
    return Look(chosen, f"{seen}, {views} view{'s' if views > 1 else ''}")


def build(spec: InputSpec, labels: int, config: FitConfig, options: TransferOptions) -> keras.Model:
    """Backbone, mean and maximum of the chosen layers, dense logits; all but these is frozen."""
    layers = LAYERS["middle" if options.layers == "auto" else options.layers]
    extractor = feature_extractor(spec, config, layers, views_of(options))
    return _headed(extractor, labels, views_of(options))


def fit(training: Training[TransferOptions]) -> Fitted:
    """Head first, then what is to be tuned; the best epoch on validation data stays.

    Where only the head learns, nothing has to be stopped: it learns from the validation images too,
    and the threshold is chosen by what heads that saw none of their groups say of them.
    """

    seed_everything(training.config.seed)
    options = training.options
    row = find_backbone(pretrained_of(training.config).backbone)
    tune = _tuned(options, row, training.config.weights)
    if tune == "none" and (fitted := _fit_on_all(training, options)):
        return fitted
    network, choice = fit_head(training, options)
    head = _history(predict(network, training.val.inputs), training)
    if tune == "none":
        return Fitted(network, [head], (_sentence(choice),))
    thaw(network, row.upper if tune == "upper" else row.first)
    before = network.get_weights()
    rows = descend(network, training, options.tune_rate)
    if head["val_loss"] <= min(row["val_loss"] for row in rows):
        network.set_weights(before)
        note = "fine-tuning did not improve on the head alone"
        return Fitted(network, [head, *rows], (_sentence(choice), note))
    return Fitted(network, [head, *rows], (_sentence(choice),))


def _tuned(
    options: TransferOptions, row: Backbone, weights: str
) -> Literal["none", "upper", "all"]:
    """What follows the head; raises ConfigError where a joined backbone is to be tuned."""
    if options.tune != "auto":
        if row.parts and options.tune != "none":
            raise ConfigError(
                "the blocks of a joined backbone are not tuned",
                where="[options] tune",
                cure='tune = "none", or one backbone',
            )
        return options.tune
    return "all" if weights == NONE and not row.parts else "none"


def works(
    spec: InputSpec, labels: int, config: FitConfig, several: Sequence[TransferOptions]
) -> Sequence[Work]:
    """The work of a run with each of several options."""
    return work_of_looks(spec, labels, config, [_pooled_look(one) for one in several])


def merits(several: Sequence[Training[TransferOptions]]) -> Sequence[float]:
    """The mean over classes of what is right out of fold; not a number where that is unknown."""
    return right_of_looks(several, [_pooled_look(one.options) for one in several])


def _pooled_look(options: TransferOptions) -> PooledLook:
    return PooledLook(_layers_read(options), views_of(options))


def _layers_read(options: TransferOptions) -> list[Layers]:
    """Those that the head may read, the best of which is taken."""
    return list(LAYERS.values()) if options.layers == "auto" else [LAYERS[options.layers]]


def fit_head(
    training: Training[TransferOptions], options: TransferOptions
) -> tuple[keras.Model, Choice]:
    """The network with the regression on the training inputs as its head, and what was chosen.

    The regression sees every image as float and as int8 sees it, and varied ones as int8 does: the
    variations of an image together weigh as much as one of the two.
    """
    spec, config, views = training.spec, training.config, views_of(options)
    extractor = feature_extractor(spec, config, ALL, views)
    targets, labels = training.train_targets, len(training.labels)
    payload = converted(extractor, calibration_of(training))
    passes = [
        float_features(extractor, training.train.inputs, views, training),
        *_int8_passes(extractor, payload, training, options),
    ]
    choice = choose(
        passes[1],
        targets,
        _groups(training),
        labels,
        _layers_read(options),
        training.config.class_weights,
        training.progress,
    )
    head = regress(
        [np.concatenate(layer) for layer in zip(*passes, strict=True)],
        np.tile(targets, len(passes)),
        np.repeat(
            [1, 1] + [1 / max(1, options.augmented_copies)] * options.augmented_copies, len(targets)
        ),
        labels,
        choice,
        training.config.class_weights,
    )
    extractor = feature_extractor(spec, config, choice.layers, views)
    network = _headed(extractor, labels, views)
    set_logits(network, head)
    return network, choice


def _fit_on_all(training: Training[TransferOptions], options: TransferOptions) -> Fitted | None:
    """The head on training and validation images; None where some group cannot be left out."""
    first, second = training.train, training.val
    inputs = np.concatenate([first.inputs, second.inputs])
    both = Prepared(inputs, np.concatenate([first.sample, second.sample]))
    joined = replace(training, train=both)
    if not left_out(joined.train_targets, _groups(joined)):
        return None
    network, choice = fit_head(joined, options)
    if choice.logits is None:
        return None
    cross_fitted = choice.logits[len(first.inputs) :]
    notes = (
        _sentence(choice),
        "the head was fitted on validation images too; cross-fitted heads scored them",
    )
    return Fitted(
        network,
        [_history(cross_fitted, training)],
        notes,
        cross_fitted=cross_fitted,
        out_of_fold=choice.logits,
    )


def _groups(training: Training) -> NDArray[np.str_]:
    return np.array(training.dataset.groups())[training.train.sample]


def calibration_of(training: Training[TransferOptions], fitted: Fitted | None = None) -> Tensor:
    """Up to MOST_CALIBRATION training images, the same for the head and for the int8 file.

    With four test-time views half as many: each image then gives four.
    """
    del fitted
    most = MOST_CALIBRATION // (1 if views_of(training.options) == 1 else 2)
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    return np.asarray(inputs[rng.permutation(len(inputs))[:most]])


def thaw(network: keras.Model, first: str) -> None:
    """Let everything from the backbone's layer `first` on learn, batch norms excepted."""
    import keras

    backbone = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    backbone.trainable = True
    reached = False
    for layer in backbone.layers:
        reached = reached or layer.name == first
        layer.trainable = reached and not isinstance(layer, keras.layers.BatchNormalization)


def _headed(extractor: keras.Model, labels: int, tta_views: int) -> keras.Model:
    import keras

    logits = summed_logits(head_vectors(extractor.outputs, tta_views), labels)
    return keras.Model(extractor.input, logits, name="transfer")


def _int8_passes(
    extractor: keras.Model,
    payload: bytes,
    training: Training[TransferOptions],
    options: TransferOptions,
) -> list[list[Floats]]:
    """The int8 features of all training images, then of `augmented_copies` variations of them."""
    rng = np.random.default_rng(training.config.seed)
    inputs, names = training.train.inputs, training.config.image.augment
    views = views_of(options)
    passes = [int8_features(extractor, payload, inputs, views, training, "features in int8")]
    for number in range(options.augmented_copies):
        varied = _varied(inputs, names, rng)
        what = f"variation {number + 1}"
        passes.append(int8_features(extractor, payload, varied, views, training, what))
    return passes


def _varied(inputs: Tensor, names: Sequence[str], rng: np.random.Generator) -> Tensor:
    """A variation of each image, some at a time: they are made in float, four times as large."""
    varied = np.empty_like(inputs)
    for start in range(0, len(inputs), BATCH):
        varied[start : start + BATCH] = augment(inputs[start : start + BATCH], names, rng)
    return varied


def _sentence(choice: Choice) -> str:
    name = layers_name(choice.layers)
    right = f", {choice.right:.1%} of each class right, left out" if choice.right >= 0 else ""
    return f"the head reads the {name} layers, C {choice.ridge:g}{right}"


def _history(logits: Floats, training: Training) -> Mapping[str, float]:
    """The history's row 0: the head alone on validation data."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    right = float((logits.argmax(axis=1) == training.val_targets).mean())
    nothing = float("nan")
    return {
        "epoch": 0,
        "accuracy": nothing,
        "loss": nothing,
        "val_accuracy": right,
        "val_loss": float(loss(training.val_targets, logits)),
    }


ARCHITECTURE = Architecture(
    name="transfer",
    tasks=("image-class",),
    summary="MobileNetV2 from ImageNet: a regression on the layers that tell most",
    spec_of=spec_of,
    build=build,
    epochs=12,
    fit=fit,
    calibration=calibration_of,
    uses_weights=True,
    standardises=False,
    looks=LOOKS,
    usual_looks=usual_looks,
    largest_px=largest_px,
    works=works,
    merits=merits,
    merit_name="right out of fold, every class counting the same",
    options=TransferOptions,
)
