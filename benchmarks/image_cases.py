"""The image benchmarks as one table: data, model, split, and the figures meant to be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.image_splits import (
    Splits,
    drawn_folds,
    folds_of,
    given_split,
    given_without_look_alikes,
    good_folds,
    good_ones,
    good_ones_as_given,
)
from benchmarks.made_screws import write_screws
from benchmarks.rows import Row
from benchmarks.twin_backgrounds import write_other, write_plain
from benchmarks.twin_small_flaws import write_twin
from benchmarks.twin_strips import write_strips
from edge_agent.contracts.image.input import ImageInput, part_shown, place_of
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.config.fit import Scalar
from trainer.data.image.masks import as_picture, picture_mask
from trainer.data.prepare import read_picture
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.evaluation.outcome import Outcome, figures
from trainer.statistics.metrics import auroc

MASK_PX = 80


@dataclass(frozen=True)
class Case:
    """One benchmark. reach, floor: figure -> value meant to be reached, known to be possible;
    standardise: whether all pictures are brought to the same grey levels, or as the model wants;
    cut_out: whether small parts are cut out of their frames, or as is compared;
    make: what writes the set into a folder, where it does not lie in DATA_DIR; options: those of
    the model that differ from its default.
    """

    name: str
    folder: str
    model: str
    splits: Splits
    reach: Mapping[str, float]
    floor: Mapping[str, float] = field(default_factory=dict)
    detects: bool = False
    standardise: bool | None = None
    make: Callable[[Path], object] | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
    cut_out: bool | None = None


@dataclass(frozen=True)
class Part:
    """One fit: held-out samples by int8 and by float, and what it cost. heat: (N, G, G) or None;
    input: how parts are prepared before they are judged.
    """

    split: Split
    int8: Outcome
    float_: Outcome
    latency_ms: float
    model_bytes: int
    train_s: float
    heat: NDArray[np.float32] | None = None
    input: ImageInput | None = None

    def said(self) -> dict[str, float]:
        """Every figure of the int8 model, for people who wait."""
        found = {name: figure.value for name, figure in figures(self.int8).items()}
        return {**found, "train_s": self.train_s, "latency_ms": self.latency_ms}


def present(case: Case, data: Path) -> bool:
    """Whether the case's data lie in `data`, or are made."""
    return case.make is not None or (data / case.folder).is_dir()


@contextmanager
def root_of(case: Case, data: Path) -> Iterator[Path]:
    """The folder of the case's set; one that was made is removed at the end."""
    if case.make is None:
        yield data / case.folder
        return
    with TemporaryDirectory(prefix="lineside-") as made:
        case.make(Path(made))
        yield Path(made)


def pooled_figures(case: Case, parts: list[Part]) -> list[Row]:
    """Rows over the held-out samples of all parts together."""
    after = figures(_pooled([part.int8 for part in parts]))
    before = figures(_pooled([part.float_ for part in parts]))
    wanted = [name for name in after if name in case.reach]
    rows = [_row(case, name, after[name]) for name in wanted]
    lost = "auroc" if case.detects else "accuracy"
    rows.append(
        Row(
            f"{case.name} {lost} lost by int8",
            before[lost].value - after[lost].value,
            "lower",
            n=after[lost].n,
            reach=0.005,
        )
    )
    if parts[0].heat is not None and "pixel_auroc" in case.reach:
        value, count = pixel_auroc(parts)
        rows.append(
            Row(
                f"{case.name} pixel AUROC int8",
                value,
                "higher",
                n=count,
                reach=case.reach["pixel_auroc"],
            )
        )
    return rows + _cost_rows(case, parts)


def pixel_auroc(parts: list[Part]) -> tuple[float, int]:
    """AUROC of heat-map pixels of all parts against their masks (MASK_PX squared an image)."""
    truth, scores = [], []
    for part in parts:
        if part.heat is None:
            raise ValueError("a detector without heat map")
        for heat, index in zip(part.heat, part.split.test, strict=True):
            truth.append(_mask(part.split.dataset, int(index), part.input).ravel())
            grown = cv2.resize(heat, (MASK_PX, MASK_PX), interpolation=cv2.INTER_LINEAR)
            scores.append(np.asarray(grown, np.float64).ravel())
    return auroc(np.concatenate(truth), np.concatenate(scores)), len(truth)


