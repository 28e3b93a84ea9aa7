"""Near-duplicate images under rotation, flip, stretch, brightness and crop, without a network.

1. Each image becomes a grey thumbnail of 96 x 96 px; slow shading is subtracted, so that
   brightness and contrast do not matter.
2. Detail is divided by its strength around each place, as in 3. The magnitudes of its Fourier
   transform within a round window do not change when the image is shifted, and turn with it (Reddy
   & Chatterji, IEEE Trans. Image Processing 5(8), 1996). They are read in polar coordinates; the
   magnitudes of their own transform along the angle do not change by turning or mirroring either
   (De Castro & Morandi, IEEE PAMI 9(5), 1987). Whole images are compared with the
   middles of others, so that a crop meets what it was cut from, wherever it was cut; once as the
   thumbnails are, which meets a stretched copy, and once in their true proportions, which meets a
   turned copy of an image that is not square. The nearest neighbours are the candidates.
3. A candidate is turned and shifted onto the image by the peaks of circular and phase correlation,
   and registered by an affine ECC fit (Evangelidis & Psarakis, IEEE PAMI 30(10), 2008). The score
   is the correlation of fine detail: what a 2 px blur removes, divided by its strength around each
   place. Parts of one design share every outline, and outlines are the strongest detail; divided,
   they count no more than the grain, dirt and wear between them, which no two parts share.
4. Duplicates exceed the score of 98 % of this data set's random pairs by a third in Fisher's z,
   in which correlations near 1 are as far apart as their errors allow.

Cost: two matrix products over all pairs of descriptors, then a few registrations (about 2 ms each)
an image. Memory: about 60 kB an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet

from edge_agent.contracts.core.types import Image
from trainer.data.image.spectrum import angles_between, spectrum, turns_of

Float = NDArray[np.float32]
Affine = NDArray[np.float32]
"""float32 (2, 3): an affine map from places of one image to places of another."""

SIDE_PX = 96
FIT_PX = 64
RANDOM_PAIRS = 200
LEAST_AGREEMENT, MOST_AGREEMENT = 0.8, 0.96
"""Bounds of the score of duplicates. Copies of 320 photographs of castings score 0.98 and more, of
faint lenses 0.83 and more, cropped copies of simulated flanges 0.96; different lenses and flanges
stay under 0.76 and 0.83 in 99 of 100 nearest neighbours."""

MARGIN = 1.35
"""Duplicates against random pairs, in Fisher's z (the inverse hyperbolic tangent)."""

ZOOMS = (1.0, 0.9, 0.8)
"""Sides of the middles that are compared with whole images."""


@dataclass(frozen=True)
class View:
    """A middle of an image; `true`: in its true proportions, cut to a square."""

    zoom: float
    true: bool


VIEWS = tuple(View(zoom, true) for true in (False, True) for zoom in ZOOMS)
_COMPARED = [
    (one, other)
    for one, first in enumerate(VIEWS)
    for other, second in enumerate(VIEWS)
    if first.true == second.true and 1.0 in (first.zoom, second.zoom)
]
"""Pairs of places in VIEWS: a whole image against every middle of the same proportions."""

NEIGHBOURS = 24
GIVE_UP_AFTER = 6
"""Candidates of one image refused in a row before its search ends."""

LEAST_OVERLAP = 0.3
CONTRAST_PX = 2.0
"""Sigma of the window in which detail is measured against its own strength."""

LEAST_CONTRAST = 0.5
"""Variance in grey levels that rounding and compression leave where there is nothing to see."""

_EVERYWHERE = np.full((FIT_PX, FIT_PX), 255, np.uint8)
_LIMITS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 25, 1e-3)


@dataclass(frozen=True)
class Duplicate:
    """Two places in the list of images, and how well their detail agrees (at most 1)."""

    first: int
    second: int
    agreement: float


@dataclass(frozen=True)
class Fingerprints:
    """What the search keeps of N images.

    thumbnails: float32 (N, 96, 96), lightly smoothed; shapes: float32 (N, 64, 64), without shading;
    turns: complex64 (N, V, 33, 29), transform along the angle of the spectrum of each of VIEWS;
    descriptors: float32 (N, V, D), rows of length 1; sides: float32 (N, 2), width and height in
    units of the shorter one.
    """

    thumbnails: Float
    shapes: Float
    turns: NDArray[np.complex64]
    descriptors: Float
    sides: Float

    def __len__(self) -> int:
        return len(self.thumbnails)


