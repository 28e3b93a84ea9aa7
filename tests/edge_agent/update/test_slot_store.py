from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.update.folder import Folder, make_folder
from edge_agent.update.slot_links import CURRENT
from edge_agent.update.slot_store import MinVersion, SlotStore
from tests.signing_kit import Workshop, open_workshop

NUMBER = st.integers(0, 30)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


@pytest.fixture
def bundles(tmp_path: Path) -> Iterator[Folder]:
    make_folder(tmp_path / "bundles")
    with Folder.open(tmp_path / "bundles") as folder:
        yield folder


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.tuples(NUMBER, NUMBER, NUMBER))
def test_versions_are_ordered_as_numbers(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    """1.10.0 is newer than 1.9.0."""
    least, offered = (
        MinVersion(version="{}.{}.{}".format(*numbers), manifest_sha256="0" * 64)
        for numbers in (one, other)
    )
    assert (offered.order > least.order) == (other > one)


def test_a_bundle_that_changed_while_it_was_read_is_not_stored(
    workshop: Workshop, bundles: Folder
) -> None:
    source = workshop.signed()
    with SlotStore(bundles, "brightness", create=True) as store:
        with pytest.raises(BundleError, match="changed while it was read"):
            store.store(read_bundle(source), source.read_bytes() + b"x")
        assert store.linked(CURRENT) is None
        assert list((store.folder.path / "slots").iterdir()) == []


def test_a_bundle_in_the_slot_of_another_one_is_refused(
    workshop: Workshop, bundles: Folder
) -> None:
    """An older bundle with a good signature must not stand in for the current one."""
    old, new = workshop.signed("1.0.0"), workshop.signed("1.1.0")
    with SlotStore(bundles, "brightness", create=True) as store:
        bundle = read_bundle(new)
        store.store(bundle, new.read_bytes())
        store.switch(bundle.sha256)
        file = store.folder.path / "slots" / bundle.sha256 / "brightness.bundle"
        file.write_bytes(old.read_bytes())
        with pytest.raises(BundleError, match="is not the bundle of its slot"):
            store.bundle(bundle.sha256)
        assert store.current() is None


def test_a_switch_to_what_is_current_changes_nothing(workshop: Workshop, bundles: Folder) -> None:
    source = workshop.signed()
    with SlotStore(bundles, "brightness", create=True) as store:
        bundle = read_bundle(source)
        store.store(bundle, source.read_bytes())
        assert store.switch(bundle.sha256) is True
        assert store.switch(bundle.sha256) is False
        assert store.way_back() is None


def test_a_closed_folder_can_be_closed_again(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    folder.close()
    folder.close()


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    with Folder.open(tmp_path) as folder:
        folder.write("note", b"old")
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "x").touch()
        with pytest.raises(OSError, match="director"):
            folder.write("folder", b"new")
        assert folder.read("note") == b"old"
        assert folder.names() == ["folder", "note"]


def test_a_fifo_in_the_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    """A reader would wait for ever."""
    os.mkfifo(tmp_path / "key.pub")
    with Folder.open(tmp_path) as folder, pytest.raises(StorageError, match="no regular file"):
        folder.read("key.pub")