def _pooled(outcomes: list[Outcome]) -> Outcome:
    first = outcomes[0]
    return replace(
        first,
        truth=np.concatenate([one.truth for one in outcomes]),
        predicted=np.concatenate([one.predicted for one in outcomes]),
        scores=np.concatenate([one.scores for one in outcomes]),
        rejected=np.concatenate([one.rejected for one in outcomes]),
        groups=[group for one in outcomes for group in one.groups],
    )


def _row(case: Case, name: str, figure: Metric) -> Row:
    return Row(
        f"{case.name} {name.replace('_', ' ')} int8",
        figure.value,
        "lower" if name == "false_reject" else "higher",
        n=figure.n,
        ci95=figure.ci95,
        reach=case.reach[name],
        floor=case.floor.get(name),
    )


def _cost_rows(case: Case, parts: list[Part]) -> list[Row]:
    slowest = max(part.train_s for part in parts)
    latency = float(np.median([part.latency_ms for part in parts]))
    size = max(part.model_bytes for part in parts) / 1e6
    reach = 8.0 if case.detects else None
    return [
        Row(f"{case.name} training of one part", slowest, "lower", "s", len(parts), reach=600.0),
        Row(
            f"{case.name} processor time of one frame, one thread",
            latency,
            "lower",
            "ms",
            len(parts),
            reach=reach,
        ),
        Row(f"{case.name} model", size, "lower", "MB", reach=4.0 if case.detects else None),
    ]


def _mask(dataset: Dataset, index: int, spec: ImageInput | None) -> NDArray[np.bool_]:
    """The image's own mask or the one beside it; nothing where the part is good."""
    path = dataset.file(index).with_suffix(".png")
    known = path.is_file() and path != dataset.file(index)
    if dataset.samples[index].masks:
        pixels = picture_mask(dataset, index)
    else:
        beside = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if known else None
        if beside is None:
            return np.zeros((MASK_PX, MASK_PX), np.bool_)
        pixels = np.asarray(beside, np.uint8)
    if spec and (spec.align or spec.cut_out):
        place = place_of(read_picture(dataset, index), spec)
        pixels = part_shown(as_picture(np.asarray(pixels, np.uint8)), place, spec)[:, :, 0]
    shares = (pixels > 127).astype(np.float32)
    return cv2.resize(shares, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA) > 0.5


AT_ITS_OWN = {"detected": 0.98, "false_reject": 0.01}
"""What a detector is to reach at the threshold that it chose from good parts."""

_SCREWS = Case(
    "screws_good_only",
    "",
    "auto-anomaly",
    good_ones_as_given,
    {"auroc": 0.96, "recall_at_1pct_false_reject": 0.85, "pixel_auroc": 0.95, **AT_ITS_OWN},
    detects=True,
    make=write_screws,
)
_STRIPS = Case(
    "twin_strips",
    "",
    "patchcore",
    good_ones_as_given,
    {"auroc": 0.98, "recall_at_1pct_false_reject": 0.85, **AT_ITS_OWN},
    detects=True,
    make=write_strips,
)
_PLAIN_TABLE = replace(
    _STRIPS,
    name="twin_tables_plain",
    standardise=False,
    make=write_plain,
    options={"foreground": "on"},
)
_OTHER_TABLE = replace(_PLAIN_TABLE, name="twin_tables_other", make=write_other)
_EVERYWHERE = replace(
    _OTHER_TABLE, name="twin_tables_other_everywhere", options={"foreground": "off"}
)