@dataclass(frozen=True)
class Candidate:
    """A pair worth a registration, and in which view of either (a place in VIEWS) they agree."""

    first: int
    second: int
    views: tuple[int, int]


def fingerprint(images: Iterable[Image]) -> Fingerprints:
    """Fingerprints of RGB images of any sizes; the pictures themselves are not kept."""
    small: list[Float] = []
    shapes: list[Float] = []
    turns: list[list[NDArray[np.complex64]]] = []
    sides: list[tuple[int, int]] = []
    for image in images:
        picture = _thumbnail(image)
        shape = _without_shading(picture)
        turns.append(_views(image, picture))
        small.append(np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.float32))
        shapes.append(_shrunk(shape))
        sides.append((image.shape[1], image.shape[0]))
    rows = np.abs(np.stack(turns)[:, :, 1:]).reshape(len(small), len(VIEWS), -1)
    extent = np.array(sides, np.float32)
    return Fingerprints(
        thumbnails=np.stack(small),
        shapes=np.stack(shapes),
        turns=np.stack(turns),
        descriptors=rows / (np.linalg.norm(rows, axis=2, keepdims=True) + 1e-9),
        sides=extent / extent.min(axis=1, keepdims=True),
    )


def _views(image: Image, thumbnail: Float) -> list[NDArray[np.complex64]]:
    """What `turns` holds of an image; a square one has its true proportions already."""
    level = _level_detail(thumbnail)
    stretched = [turns_of(spectrum(level, zoom)) for zoom in ZOOMS]
    if image.shape[0] == image.shape[1]:
        return [*stretched, *stretched]
    square = _level_detail(_thumbnail(_square(image)))
    return [*stretched, *(turns_of(spectrum(square, zoom)) for zoom in ZOOMS)]


def find_near_duplicates(prints: Fingerprints, *, neighbours: int = NEIGHBOURS) -> list[Duplicate]:
    """Pairs that are one photograph, enough of them to connect each set of copies."""
    if len(prints) < 2:
        return []
    limit = duplicate_limit(prints)
    sets, failures = DisjointSet(range(len(prints))), np.zeros(len(prints), np.int64)
    asked: set[tuple[int, int]] = set()
    duplicates: list[Duplicate] = []
    with ThreadPoolExecutor(max_workers=2) as workers:
        for nearest in _candidates(prints, neighbours):
            pairs = _still_open(nearest, sets, failures, asked)
            scores = workers.map(lambda pair: agreement(prints, pair, limit), pairs)
            for pair, score in zip(pairs, scores, strict=True):
                if score < limit:
                    failures[pair.first] += 1
                    continue
                duplicates.append(Duplicate(pair.first, pair.second, score))
                sets.merge(pair.first, pair.second)
                failures[pair.first] = 0
    return duplicates


def duplicate_limit(prints: Fingerprints, seed: int = 0) -> float:
    """The score from which a pair of this data set is a duplicate, from random pairs of it."""
    rng = np.random.default_rng(seed)
    draws = np.sort(rng.integers(0, len(prints), (RANDOM_PAIRS, 2)), axis=1)
    drawn = np.unique(draws, axis=0).tolist()  # of few images each pair is drawn again and again
    pairs = [Candidate(first, second, (0, 0)) for first, second in drawn if first != second]
    with ThreadPoolExecutor(max_workers=2) as workers:
        scores = list(workers.map(lambda pair: agreement(prints, pair), pairs))
    usual = float(np.clip(np.quantile(scores, 0.98), 0, 0.999)) if scores else LEAST_AGREEMENT
    return float(np.clip(np.tanh(MARGIN * np.arctanh(usual)), LEAST_AGREEMENT, MOST_AGREEMENT))


