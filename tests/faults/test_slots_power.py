"""The power fails at every moment of an install and of a rollback."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from edge_agent.contracts.model.bundle import Bundle
from edge_agent.update.slots import SlotStatus, install, status
from tests.faults.power_cut import Disk, Step, missing, record
from tests.signing_kit import Workshop, open_workshop

WAYS = ("strict", "eager", "mixed", "mixed", "mixed")


def passes(_: Bundle) -> None:
    """The self-test has no part in this."""


@dataclass(frozen=True)
class Story:
    """What one command did to a station, and the trees before and after."""

    root: Path
    before: Path
    after: Path
    steps: list[Step]

    def cuts(
        self, folder: Path, steps: list[Step], ways: Sequence[str] = WAYS, seed: int = 1
    ) -> Iterator[tuple[int, str, Path]]:
        """The station as it may be found when the power fails behind each of `steps`."""
        whole = Disk(self.before, self.root)
        for step in steps:
            whole.apply(step)
        origins = whole.origins(self.after)
        chance = Random(seed)
        for count in range(len(steps) + 1):
            disk = Disk(self.before, self.root, origins)
            for step in steps[:count]:
                disk.apply(step)
            for number, way in enumerate(ways):
                tree = folder / f"{count}-{number}"
                disk.after_cut(tree, way, chance)
                yield count, way, tree


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    if reason := missing():
        pytest.skip(reason)
    return open_workshop(tmp_path_factory.mktemp("workshop") / "keys")


def tell(folder: Path, *words: str | Path) -> Story:
    """Run `slots WORDS` on the station in `folder` under strace."""
    root = folder / "station"
    if root.exists():
        shutil.copytree(root, folder / "before", symlinks=True)
    command = [sys.executable, "-m", "edge_agent", "slots", *map(str, words), "--root", str(root)]
    steps = record(command, root)
    shutil.copytree(root, folder / "after", symlinks=True)
    return Story(root, folder / "before", folder / "after", steps)


def found(tree: Path) -> SlotStatus | None:
    """The one bundle of a station, None where none is current yet."""
    slots = status(tree) if tree.is_dir() else []
    if not slots or not (tree / "bundles" / "brightness" / "current").is_symlink():
        return None
    return slots[0]


@pytest.fixture(scope="module")
def update(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Path]:
    """The install of 1.1.0 over 1.0.0 (with an older slot to clear), and its bundle."""
    folder = tmp_path_factory.mktemp("update")
    for version in ("0.9.0", "1.0.0"):
        install(workshop.signed(version), folder / "station", passes, trust=workshop.public)
    new = workshop.signed("1.1.0")
    return tell(folder, "install", new), new


def test_power_cut_during_an_update_leaves_a_whole_bundle(
    update: tuple[Story, Path], tmp_path: Path
) -> None:
    story, new = update
    assert len(story.steps) > 15
    versions = set()
    for count, way, tree in story.cuts(tmp_path, story.steps):
        slot = found(tree)
        assert slot is not None, (count, way)
        assert slot.fault == "", (count, way)
        assert (slot.version, slot.min_version) in (("1.0.0", "1.0.0"), ("1.1.0", "1.1.0"))
        versions.add(slot.version)
        if count == len(story.steps):
            assert slot.version == "1.1.0", f"a confirmed install was lost ({way})"
            assert slot.previous == "1.0.0"
        install(new, tree, passes)
        assert found(tree).version == "1.1.0"
        shutil.rmtree(tree)
    assert versions == {"1.0.0", "1.1.0"}


def test_power_cut_during_the_first_install_leaves_nothing_or_all(tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    own = open_workshop(tmp_path / "workshop")
    new = own.signed("1.0.0")
    story = tell(tmp_path, "install", new, "--trust", own.public)
    for count, way, tree in story.cuts(tmp_path, story.steps):
        slot = found(tree)
        if slot is not None:
            assert (slot.version, slot.fault) == ("1.0.0", ""), (count, way)
        if count == len(story.steps):
            assert slot is not None, f"a confirmed install was lost ({way})"
        install(new, tree, passes, trust=own.public)
        assert found(tree).fault == ""
        shutil.rmtree(tree)


def test_power_cut_during_a_rollback_leaves_one_of_the_two(
    update: tuple[Story, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    folder.mkdir()
    shutil.copytree(update[0].after, folder / "station", symlinks=True)
    story = tell(folder, "rollback", "brightness")
    for count, way, tree in story.cuts(folder, story.steps):
        slot = found(tree)
        assert slot is not None, (count, way)
        assert (slot.fault, slot.min_version) == ("", "1.1.0"), (count, way)
        assert slot.version in ("1.0.0", "1.1.0")
        if count == len(story.steps):
            assert (slot.version, slot.previous) == ("1.0.0", "1.1.0")
        shutil.rmtree(tree)


@pytest.mark.faults
def test_a_thousand_power_cuts_leave_a_whole_bundle_and_a_way_back(
    update: tuple[Story, Path], workshop: Workshop, tmp_path: Path
) -> None:
    """Of an update and of a rollback; after each one, the next install heals what is left."""
    folder = tmp_path / "again"
    folder.mkdir()
    shutil.copytree(update[0].after, folder / "station", symlinks=True)
    newest, count = workshop.signed("1.2.0"), 0
    for story in (update[0], tell(folder, "rollback", "brightness")):
        ways = ["mixed"] * (1 + 600 // len(story.steps))
        for number, way, tree in story.cuts(tmp_path, story.steps, ways, seed=7):
            slot = found(tree)
            assert slot is not None, (number, way)
            assert slot.fault == "", (number, way)
            assert slot.version in ("1.0.0", "1.1.0")
            install(newest, tree, passes)
            assert (found(tree).version, found(tree).previous) == ("1.2.0", slot.version)
            shutil.rmtree(tree)
            count += 1
    assert count >= 1000


def is_of_folder(step: Step, story: Story) -> bool:
    return (story.after / step.path.relative_to(story.root)).is_dir() or ".new-" in step.path.name


def test_without_fsync_of_files_the_same_cuts_break_the_station(
    update: tuple[Story, Path], tmp_path: Path
) -> None:
    """The harness can fail: content that was never synced is not there after the cut."""
    story, _ = update
    kept = [s for s in story.steps if s.kind != "sync" or is_of_folder(s, story)]
    assert len(kept) < len(story.steps)
    faults = [bool(found(tree).fault) for _, _, tree in story.cuts(tmp_path, kept)]
    assert any(faults)


def test_without_fsync_of_folders_a_confirmed_install_is_lost(
    update: tuple[Story, Path], tmp_path: Path
) -> None:
    """The harness can fail: names that were never synced are not there after the cut."""
    story, _ = update
    kept = [s for s in story.steps if s.kind != "sync" or not is_of_folder(s, story)]
    last = [tree for count, way, tree in story.cuts(tmp_path, kept) if count == len(kept)]
    assert found(last[0]).version == "1.0.0"
