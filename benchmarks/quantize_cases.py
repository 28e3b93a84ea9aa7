"""Every model of the trainer on the public sets, as `lineside-train fit` is called for it.

Epochs and image sizes are cut so that the whole table is trained in well under an hour on one core:
what is measured is the loss from float to int8, not how good a network gets. A case's title says
what was cut. A network that has learnt nothing has every score at its threshold, where rounding
alone flips verdicts: so images are made small rather than trainings short.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process_sets import ai4i_set, cmapss_set, skab_files, skab_set

Make = Callable[[Path, Path], Path]
"""(DATA_DIR, an empty folder of ours) -> the data set's folder."""

COPIED_BOTTLE = "test/good/137.jpg"
"""Nearly the same picture as train/good/119.jpg, as `lineside-train check` finds."""

GOOD_FOLDS = ("2", "3", "4")
"""Folds whose good tiles teach a detector; all other tiles are held out."""


@dataclass(frozen=True)
class Case:
    """One fit. folder: what must be there of DATA_DIR; words: further words of `fit`.

    epochs, size_px 0: the model's own, uncut. make: where the set lies otherwise than the trainer
    reads it.
    """

    folder: str
    model: str
    words: tuple[str, ...] = ()
    epochs: int = 0
    size_px: int = 0
    setting: str = ""
    make: Make | None = None
    weights: bool = False

    @property
    def name(self) -> str:
        """What the command line calls it."""
        return "-".join(word for word in (self.folder, self.setting, self.model) if word)

    @property
    def title(self) -> str:
        """What its rows are called."""
        words = " ".join(word for word in (self.folder, self.setting, self.model) if word)
        size = f" {self.size_px} px" if self.size_px else ""
        return f"{words}{size}" + (f", {self.epochs} epochs" if self.epochs else "")

    def options(self, folder: Path) -> list[str]:
        """All words of `fit` but the data set, the run and the weights."""
        words = ["--model", self.model, *self.words]
        words += ["--epochs", str(self.epochs)] if self.epochs else []
        if self.size_px:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "fit.toml").write_text(f"[image]\nsize_px = {self.size_px}\n")
            words += ["--config", str(folder / "fit.toml")]
        return words

    def dataset(self, data: Path, folder: Path) -> Path:
        """The folder that `fit` is given."""
        if self.make is None:
            return data / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        return self.make(data, folder)


def good_tiles(data: Path, folder: Path) -> Path:
    """Magnetic tiles of many sizes, good ones alone to learn from."""
    return _good_folds(data / "magnetic_tile", folder, "85", "MT_Free")


def good_castings(data: Path, folder: Path) -> Path:
    """Pump castings, good ones alone to learn from."""
    return _good_folds(data / "casting", folder, "98", "ok")


def bottles(data: Path, folder: Path) -> Path:
    """The bottles as they are given, less the held-out one that has a copy among the good ones."""
    source = data / "mvtec_bottle"
    rows = []
    for split in ("train", "test"):
        for path in sorted((source / split).rglob("*.*")):
            place = path.relative_to(source).as_posix()
            if place != COPIED_BOTTLE:
                rows.append((f"bottles/{place}", path.parent.name, place, split))
    return _good_only(folder, "bottles", source, rows, "good")


def screws(data: Path, folder: Path) -> Path:
    """Photos of four screws; the name ends in 1 for each that is there, 0 for one that is not."""
    (folder / "photos").symlink_to((data / "assembly_screws").absolute())
    rows = []
    for path in sorted((data / "assembly_screws" / "train_val_set").glob("*.jpg")):
        state = "complete" if path.stem.endswith("1111") else "missing"
        rows.append((f"photos/train_val_set/{path.name}", state, path.stem.split("_")[0]))
    _write_table(folder / "labels.csv", ("path", "label", "photo"), rows)
    text = 'task = "image-class"\ngood = ["complete"]\nlabels = "labels.csv"\ngroup = "photo"\n'
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder


def pump(data: Path, folder: Path) -> Path:
    """One file of SKAB by its owner's protocol."""
    return skab_set(skab_files(data)[0], folder)