def agreement(prints: Fingerprints, pair: Candidate, enough: float = 2.0) -> float:
    """Correlation of the fine detail of two images after the best registration, -1 to 1.

    The second mirror image is not tried when the first reaches `enough`.
    """
    starts = [(flipped, *_start(prints, pair, flipped=flipped)) for flipped in (False, True)]
    starts.sort(key=lambda start: -start[2])
    best = -1.0
    for flipped, transform, _ in starts:
        fitted = _fitted(prints, pair, transform, flipped=flipped)
        if fitted is not None:
            best = max(best, _detail_correlation(prints, pair, fitted, flipped=flipped))
        if best >= enough:
            break
    return best


def connect(count: int, duplicates: Sequence[Duplicate]) -> NDArray[np.int64]:
    """A group number for each of `count` images; duplicates, and copies of copies, share one."""
    sets = DisjointSet(range(count))
    for pair in duplicates:
        sets.merge(pair.first, pair.second)
    return numbered(sets, count)


def numbered(sets: DisjointSet, count: int) -> NDArray[np.int64]:
    """(count,): a number for every place, from 0; places of one set share it."""
    roots = [int(sets[index]) for index in range(count)]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _candidates(prints: Fingerprints, neighbours: int) -> list[list[Candidate]]:
    """Each image's likeliest duplicates: first all nearest ones, then all second nearest, ..."""
    count = len(prints)
    keep = min(neighbours, count - 1)
    ranks: list[list[Candidate]] = [[] for _ in range(keep)]
    for start in range(0, count, 512):
        indices = np.arange(start, min(start + 512, count))
        likeness = np.stack(
            [prints.descriptors[indices, a] @ prints.descriptors[:, b].T for a, b in _COMPARED]
        )
        best = likeness.max(axis=0)
        best[indices - start, indices] = -np.inf
        nearest = np.argsort(-best, axis=1)[:, :keep]
        for row, index in enumerate(indices.tolist()):
            for rank, other in enumerate(nearest[row].tolist()):
                views = _COMPARED[int(likeness[:, row, other].argmax())]
                ranks[rank].append(Candidate(index, other, views))
    return ranks


def _still_open(
    nearest: list[Candidate],
    sets: DisjointSet,
    failures: NDArray[np.int64],
    asked: set[tuple[int, int]],
) -> list[Candidate]:
    """The candidates of this rank that no earlier answer has settled."""
    chosen: list[Candidate] = []
    for pair in nearest:
        key = (min(pair.first, pair.second), max(pair.first, pair.second))
        if failures[pair.first] >= GIVE_UP_AFTER or key in asked:
            continue
        if not sets.connected(pair.first, pair.second):
            asked.add(key)
            chosen.append(pair)
    return chosen


def _start(prints: Fingerprints, pair: Candidate, *, flipped: bool) -> tuple[Affine, float]:
    """Where the second image lies on the first by its turn, zoom and shift, and how well."""
    target = prints.shapes[pair.first]
    moving = _mirrored(prints.shapes[pair.second], flipped=flipped)
    one, other = (
        prints.turns[place, view]
        for place, view in zip((pair.first, pair.second), pair.views, strict=True)
    )
    first, second = (VIEWS[view] for view in pair.views)
    sides = prints.sides[[pair.first, pair.second]] if first.true else np.ones((2, 2), np.float32)
    # The spectrum of a picture is that of the picture turned by half a turn.
    starts = [
        _shifted(target, moving, _similarity(angle + half, second.zoom / first.zoom, sides))
        for angle in angles_between(one, other, flipped=flipped)
        for half in (0.0, np.pi)
    ]
    return max(starts, key=lambda start: start[1])


def _shifted(target: Float, moving: Float, transform: Affine) -> tuple[Affine, float]:
    """`transform` with the shift that phase correlation finds, where that fits better."""
    turned = _warped(moving, transform, FIT_PX)
    window = cv2.createHanningWindow((FIT_PX, FIT_PX), cv2.CV_32F)
    # OpenCV 5 multiplies the window into its arguments, hence the copies
    (right, down), _ = cv2.phaseCorrelate(target.copy(), turned.copy(), window)
    moved = transform.copy()
    moved[:, 2] += transform[:, :2] @ np.array([right, down], np.float32)
    fits = [_likeness(target, turned), _likeness(target, _warped(moving, moved, FIT_PX))]
    return (moved, fits[1]) if fits[1] > fits[0] else (transform, fits[0])


