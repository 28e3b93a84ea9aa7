from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import DatasetError
from tests.trainer.conftest import make_images
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.image.near_duplicates import survey_copies
from trainer.data.load import load_dataset
from trainer.data.split_guard import guard

PARTS = 6


def casting(seed: int, scratched: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    canvas = np.full((96, 96), 90.0)
    canvas += cv2.GaussianBlur(rng.normal(0, 120, (96, 96)), (0, 0), 2)
    if scratched:
        cv2.line(canvas, (20, 30), (70, int(rng.integers(30, 80))), 250, 2)
    return np.clip(canvas, 0, 255).astype(np.uint8)


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """train/ and test/ folders in which every test picture is a turned training picture."""
    for number in range(PARTS):
        label = "scratch" if number % 2 else "ok"
        picture = casting(number, label == "scratch")
        for split, turns in (("train", 0), ("test", 1), ("train", 2)):
            folder = tmp_path / split / label
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number}_{turns}.png"), np.rot90(picture, turns))
    return tmp_path


def test_a_given_split_that_shares_copies_is_refused(leaking: Path) -> None:
    dataset = load_dataset(leaking)
    with pytest.raises(DatasetError, match=r"6 of 6 held-out .* --allow shared-copies"):
        guard(dataset, FitConfig(), [], SilentProgress())


def add_new_parts(root: Path, first: int = PARTS, count: int = 4) -> None:
    """Test pictures of further parts, which have no copy anywhere."""
    for number in range(first, first + count):
        label = "scratch" if number % 2 else "ok"
        picture = casting(number, label == "scratch")
        cv2.imwrite(str(root / "test" / label / f"{number}.png"), picture)


def test_the_waiver_keeps_the_given_split_and_takes_the_copies_apart(leaking: Path) -> None:
    add_new_parts(leaking)
    found = guard(load_dataset(leaking), FitConfig(), ["shared-copies"], SilentProgress())
    samples = found.split.dataset.samples
    names = {name: sorted(Path(samples[i].path).stem for i in part) for name, part in (
        ("test", found.split.test), ("copied", found.copied)
    )}  # fmt: skip
    assert names == {
        "test": [str(number) for number in range(PARTS, PARTS + 4)],
        "copied": [f"{number}_1" for number in range(PARTS)],
    }
    assert {samples[i].split for i in (*found.split.train, *found.split.val)} == {"train"}
    groups = found.split.dataset.groups()
    assert not {groups[i] for i in found.split.train} & {groups[i] for i in found.split.val}


def test_the_waiver_is_no_use_where_every_held_out_sample_has_a_copy(leaking: Path) -> None:
    with pytest.raises(DatasetError, match="all 6 held-out samples have a copy"):
        guard(load_dataset(leaking), FitConfig(), ["shared-copies"], SilentProgress())


def test_the_largest_groups_are_handed_to_the_report(leaking: Path) -> None:
    add_new_parts(leaking)
    found = guard(load_dataset(leaking), FitConfig(), ["shared-copies"], SilentProgress())
    assert len(found.largest) == 3
    first = found.largest[0]
    assert first.samples == 3
    (number,) = {Path(path).stem.split("_")[0] for path in first.paths}
    assert first.labels == ["scratch" if int(number) % 2 else "ok"]


def test_groups_writes_a_page_with_pictures_of_the_largest_groups(
    leaking: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("pages") / "copies.html"
    assert main(["groups", str(leaking), "--page", str(target)]) == 3
    text = target.read_text()
    assert text.count("data:image/jpeg;base64,") == 9
    assert text.count(": 3 copies, label") == 3
    assert "held-out samples have a copy in training" in text
    assert "http" not in text, "the page loads nothing"


def test_check_writes_a_page_with_its_table_and_the_largest_groups(
    leaking: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("pages") / "check.html"
    assert main(["check", str(leaking), "--page", str(target)]) == 0
    text = target.read_text()
    for part in (
        "<td>scratch</td>",
        "labels: folder names",
        "Largest group: 3 copies",
        "18 of 18 samples are copies",
    ):
        assert part in text


def test_a_page_does_not_take_the_place_of_a_picture(leaking: Path) -> None:
    picture = next(leaking.rglob("*.png"))
    before = picture.read_bytes()
    assert main(["groups", str(leaking), "--page", str(picture)]) == 2
    assert picture.read_bytes() == before


def test_near_duplicates_as_groups_split_by_the_copies_found(leaking: Path) -> None:
    found = guard(load_dataset(leaking), FitConfig(group="near_duplicates"), [], SilentProgress())
    assert not len(found.copied)
    assert "groups by 'near_duplicates'" in found.split.protocol


def test_named_groups_are_kept(tmp_path: Path) -> None:
    plates = load_dataset(make_images(tmp_path / "plates", groups=8, each=2))
    found = guard(plates, FitConfig(), [], SilentProgress())
    assert "groups by 'plate'" in found.split.protocol


def test_groups_says_what_it_found_and_writes_it(
    leaking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "copies.csv"
    assert main(["groups", str(leaking), "--json", "--out", str(out)]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["groups"], said["copied"], said["shared_with_held_out"]) == (
        PARTS,
        3 * PARTS,
        PARTS,
    )
    assert len(out.read_text().splitlines()) == 3 * PARTS + 1


@pytest.mark.slow
def test_one_fit_gives_the_score_with_and_without_the_copies(
    leaking: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_new_parts(leaking)
    run = tmp_path / "run"
    small = tmp_path / "fit.toml"
    small.write_text("[image]\nsize_px = 32\n")
    words = ["fit", str(leaking), "--out", str(run), "--config", str(small), "--epochs", "1"]
    assert main([*words, "--weights", "none", "--allow", "shared-copies"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["samples"]["test"] == metrics["held_out"]["accuracy"]["n"] == 4
    assert metrics["split_as_given"]["figures"]["accuracy"]["n"] == 4 + PARTS
    assert metrics["split_as_given"]["copied"] == PARTS
    assert "6 held-out samples with a copy in training judged apart" in metrics["protocol"]
    listed = (run / "predictions.csv").read_text().splitlines()[1:]
    assert len(listed) == 4
    page = (run / "report.html").read_text()
    assert "without the 6 that have a near-duplicate in training" in page
    assert "starts at random" in page
    assert capsys.readouterr().err.count("starts at random") == 1


@pytest.mark.slow
def test_the_official_split_of_the_castings_leaks(data_dir: Path) -> None:
    dataset = load_dataset(data_dir / "casting" / "casting_data")
    found = survey_copies(dataset)
    split = np.array([sample.split for sample in dataset.samples])
    known = set(found.groups[split == "train"].tolist())
    leaked = sum(group in known for group in found.groups[split == "test"].tolist())
    assert leaked >= 650
    labels = np.array([sample.label for sample in dataset.samples])
    mixed = [g for g in np.unique(found.groups) if len(set(labels[found.groups == g])) > 1]
    assert len(mixed) <= 1
