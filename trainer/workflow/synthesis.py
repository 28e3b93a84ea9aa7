"""Synthetic defects from the training split alone, and what they add to the held-out score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress, SilentProgress
from trainer.data.image.cut_paste import cut_paste, guess_mask
from trainer.data.image.mask_faults import refuse_bad_masks
from trainer.data.image.masks import picture_mask
from trainer.data.image.perlin_noise import blotched
from trainer.data.prepare import read_picture
from trainer.data.samples import Sample
from trainer.data.split import Split
from trainer.evaluation.outcome import Outcome
from trainer.models.image.gan import draw, train_generator
from trainer.statistics import metrics
from trainer.workflow.experiment import run_experiment

GAN_STEPS = 1500
MOST_GOOD = 200
GROUP = "synthetic"


@dataclass(frozen=True)
class Sources:
    """Training pictures of one size: good ones, and those of one defect with their masks."""

    good: list[Image]
    bad: list[Image]
    masks: list[np.ndarray]
    seed: int
    progress: Progress


Method = Callable[[Sources, int], list[Image]]
"""(sources, count) -> `count` pictures of the defect."""


def by_cutpaste(sources: Sources, count: int) -> list[Image]:
    """Real defects pasted into good pictures."""
    rng = np.random.default_rng(sources.seed)
    made = []
    for _ in range(count):
        index = int(rng.integers(len(sources.bad)))
        good = sources.good[int(rng.integers(len(sources.good)))]
        made.append(cut_paste(sources.bad[index], good, sources.masks[index], rng))
    return made


def by_perlin(sources: Sources, count: int) -> list[Image]:
    """Blotches of one training picture on another."""
    rng = np.random.default_rng(sources.seed)
    textures = [*sources.bad, *sources.good]
    return [
        blotched(
            sources.good[int(rng.integers(len(sources.good)))],
            textures[int(rng.integers(len(textures)))],
            rng,
        )
        for _ in range(count)
    ]


def by_gan(sources: Sources, count: int) -> list[Image]:
    """What a DCGAN has learnt of the defective pictures."""

    maker = train_generator(sources.bad, GAN_STEPS, sources.seed, sources.progress)
    return draw(maker, count, sources.bad[0].shape[:2], sources.seed)


METHODS: dict[str, Method] = {"cutpaste": by_cutpaste, "perlin": by_perlin, "gan": by_gan}
"""Name -> method."""


def synthesise(
    split: Split, method: str, count: int, out: Path, seed: int, progress: Progress | None = None
) -> list[Sample]:
    """Write `count` pictures of every defect label into `out`; returns their samples.

    Only training pictures are looked at: nothing of a held-out part can come back by this way.
    """
    dataset = split.dataset
    bad = [label for label in dataset.labels if label not in dataset.good]
    if dataset.config.kind != "image" or not dataset.good or dataset.config.good_only or not bad:
        raise ConfigError(
            "synthesis needs pictures of good and of defective parts in training",
            where=str(dataset.root),
            cure='task = "image-class", and name the good labels in dataset.toml',
        )
    refuse_bad_masks(dataset, progress or SilentProgress())
    samples = []
    for index, label in enumerate(bad):
        sources = _sources(split, label, seed + index, progress or SilentProgress())
        for number, picture in enumerate(METHODS[method](sources, count)):
            path = out / label / f"{method}_{number:04d}.png"
            _, payload = cv2.imencode(".png", picture[:, :, ::-1])
            write_atomic(path, payload.tobytes())
            samples.append(Sample(str(path.absolute()), label, group=f"{GROUP}-{label}-{number}"))
    return samples


def with_training_samples(split: Split, samples: list[Sample]) -> Split:
    """The split with further training samples; validation and test stay as they are."""
    first = len(split.dataset.samples)
    dataset = split.dataset.with_samples(
        [*split.dataset.samples, *samples], f"{len(samples)} synthetic training samples added"
    )
    added = np.arange(first, first + len(samples))
    return replace(split, dataset=dataset, train=np.concatenate([split.train, added]))


def added_score(
    split: Split, samples: list[Sample], config: FitConfig, progress: Progress | None = None
) -> dict[str, dict[str, object]]:
    """What added_figures says of two fits by the same seed and configuration."""
    without = run_experiment(split, config, "without", progress).outcome
    more = run_experiment(with_training_samples(split, samples), config, "with", progress).outcome
    return added_figures(without, more)


def added_figures(without: Outcome, more: Outcome) -> dict[str, dict[str, object]]:
    """Figure -> without, with, and the difference with its interval over groups of held-out parts.

    Both are outcomes of the same samples: the difference is paired part by part.
    """
    scores = {}
    for name, statistic in _statistics(without, more).items():
        every = np.arange(len(without.truth))
        before, after = statistic(without, every), statistic(more, every)
        difference = _paired(statistic, without, more)
        scores[name] = {"without": before, "with": after, "added": difference.as_json()}
    return scores


Statistic = Callable[[Outcome, np.ndarray], float]


def _statistics(*outcomes: Outcome) -> Mapping[str, Statistic]:
    """Those that make sense for all of them. What was not seen counts as wrong in the accuracy, as
    in the figures of a run, and nowhere else.
    """
    seen_bad = [one.bad[one.seen] for one in outcomes]
    statistics: dict[str, Statistic] = {
        "accuracy": lambda o, rows: float(((o.truth == o.predicted) & o.seen)[rows].mean())
    }
    if all(len(bad) for bad in seen_bad):
        statistics["macro_f1"] = _of_seen(
            lambda o, rows: metrics.macro_f1(o.truth[rows], o.predicted[rows], len(o.labels))
        )
    if all(bad.any() and not bad.all() for bad in seen_bad):
        statistics["auroc"] = _of_seen(lambda o, rows: metrics.auroc(o.bad[rows], o.scores[rows]))
        statistics["recall_at_1pct_false_reject"] = _of_seen(
            lambda o, rows: metrics.recall_at(o.bad[rows], o.scores[rows], 0.01)
        )
    return statistics


def _of_seen(statistic: Statistic) -> Statistic:
    """The same of those rows whose labels and scores say something."""
    return lambda outcome, rows: statistic(outcome, rows[outcome.seen[rows]])


def _paired(statistic: Statistic, without: Outcome, more: Outcome) -> Metric:
    return metrics.bootstrapped(
        lambda rows: statistic(more, rows) - statistic(without, rows), without.groups
    )


def _sources(split: Split, label: str, seed: int, progress: Progress) -> Sources:
    dataset = split.dataset
    rng = np.random.default_rng(seed)
    train = [int(index) for index in split.train]
    good = [index for index in train if dataset.samples[index].label in dataset.good]
    bad = [index for index in train if dataset.samples[index].label == label]
    if not good or not bad:
        raise DatasetError(
            f"no training picture of {label if good else 'a good part'}",
            where=str(dataset.root),
            cure="collect some, or hold out less",
        )
    good = rng.permutation(good)[:MOST_GOOD].tolist()
    size = _size(read_picture(dataset, bad[0]))
    pictures = {index: _sized(read_picture(dataset, index), size) for index in (*good, *bad)}
    masks = []
    for index in bad:
        if dataset.samples[index].masks:
            masks.append(_sized(picture_mask(dataset, index), size))
        else:
            masks.append(guess_mask(pictures[index], [pictures[g] for g in good[:50]]))
    return Sources([pictures[g] for g in good], [pictures[b] for b in bad], masks, seed, progress)


def _size(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _sized(image: Image, size: tuple[int, int]) -> Image:
    if _size(image) == size:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
