from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from edge_agent.cli.slots import self_test
from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    ParityError,
    RollbackError,
    SignatureError,
    StorageError,
)
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.update.slots import install, rollback, status
from tests.signing_kit import Workshop, open_workshop


def passes(_: Bundle) -> None:
    """A self-test that holds: these tests are about folders."""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "station"


def put(workshop: Workshop, root: Path, version: str, note: str = "") -> None:
    install(workshop.signed(version, note), root, passes, trust=workshop.public)


def point(link: Path, target: str) -> None:
    """What a station may look like after an interruption."""
    link.unlink()
    link.symlink_to(target)


def current(root: Path) -> str:
    file = root / "bundles" / "brightness" / "current" / "brightness.bundle"
    return read_bundle(file).manifest.version


def tree(root: Path) -> dict[str, bytes]:
    """Every file and link under `root`, lock files left out."""
    return {
        str(path.relative_to(root)): b"-> " + str(path.readlink()).encode()
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path.name != ".lock"
    }


def test_install_is_content_addressed_and_whole(workshop: Workshop, root: Path) -> None:
    source = workshop.signed("1.0.0")
    done = install(source, root, self_test, trust=workshop.public)
    sha256 = read_bundle(source).sha256
    home = root / "bundles" / "brightness"
    assert (done.version, done.sha256, done.replaced, done.changed) == ("1.0.0", sha256, "", True)
    assert (home / "slots" / sha256 / "brightness.bundle").read_bytes() == source.read_bytes()
    assert str((home / "current").readlink()) == f"slots/{sha256}"
    trusted = json.loads((root / "trust" / "trusted.json").read_text())
    assert trusted["root"] == workshop.public.read_text()
    (slot,) = status(root)
    assert (slot.version, slot.previous, slot.min_version, slot.fault) == ("1.0.0", "", "1.0.0", "")


