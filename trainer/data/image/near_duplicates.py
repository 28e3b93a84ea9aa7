"""Which samples of a data set are copies of one another, and whether a split cuts such a group."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.run_folder.metrics import CopyGroup
from trainer.console.progress import Progress, SilentProgress
from trainer.data.image.picture_match import find_near_duplicates, fingerprint, numbered
from trainer.data.in_turn import in_turn
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset, Indices
from trainer.data.split import Split

GROUP = "near_duplicates"
"""The name of the group column that is proposed."""

MOST_GROUPS, MOST_PICTURES = 3, 6
"""Of the largest groups that are shown as pictures, and of the pictures of each."""


@dataclass(frozen=True)
class CopySurvey:
    """What the search found. groups: (M,) a number for every sample, copies share one;
    exact: pairs with the same bytes; alike: pairs found by their look."""

    groups: NDArray[np.int64]
    exact: int
    alike: int

    @property
    def copied(self) -> int:
        """Samples that have at least one copy."""
        counts = np.bincount(self.groups)
        return int((counts[self.groups] > 1).sum())

    def sentence(self) -> str:
        """The finding in one sentence."""
        if not self.copied:
            return f"no copies among {len(self.groups)} samples"
        return (
            f"{self.copied} of {len(self.groups)} samples are copies of another one (the same "
            f"bytes, or turned, mirrored, stretched, brightened or cropped): "
            f"{len(np.unique(self.groups))} groups"
        )

    def largest(self, dataset: Dataset) -> list[CopyGroup]:
        """The MOST_GROUPS largest groups, and the first MOST_PICTURES samples of each."""
        counts = np.bincount(self.groups)
        order = np.argsort(-counts, kind="stable")[:MOST_GROUPS]
        return [self._group(dataset, int(one)) for one in order if counts[one] > 1]

    def _group(self, dataset: Dataset, number: int) -> CopyGroup:
        members = [dataset.samples[int(one)] for one in np.flatnonzero(self.groups == number)]
        return CopyGroup(
            samples=len(members),
            labels=sorted({one.label for one in members}),
            paths=[one.path for one in members[:MOST_PICTURES]],
        )


@dataclass(frozen=True)
class CutGroups:
    """How a split cuts groups. shared: test samples with a copy in training or validation."""

    shared: int
    test: int
    example: tuple[str, str]

    def sentence(self) -> str:
        """The finding in one sentence."""
        first, second = self.example
        return (
            f"{self.shared} of {self.test} held-out samples have a copy in training or "
            f"validation, for example {first} and {second}"
        )


def survey_copies(dataset: Dataset, progress: Progress | None = None) -> CopySurvey:
    """Find copies: by bytes for any file, and by look for images."""
    progress = progress or SilentProgress()
    count = len(dataset.samples)
    sets = DisjointSet(range(count))
    exact = _same_bytes(dataset, sets) if dataset.config.kind != "tabular" else 0
    alike = 0
    if dataset.config.kind == "image" and count > 1:
        prints = fingerprint(_pictures(dataset, progress))
        progress.say("looking for turned, mirrored and cropped copies")
        for duplicate in find_near_duplicates(prints):
            alike += sets.merge(duplicate.first, duplicate.second)
    return CopySurvey(numbered(sets, count), exact, alike)


def with_proposed_groups(
    dataset: Dataset, copies: CopySurvey, *, given_split: bool = False
) -> Dataset:
    """The data set grouped by what was found; its given folds are dropped, and its given split
    where that is not to stay.
    """
    config = dataset.config.model_copy(update={"group": GROUP, "fold": None})
    samples = [
        replace(
            sample,
            group=f"{GROUP}-{number}",
            fold="",
            split=sample.split if given_split else "",
        )
        for sample, number in zip(dataset.samples, copies.groups.tolist(), strict=True)
    ]
    grouped = replace(dataset, config=config)
    return grouped.with_samples(samples, f"groups proposed: {copies.sentence()}")


def copied_samples(split: Split, groups: NDArray[np.int64]) -> Indices:
    """The held-out samples that have a copy in training or validation; groups as cut_groups has."""
    known = {int(groups[index]) for index in (*split.train, *split.val)}
    return np.array([i for i in split.test if int(groups[i]) in known], np.intp)


def cut_groups(split: Split, groups: NDArray[np.int64]) -> CutGroups | None:
    """How `split` cuts `groups` (one number a sample of split.dataset); None where it does not."""
    known = np.concatenate([split.train, split.val])
    index_of = {int(groups[index]): int(index) for index in known}
    pairs = [
        (int(index), index_of[int(groups[index])])
        for index in split.test
        if int(groups[index]) in index_of
    ]
    if not pairs:
        return None
    paths = [split.dataset.samples[index].path for index in pairs[0]]
    return CutGroups(len(pairs), len(split.test), (paths[0], paths[1]))


def _same_bytes(dataset: Dataset, sets: DisjointSet) -> int:
    """Joins samples of different files with the same bytes; returns how many joins there were."""
    paths = sorted({sample.path for sample in dataset.samples})
    with ThreadPoolExecutor(max_workers=2) as workers:
        sums = dict(
            zip(paths, workers.map(lambda path: _digest(dataset, path), paths), strict=True)
        )
    by_sum: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(dataset.samples):
        by_sum[sums[sample.path]].append(index)
    joins = 0
    for first, second in itertools.chain.from_iterable(
        itertools.pairwise(indices) for indices in by_sum.values()
    ):
        joins += dataset.samples[first].path != dataset.samples[second].path
        sets.merge(first, second)
    return joins


def _digest(dataset: Dataset, path: str) -> str:
    try:
        return sha256_hex((dataset.root / path).read_bytes())
    except OSError as error:
        raise DatasetError(
            f"cannot be read ({error.strerror})", where=str(dataset.root / path), cure="check it"
        ) from error


def _pictures(dataset: Dataset, progress: Progress) -> Iterator[Image]:
    with progress.steps("fingerprints", len(dataset.samples)) as bar:
        indices = range(len(dataset.samples))
        for picture in in_turn(lambda index: read_picture(dataset, index), indices):
            yield picture
            bar.advance()