CASES = (
    Case(
        "casting_fold98",
        "casting",
        "transfer",
        folds_of("fold98", "group98"),
        {"accuracy": 0.99, "macro_f1": 0.98},
        {"accuracy": 0.978, "macro_f1": 0.965},
        standardise=True,
    ),
    Case(
        "casting_fold95",
        "casting",
        "transfer",
        folds_of("fold95", "group95"),
        {"accuracy": 0.99, "macro_f1": 0.98},
        {"accuracy": 0.978, "macro_f1": 0.965},
        standardise=True,
    ),
    Case(
        "tiles_fold85",
        "magnetic_tile",
        "transfer",
        folds_of("fold85", "group85"),
        {"accuracy": 0.95, "macro_f1": 0.93},
        {"accuracy": 0.885, "macro_f1": 0.849},
    ),
    Case(
        "tiles_fold75",
        "magnetic_tile",
        "transfer",
        folds_of("fold75", "group75"),
        {"accuracy": 0.90, "macro_f1": 0.87},
        {"accuracy": 0.818, "macro_f1": 0.780},
    ),
    Case(
        "tiles_good_only",
        "magnetic_tile",
        "padim",
        good_ones("fold85", "group85"),
        {"auroc": 0.96, "recall_at_1pct_false_reject": 0.70, "pixel_auroc": 0.95},
        {"auroc": 0.933, "recall_at_1pct_false_reject": 0.44},
        detects=True,
    ),
    Case(
        "tiles_good_only_patches",
        "magnetic_tile",
        "patchcore",
        good_ones("fold85", "group85"),
        {"auroc": 0.96, "recall_at_1pct_false_reject": 0.70, "pixel_auroc": 0.95},
        {"auroc": 0.774},
        detects=True,
    ),
    Case(
        "casting_good_only",
        "casting",
        "auto-anomaly",
        good_ones("fold98", "group98"),
        {"auroc": 0.945, "recall_at_1pct_false_reject": 0.27},
        {"auroc": 0.945, "recall_at_1pct_false_reject": 0.27},
        detects=True,
    ),
    Case(
        "neu_surface",
        "neu_surface",
        "transfer",
        given_split,
        {"accuracy": 0.995},
        {"accuracy": 0.98},
    ),
    Case(
        "bottle_good_only",
        "mvtec_bottle",
        "patchcore",
        given_split,
        {"auroc": 1.0, "detected": 0.98, "false_reject": 0.0},
        {"auroc": 1.0},
        detects=True,
    ),
    Case(
        "bottle_good_only_gaussian",
        "mvtec_bottle",
        "padim",
        given_split,
        {"auroc": 1.0, "detected": 0.98, "false_reject": 0.0},
        {"auroc": 1.0},
        detects=True,
    ),
    Case(
        "tiles_good_only_folds",
        "magnetic_tile",
        "padim",
        good_folds("fold85", "group85"),
        {"auroc": 0.96, "recall_at_1pct_false_reject": 0.70, "pixel_auroc": 0.93, **AT_ITS_OWN},
        detects=True,
    ),
    Case(
        "casting_good_only_folds",
        "casting",
        "auto-anomaly",
        good_folds("fold98", "group98"),
        {"auroc": 0.975, "recall_at_1pct_false_reject": 0.80, **AT_ITS_OWN},
        detects=True,
    ),
    Case(
        "lens_good_only",
        "lens_flaws",
        "auto-anomaly",
        given_without_look_alikes,
        {"auroc": 0.90, "recall_at_1pct_false_reject": 0.45, **AT_ITS_OWN},
        detects=True,
    ),
    Case(
        "cookie_good_only",
        "cookie",
        "auto-anomaly",
        given_split,
        {"auroc": 0.95, **AT_ITS_OWN},
        detects=True,
    ),
    Case(
        "pitting_places",
        "ball_screw_pitting",
        "auto",
        drawn_folds,
        {"average_precision": 0.90, "recall_at_1pct_false_reject": 0.60},
    ),
    Case(
        "twin_good_only",
        "",
        "auto-anomaly",
        good_ones_as_given,
        {"auroc": 0.98, "recall_at_1pct_false_reject": 0.85, "pixel_auroc": 0.95, **AT_ITS_OWN},
        detects=True,
        make=write_twin,
    ),
    _SCREWS,
    replace(_SCREWS, name="screws_good_only_whole", cut_out=False),
    _PLAIN_TABLE,
    _OTHER_TABLE,
    _EVERYWHERE,
    _STRIPS,
    replace(_STRIPS, name="twin_strips_squeezed", options={"aspect": "square"}),
    Case(
        "twin_lots",
        "",
        "auto",
        drawn_folds,
        {"auroc": 0.98, "recall_at_1pct_false_reject": 0.85},
        make=write_twin,
    ),
    Case(
        "road_crack_photos",
        "road_crack_tiles",
        "transfer",
        drawn_folds,
        {"average_precision": 0.98},
    ),
)
"""Every case; `--only` takes their names."""
