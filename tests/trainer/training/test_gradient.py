from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split
from trainer.training.api import NoOptions, Training
from trainer.training.gradient import WEIGHT_LIMIT, compile_network, sample_weights


def training_of(samples: list[Sample], windows: int = 1, **config: bool) -> Training:
    plan = DatasetConfig(task="image-class", good=["ok"])
    dataset = Dataset(Path("/nowhere"), plan, tuple(samples))
    every, nothing = np.arange(len(samples)), np.zeros(0, np.intp)
    owners = np.repeat(every, windows)
    inputs = np.zeros((len(owners), 8, 8, 3), np.uint8)
    return Training(
        dataset,
        Split(dataset, every, nothing, nothing, "all"),
        ImageInput(width_px=8, height_px=8),
        dataset.labels,
        Prepared(inputs, owners),
        Prepared(inputs[:0], nothing),
        FitConfig.model_validate(config),
        NoOptions(),
        SilentProgress(),
    )


def samples_of(counts: dict[tuple[str, str], int]) -> list[Sample]:
    return [
        Sample(f"{label}/{group}{n}.png", label, group=group)
        for (label, group), count in counts.items()
        for n in range(count)
    ]


@pytest.mark.parametrize("windows", [1, 3])
def test_classes_weigh_the_same_whatever_their_numbers(windows: int) -> None:
    training = training_of([Sample(f"{n}", "ok" if n < 30 else "bad") for n in range(36)], windows)
    weights = sample_weights(training)
    is_ok = np.repeat(np.arange(36) < 30, windows)
    assert weights[is_ok].sum() == pytest.approx(weights[~is_ok].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1.0, rel=1e-5)


def test_a_large_group_weighs_as_the_root_of_its_size() -> None:
    training = training_of(samples_of({("ok", "a"): 36, ("ok", "b"): 4, ("bad", "c"): 1}))
    weights = sample_weights(training)
    assert weights[:36].sum() / weights[36:40].sum() == pytest.approx(3.0, rel=1e-5)


def test_a_very_rare_class_is_held_in_check() -> None:
    training = training_of([Sample(f"{n}", "bad" if n == 0 else "ok") for n in range(400)])
    weights = sample_weights(training)
    assert weights[0] / weights[1] <= 2 * WEIGHT_LIMIT


def test_without_weights_all_count_alike() -> None:
    training = training_of(
        samples_of({("ok", "a"): 9, ("bad", "b"): 1}), class_weights=False, group_weights=False
    )
    np.testing.assert_array_equal(sample_weights(training), np.ones(10, np.float32))


def test_the_step_of_a_training_is_traced_once() -> None:
    traced: list[str] = []

    class Observed(keras.Sequential):  # type: ignore[misc]
        def train_step(self, data: object) -> object:
            traced.append("step")
            return super().train_step(data)

    network = Observed([keras.Input((2,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    right = keras.metrics.SparseCategoricalAccuracy("accuracy")
    compile_network(network, keras.optimizers.Adam(), loss, [right])
    x = np.random.default_rng(1).normal(size=(16, 2)).astype(np.float32)
    network.fit(x, x.argmax(axis=1), batch_size=8, epochs=2, verbose=0)
    assert traced == ["step"]