def test_second_version_keeps_the_first_as_previous(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    put(workshop, root, "1.1.0")
    (slot,) = status(root)
    assert (slot.version, slot.previous, slot.min_version) == ("1.1.0", "1.0.0", "1.1.0")


def test_only_current_and_previous_take_space(workshop: Workshop, root: Path) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0", "2.0.0"):
        put(workshop, root, version)
    slots = list((root / "bundles" / "brightness" / "slots").iterdir())
    assert len(slots) == 2
    assert status(root)[0].previous == "1.2.0"


def test_versions_are_ordered_as_numbers(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.9.0")
    put(workshop, root, "1.10.0")
    assert current(root) == "1.10.0"


def test_older_version_is_refused(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.1.0")
    before = tree(root)
    with pytest.raises(
        RollbackError, match=r"1\.0\.0 is older than 1\.1\.0.*lineside-deploy rollb"
    ):
        put(workshop, root, "1.0.0")
    assert tree(root) == before


def test_same_version_with_other_content_is_refused(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    with pytest.raises(RollbackError, match=r"another bundle of the same version 1\.0\.0"):
        put(workshop, root, "1.0.0", note="-other")


def test_installing_again_changes_nothing(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    put(workshop, root, "1.1.0")
    before = tree(root)
    assert not install(workshop.folder / "brightness-1.1.0.bundle", root, passes).changed
    assert tree(root) == before


def test_rollback_returns_and_the_minimum_version_stays(workshop: Workshop, root: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        put(workshop, root, version)
    done = rollback("brightness", root, self_test)
    assert (done.version, done.replaced) == ("1.0.0", "1.1.0")
    (slot,) = status(root)
    assert (slot.version, slot.previous, slot.min_version) == ("1.0.0", "1.1.0", "1.1.0")
    with pytest.raises(RollbackError, match=r"older than 1\.1\.0"):
        put(workshop, root, "1.0.5")
    put(workshop, root, "1.1.0")
    assert current(root) == "1.1.0"


def test_rollback_twice_returns_to_the_new_one(workshop: Workshop, root: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        put(workshop, root, version)
    rollback("brightness", root, passes)
    rollback("brightness", root, passes)
    assert current(root) == "1.1.0"


def test_a_rollback_that_was_cut_short_leaves_a_way_back(workshop: Workshop, root: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        put(workshop, root, version)
    home = root / "bundles" / "brightness"
    old, new = ((home / link).readlink() for link in ("previous", "current"))
    point(home / "current", str(old))  # and the power goes before `previous` is switched
    assert status(root)[0].previous == "1.1.0"
    rollback("brightness", root, passes)
    assert (current(root), (home / "previous").readlink()) == ("1.1.0", old)
    point(home / "previous", str(new))  # the same on the way up
    put(workshop, root, "1.1.0")
    assert status(root)[0].previous == "1.0.0", "an install clears what it takes for old"
    assert (home / "current").readlink() == new


def test_an_install_that_was_cut_short_is_no_way_back(workshop: Workshop, root: Path) -> None:
    """Its bundle lies there whole, and newer than anything that has been current."""
    for version in ("1.0.0", "1.1.0"):
        put(workshop, root, version)
    home = root / "bundles" / "brightness"
    waiting = workshop.signed("1.2.0")
    slot = home / "slots" / read_bundle(waiting).sha256
    slot.mkdir()
    shutil.copy(waiting, slot / "brightness.bundle")
    point(home / "previous", str((home / "current").readlink()))
    assert status(root)[0].previous == "1.0.0"
    rollback("brightness", root, passes)
    assert current(root) == "1.0.0"


def test_rollback_without_previous_says_so(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    with pytest.raises(RollbackError, match="no previous bundle"):
        rollback("brightness", root, passes)
    with pytest.raises(StorageError, match=r"no bundle 'caps' is installed: installed: brightness"):
        rollback("caps", root, passes)


def test_rollback_to_a_damaged_bundle_is_refused(workshop: Workshop, root: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        put(workshop, root, version)
    file = root / "bundles" / "brightness" / "previous" / "brightness.bundle"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BundleError, match="truncated"):
        rollback("brightness", root, passes)
    assert current(root) == "1.1.0"


def test_self_test_on_this_machine_comes_before_the_switch(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    before = tree(root)
    with pytest.raises(ParityError, match="scores"):
        install(workshop.signed("1.1.0", score_off=0.3), root, self_test)
    assert tree(root) == before


def test_dry_run_checks_everything_and_writes_nothing(workshop: Workshop, root: Path) -> None:
    done = install(workshop.signed(), root, self_test, trust=workshop.public, dry_run=True)
    assert not done.changed
    assert not root.exists()
    with pytest.raises(SignatureError):
        install(workshop.unsigned("1.1.0"), root, passes, trust=workshop.public, dry_run=True)


@pytest.mark.parametrize("fault", ["unsigned", "stranger", "truncated", "flipped", "empty"])
def test_bad_bundle_leaves_the_station_as_it_was(
    fault: str, workshop: Workshop, root: Path, tmp_path: Path
) -> None:
    put(workshop, root, "1.0.0")
    before = tree(root)
    source = workshop.unsigned("1.1.0") if fault == "unsigned" else workshop.signed("1.1.0")
    if fault == "stranger":
        source = open_workshop(tmp_path / "stranger").signed("1.1.0")
    payload = source.read_bytes()
    middle = len(payload) // 2
    changed = {
        "truncated": payload[:middle],
        "flipped": payload[:middle] + bytes([payload[middle] ^ 1]) + payload[middle + 1 :],
        "empty": b"",
    }
    source.write_bytes(changed.get(fault, payload))
    with pytest.raises(BundleError):
        install(source, root, passes)
    assert tree(root) == before


def test_key_is_trusted_only_with_a_bundle_that_passes(workshop: Workshop, root: Path) -> None:
    with pytest.raises(ParityError):
        install(workshop.signed(score_off=0.3), root, self_test, trust=workshop.public)
    assert not root.exists()


def test_damaged_slot_is_mended_by_installing_again(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    file = root / "bundles" / "brightness" / "current" / "brightness.bundle"
    file.write_bytes(b"")
    (slot,) = status(root)
    assert "truncated or damaged" in slot.fault
    put(workshop, root, "1.0.0")
    assert current(root) == "1.0.0"
    assert status(root)[0].fault == ""


def test_damaged_minimum_version_is_not_taken_for_none(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.1.0")
    (root / "bundles" / "brightness" / "min_version.json").write_bytes(b"\0" * 40)
    with pytest.raises(
        StorageError, match=r"min_version\.json: the minimum version is damaged: check the disk"
    ):
        put(workshop, root, "1.0.0")
    assert "damaged" in status(root)[0].fault


def test_current_version_is_the_minimum_where_the_file_is_missing(
    workshop: Workshop, root: Path
) -> None:
    """A power cut may fall between the switch and the minimum version."""
    put(workshop, root, "1.1.0")
    (root / "bundles" / "brightness" / "min_version.json").unlink()
    with pytest.raises(RollbackError, match=r"older than 1\.1\.0"):
        put(workshop, root, "1.0.0")


def test_minimum_version_survives_the_loss_of_every_slot(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.1.0")
    home = root / "bundles" / "brightness"
    shutil.rmtree(home / "slots")
    with pytest.raises(RollbackError):
        put(workshop, root, "1.0.0")
    put(workshop, root, "1.1.0")
    assert current(root) == "1.1.0"


def test_two_writers_do_not_meet(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    with (root / "bundles" / "brightness" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another install or rollback is at work"):
            put(workshop, root, "1.1.0")
    put(workshop, root, "1.1.0")


def test_left_overs_of_an_interrupted_install_go_with_the_next(
    workshop: Workshop, root: Path
) -> None:
    put(workshop, root, "1.0.0")
    home = root / "bundles" / "brightness"
    (home / "slots" / ".new-12345678").mkdir()
    (home / ".current.abcdef01").symlink_to("slots/nowhere")
    (home / ".min_version.json.12345678").write_text("{")
    put(workshop, root, "1.1.0")
    names = {path.name for path in home.iterdir()} | {p.name for p in (home / "slots").iterdir()}
    assert not {name for name in names if name.startswith((".new", ".current", ".min_version"))}


def test_bundles_of_several_names_live_side_by_side(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    shutil.copytree(root / "bundles" / "brightness", root / "bundles" / "caps", symlinks=True)
    assert [slot.name for slot in status(root)] == ["brightness", "caps"]


def test_status_of_nothing_says_where(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such station folder: check the path"):
        status(tmp_path / "nowhere")
    assert status(tmp_path) == []


def test_folder_that_cannot_be_made_is_a_storage_error(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LinesideError, match="file/trust: cannot write"):
        install(workshop.signed(), tmp_path / "file", passes, trust=workshop.public)


def test_another_root_is_refused_once_there_is_one(
    workshop: Workshop, root: Path, tmp_path: Path
) -> None:
    other = open_workshop(tmp_path / "other")
    put(workshop, root, "1.0.0")
    before = tree(root)
    with pytest.raises(SignatureError, match="another root than the one that this station trusts"):
        install(other.signed("1.1.0"), root, passes, trust=other.public)
    assert tree(root) == before


def test_a_bundle_that_was_signed_again_keeps_its_slot(workshop: Workshop, root: Path) -> None:
    """Metadata is refreshed every few weeks; what runs is the same."""
    put(workshop, root, "1.0.0")
    slot = status(root)[0].sha256
    done = install(workshop.signed("1.0.0"), root, passes)
    assert (done.changed, done.sha256) == (False, slot)


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o000], ids=oct)
def test_what_is_installed_can_be_read_by_the_agents_own_user(
    workshop: Workshop, root: Path, umask: int
) -> None:
    bundle = workshop.signed()
    before = os.umask(umask)
    try:
        install(bundle, root, passes, trust=workshop.public)
    finally:
        os.umask(before)
    found = [root, *root.rglob("*")]
    modes = {str(p): stat.S_IMODE(p.stat().st_mode) for p in found if p.name != ".lock"}
    assert len(modes) > 5
    assert not {path: oct(mode) for path, mode in modes.items() if mode & 0o066 != 0o044}


@pytest.mark.parametrize("name", ["trust", "bundles", "bundles/brightness/slots"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(
    workshop: Workshop, root: Path, tmp_path: Path, name: str
) -> None:
    put(workshop, root, "1.0.0")
    elsewhere = tmp_path / "etc"
    shutil.copytree(root / name, elsewhere, symlinks=True)
    (elsewhere / "passwd").write_text("root's own")
    before = tree(elsewhere)
    shutil.rmtree(root / name)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(LinesideError, match=rf"{name}: a link lies where a folder is needed"):
        put(workshop, root, "1.1.0")
    assert tree(elsewhere) == before


def test_a_link_in_the_place_of_a_slot_or_of_its_bundle_is_not_followed(
    workshop: Workshop, root: Path, tmp_path: Path
) -> None:
    put(workshop, root, "1.0.0")
    slots = root / "bundles" / "brightness" / "slots"
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (elsewhere / "brightness.bundle").write_text("root's own")
    (slots / ("0" * 64)).symlink_to(elsewhere)
    source = workshop.signed("1.1.0")
    new = slots / read_bundle(source).sha256
    new.mkdir()
    (new / "brightness.bundle").symlink_to(elsewhere / "brightness.bundle")
    with pytest.raises(StorageError):
        install(source, root, passes)
    new.joinpath("brightness.bundle").unlink()
    install(source, root, passes)
    assert current(root) == "1.1.0"
    assert (elsewhere / "brightness.bundle").read_text() == "root's own"


def test_only_names_of_our_own_are_removed(workshop: Workshop, root: Path) -> None:
    put(workshop, root, "1.0.0")
    home = root / "bundles" / "brightness"
    (home / "slots" / "notes").mkdir()
    (home / "slots" / "notes" / "why.txt").write_text("the line was down")
    (home / ".current.txt").write_text("mine")
    put(workshop, root, "1.1.0")
    put(workshop, root, "1.2.0")
    assert (home / "slots" / "notes" / "why.txt").is_file()
    assert (home / ".current.txt").is_file()
    assert len([p for p in (home / "slots").iterdir() if len(p.name) == 64]) == 2


def test_links_that_lead_out_of_the_slots_are_no_bundles(
    workshop: Workshop, root: Path, tmp_path: Path
) -> None:
    put(workshop, root, "1.0.0")
    home = root / "bundles" / "brightness"
    (tmp_path / "x").mkdir()
    shutil.copy(home / "current" / "brightness.bundle", tmp_path / "x" / "brightness.bundle")
    point(home / "current", str(tmp_path / "x"))
    assert "there is no current bundle" in status(root)[0].fault


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
class TestRootWhereAnotherUserOwns:
    """The agent's user may own the station folder: root must not become its tool."""

    def test_a_folder_that_the_user_put_there_is_refused(
        self, workshop: Workshop, root: Path
    ) -> None:
        put(workshop, root, "1.0.0")
        (root / "trust").rename(root / "trust.old")
        shutil.copytree(root / "trust.old", root / "trust")
        os.chown(root / "trust", 65534, 65534)
        with pytest.raises(StorageError, match="another user than root can change this folder"):
            put(workshop, root, "1.1.0")
        assert current(root) == "1.0.0"

    @pytest.mark.parametrize("name", ["bundles", "bundles/brightness", "bundles/brightness/slots"])
    def test_so_is_one_that_all_may_write(self, workshop: Workshop, root: Path, name: str) -> None:
        put(workshop, root, "1.0.0")
        (root / name).chmod(0o777)
        with pytest.raises(StorageError, match="root does not work in it"):
            put(workshop, root, "1.1.0")
        assert status(root)[0].version == "1.0.0"

    def test_the_station_folder_of_another_user_is_named(
        self, workshop: Workshop, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        root.mkdir()
        os.chown(root, 65534, 65534)
        put(workshop, root, "1.0.0")
        assert "can be changed by another user than root" in caplog.text
        assert (root / "trust").stat().st_uid == 0