def _likeness(target: Float, moved: Float) -> float:
    return float(np.vdot(target, moved)) / (float(np.linalg.norm(moved)) + 1e-6)


def _fitted(
    prints: Fingerprints, pair: Candidate, transform: Affine, *, flipped: bool
) -> Affine | None:
    """The affine map (2, 3) from places of the first to places of the second at FIT_PX."""
    target = prints.shapes[pair.first]
    moving = _mirrored(prints.shapes[pair.second], flipped=flipped)
    try:
        fit, fitted = cv2.findTransformECC(
            target, moving, transform.copy(), cv2.MOTION_AFFINE, _LIMITS, _EVERYWHERE, 3
        )
    except cv2.error:
        return None
    return np.asarray(fitted, np.float32) if fit > 0.4 else None


def _detail_correlation(
    prints: Fingerprints, pair: Candidate, transform: Affine, *, flipped: bool
) -> float:
    """Pearson correlation of the detail at equal local contrast, over the overlap."""
    wide = transform.copy()
    ratio = SIDE_PX / FIT_PX
    wide[:, 2] = wide[:, 2] * ratio + (ratio - 1) / 2 * (1 - wide[:, :2].sum(axis=1))
    moving = _mirrored(prints.thumbnails[pair.second], flipped=flipped)
    inside = _warped(np.ones_like(moving), wide, SIDE_PX) > 0.99
    inside = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & _DISC
    if inside.mean() < LEAST_OVERLAP:
        return -1.0
    one = _detail(prints.thumbnails[pair.first])
    other = _detail(_warped(moving, wide, SIDE_PX))
    weight = 1 / _local_contrast(one, other)[inside]
    one, other = one[inside] * weight, other[inside] * weight
    one, other = one - one.mean(), other - other.mean()
    strength = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.vdot(one, other)) / strength if strength > 1.0 else -1.0


def _detail(picture: Float) -> Float:
    return picture - cv2.GaussianBlur(picture, (0, 0), 2.0)


def _level_detail(picture: Float) -> Float:
    """The detail at equal local contrast: outlines, which parts of one design share, count no
    more in the search than in the score."""
    detail = _detail(picture)
    return detail / _local_contrast(detail, np.zeros_like(detail))


def _local_contrast(one: Float, other: Float) -> Float:
    """The standard deviation of both details around each place: what an outline is divided by."""
    energy = cv2.GaussianBlur(one * one + other * other, (0, 0), CONTRAST_PX)
    return np.asarray(np.sqrt(energy + LEAST_CONTRAST), np.float32)


def _warped(picture: Float, transform: Affine, side: int) -> Float:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, transform, (side, side), flags=flags), np.float32)


def _mirrored(picture: Float, *, flipped: bool) -> Float:
    return np.ascontiguousarray(picture[::-1]) if flipped else picture


def _similarity(angle: float, zoom: float, sides: Float) -> Affine:
    """Turn about the middle and zoom, at FIT_PX; sides: (2, 2), true sides of both images."""
    middle = np.full(2, (FIT_PX - 1) / 2)
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    turn = np.diag(1 / sides[1]) @ np.array([[c, s], [-s, c]]) @ np.diag(sides[0])
    return np.column_stack([turn, middle - turn @ middle]).astype(np.float32)


def _square(image: Image) -> Image:
    """The middle of the image, as wide as high."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def _thumbnail(image: Image) -> Float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)


def _without_shading(picture: Float) -> Float:
    rest = picture - cv2.GaussianBlur(picture, (0, 0), SIDE_PX / 8)
    return np.asarray(rest / (rest.std() + 1e-3), np.float32)


def _shrunk(shape: Float) -> Float:
    return np.asarray(cv2.resize(shape, (FIT_PX, FIT_PX), interpolation=cv2.INTER_AREA), np.float32)


_GRID = np.arange(SIDE_PX) - (SIDE_PX - 1) / 2
_DISC = np.hypot(_GRID[:, None], _GRID[None, :]) < SIDE_PX / 2 - 1