def steel(data: Path, folder: Path) -> Path:
    """Steel plates: 27 features, one of seven faults each."""
    with (data / "steel_plates" / "SteelPlatesFaults_Clean.csv").open(encoding="utf-8") as stream:
        table = list(csv.reader(stream))
    head, faults = table[0], table[0][27:]
    rows = [[*row[:27], faults[[float(cell) for cell in row[27:]].index(1.0)]] for row in table[1:]]
    _write_table(folder / "plates.csv", (*head[:27], "fault"), rows)
    text = 'task = "tabular-class"\ngood = []\n\n[tabular]\nfile = "plates.csv"\nlabel = "fault"\n'
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder


def _good_folds(source: Path, folder: Path, alike: str, good: str) -> Path:
    """Good parts of GOOD_FOLDS learn, all others are held out; `alike` names the groups' column."""
    with (source / "groups.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    rows = []
    for row in table:
        learns = row["label"] == good and row[f"fold{alike}"] in GOOD_FOLDS
        split = "train" if learns else "test"
        rows.append((f"parts/{row['path']}", row["label"], row[f"group{alike}"], split))
    return _good_only(folder, "parts", source, rows, good)


def _good_only(
    folder: Path, link: str, source: Path, rows: list[tuple[str, str, str, str]], good: str
) -> Path:
    (folder / link).symlink_to(source.absolute())
    _write_table(folder / "labels.csv", ("path", "label", "group", "split"), rows)
    text = f'task = "image-anomaly"\ngood = ["{good}"]\nlabels = "labels.csv"\ngroup = "group"\n'
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder


def _write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as sink:
        table = csv.writer(sink)
        table.writerow(head)
        table.writerows(rows)


FOLD = ("--held-out", "0")
FOLDS = ("--held-out", "0", "--held-out", "1")
TWINS = ("--group", "near_duplicates")
"""Near copies on one side of the split."""

LOAD = ("--group", "load", "--held-out", "3")

CASES = (
    Case("casting", "cnn", FOLD, epochs=25, size_px=80),
    Case("casting", "transfer", FOLD, epochs=1, weights=True),
    Case("casting", "padim", setting="good-only", make=good_castings, weights=True),
    Case("magnetic_tile", "cnn", FOLDS, epochs=30, size_px=80),
    Case("magnetic_tile", "transfer", FOLDS, epochs=1, weights=True),
    Case("magnetic_tile", "padim", setting="good-only", make=good_tiles, weights=True),
    Case("magnetic_tile", "patchcore", setting="good-only", make=good_tiles, weights=True),
    Case("neu_surface", "cnn", TWINS, epochs=20, size_px=80),
    Case("neu_surface", "transfer", TWINS, epochs=1, weights=True),
    Case("assembly_screws", "cnn", epochs=40, size_px=96, make=screws),
    Case("assembly_screws", "transfer", epochs=2, make=screws, weights=True),
    Case("mvtec_bottle", "padim", make=bottles, weights=True),
    Case("mvtec_bottle", "patchcore", make=bottles, weights=True),
    Case("mvtec_bottle", "auto-anomaly", make=bottles, weights=True),
    Case("mvtec_bottle", "autoencoder", epochs=5, make=bottles),
    Case("ball_screw_pitting", "local", weights=True),
    Case("cwru", "conv1d", LOAD, setting="load"),
    Case("cwru", "conv1d", setting="bearing"),
    Case("hitsm_mfs", "conv1d"),
    Case("hitsm_mfs", "gru-spectra", epochs=10),
    Case("ceiling_fan", "conv1d-autoencoder"),
    Case("ceiling_fan", "mahalanobis"),
    Case("ai4i2020", "mlp", make=ai4i_set),
    Case("steel_plates", "mlp", make=steel),
    Case("cmapss", "conv1d-rows", epochs=4, make=cmapss_set),
    Case("cmapss", "gru", epochs=2, make=cmapss_set),
    Case("skab", "hotelling", make=pump),
)
"""Every architecture of trainer/models occurs; a test holds that."""
