"""What looks of a classifier on pooled features do and are worth, for several of them at once.

A look is which layers are read, in how many test-time views. The network is built once for all of
them, and each backbone computes its features once: with four views the first one is the look of one
view. Pools of a joined backbone are those of its parts side by side, which are known already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.target_cost import Work
from trainer.config.fit import FitConfig
from trainer.data.class_sample import evenly_by_class
from trainer.data.prepare import InputSpec
from trainer.models.image import efficientnet_lite0
from trainer.models.image.backbone import NONE, Pretrained, find_backbone
from trainer.models.image.feature_maps import BATCH, Floats
from trainer.models.image.linear_head import Layers, choose, left_out
from trainer.models.image.pooling import (
    ALL,
    TEXTURE,
    by_layer,
    feature_extractor,
    head_vectors,
)
from trainer.models.image.ridge_trial import kernel_of, share_right
from trainer.models.image.weights import pretrained_of
from trainer.models.layers.work import works_of
from trainer.training.api import Training
from trainer.training.predict import forward

if TYPE_CHECKING:
    import keras

MOST_COMPARED = 400
"""Training images by which looks are compared for a time budget."""


class PooledLook(NamedTuple):
    """layers: those that may be read, the best of them counts; views: one or four."""

    layers: Sequence[Layers]
    views: int


def work_of_looks(
    spec: InputSpec, labels: int, config: FitConfig, looks: Sequence[PooledLook]
) -> list[Work]:
    """The work of a run with the first layers of each look, counted on one network of one view.

    Four views are taken as four times that, which is a hundredth too much for the head.
    """
    import keras
    from keras import layers

    extractor = feature_extractor(spec, config, ALL, 1)
    names = [f"{FLOAT_PREFIX}head{n}" for n in range(len(extractor.outputs))]
    heads = [layers.Dense(labels, use_bias=False, name=name) for name in names]
    vectors = head_vectors(extractor.outputs, 1)
    logits = [head(vector) for head, vector in zip(heads, vectors, strict=True)]
    network = keras.Model(extractor.input, logits)
    chosen = [[n for layer in look.layers[0] for n in _outputs_of(layer)] for look in looks]
    works = works_of(network, chosen)
    widths = [[int(vectors[n].shape[1]) for n in one] for one in chosen]
    pixels = int(np.prod(spec.shape))
    return [
        _in_views(work, look.views, pixels, averaged)
        for work, look, averaged in zip(works, looks, widths, strict=True)
    ]


def _outputs_of(layer: int) -> tuple[int, ...]:
    """Mean and maximum of a pool; the texture stands last."""
    return (2 * layer,) if layer == TEXTURE else (2 * layer, 2 * layer + 1)


def _in_views(work: Work, views: int, pixels: int, averaged: Sequence[int]) -> Work:
    """The same in several views: what mirrors the pixels, and what averages vectors, is added."""
    if views == 1:
        return work
    copied, means = (2 * views - 1) * pixels, 4 * sum(averaged)
    return Work(
        convolution_macs=views * work.convolution_macs,
        depthwise_macs=views * work.depthwise_macs,
        float_macs=views * work.float_macs,
        operators=work.operators + views + len(averaged),
        written_bytes=views * work.written_bytes + copied + means,
    )


def right_of_looks(several: Sequence[Training], looks: Sequence[PooledLook]) -> list[float]:
    """The mean over classes of what is right out of fold with each look, by float features of up to
    MOST_COMPARED training images; not a number where the weights are random, no group can be left
    out, or a joined backbone's texture would have to be computed.

    A look whose layers are known is judged by least squares, so that dozens can be compared; one
    that leaves them open by the logistic regression that chooses them.
    """
    first = several[0]
    chosen = evenly_by_class(first.train_targets, MOST_COMPARED)
    targets = first.train_targets[chosen]
    groups = np.array(first.dataset.groups())[first.train.sample][chosen]
    folds = left_out(targets, groups)
    if not folds or first.config.weights == NONE:
        return [float("nan")] * len(several)
    known = _Known(first, chosen, max(look.views for look in looks))
    found = []
    for training, (layers, views) in zip(several, looks, strict=True):
        pretrained, balanced = pretrained_of(training.config), training.config.class_weights
        if len(layers) > 1:
            rows, labels = known.rows(pretrained, views), len(first.labels)
            choice = choose(rows, targets, groups, labels, layers, balanced, first.progress)
            found.append(choice.right)
        else:
            products = known.products(pretrained, views, layers[0])
            found.append(share_right(products, targets, folds, balanced))
    return found


@dataclass
class _Known:
    """Features of the chosen training images, and their products, each computed once."""

    training: Training
    chosen: NDArray[np.intp]
    most_views: int
    features: dict[tuple[Pretrained, int], list[Floats]] = field(default_factory=dict)
    kernels: dict[tuple[Pretrained, int, int], Floats] = field(default_factory=dict)

    def rows(self, pretrained: Pretrained, views: int) -> list[Floats]:
        """(N, F) of each of ALL layers."""
        if (pretrained, views) not in self.features:
            config = self.training.config.model_copy(update=pretrained._asdict())
            training = replace(self.training, config=config)
            for number, rows in _features(training, self.chosen, self.most_views).items():
                self.features[pretrained, number] = rows
        return self.features[pretrained, views]

    def products(self, pretrained: Pretrained, views: int, layers: Layers) -> Floats:
        """(N, N), those of the layers summed; not numbers for the texture of a joined backbone."""
        parts = find_backbone(pretrained.backbone).parts
        if parts and TEXTURE in layers:
            return np.full((len(self.chosen), len(self.chosen)), np.nan, np.float32)
        several = [_part(one, pretrained) for one in parts] or [pretrained]
        summed = [self._kernel(one, views, layer) for one in several for layer in layers]
        return np.asarray(np.sum(summed, axis=0), np.float32)

    def _kernel(self, pretrained: Pretrained, views: int, layer: int) -> Floats:
        key = (pretrained, views, layer)
        if key not in self.kernels:
            self.kernels[key] = kernel_of(self.rows(pretrained, views)[layer])
        return self.kernels[key]


def _features(
    training: Training, chosen: NDArray[np.intp], most_views: int
) -> dict[int, list[Floats]]:
    """Views -> features (N, F) of each of ALL layers, of one view and of `most_views`."""
    import keras

    extractor = feature_extractor(training.spec, training.config, ALL, most_views)
    vectors = _mean_and_first(head_vectors(extractor.outputs, 1), most_views)
    network = keras.Model(extractor.input, vectors)
    count, rows = len(ALL) * 2 - 1, []
    inputs = training.train.inputs[chosen]
    with training.progress.steps(f"features of {training.config.backbone}", len(inputs)) as bar:
        for outputs in forward(network, inputs, BATCH // most_views):
            rows.append(outputs)
            for _ in range(len(outputs[0])):
                bar.advance()
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    seen = {most_views: by_layer(columns[:count])}
    if most_views > 1:
        seen[1] = by_layer(columns[count:])
    return seen


def _mean_and_first(vectors: Sequence[keras.KerasTensor], views: int) -> list[keras.KerasTensor]:
    """Vectors (views * N, F), ordered by view -> their means over the views, then those of the
    first view, (N, F) each; as they are where there is one view.
    """
    import keras

    if views == 1:
        return list(vectors)
    parts = [keras.ops.reshape(one, (views, -1, one.shape[1])) for one in vectors]
    return [*(keras.ops.mean(one, axis=0) for one in parts), *(one[0] for one in parts)]


def _part(name: str, joined: Pretrained) -> Pretrained:
    """A part of a joined backbone with its own weights."""
    packaged = name == efficientnet_lite0.NAME
    return Pretrained(name, efficientnet_lite0.NAME if packaged else joined.weights)
