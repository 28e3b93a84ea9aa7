"""Pieces of a download on disk: what is kept, what goes on, what is thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import BundleError, DeviceError, StorageError
from edge_agent.update import download as update_download
from edge_agent.update.ddi import Artifact, DdiServer
from edge_agent.update.download import Download
from edge_agent.update.folder import write_below
from tests.edge_agent.update.updaters.ddi_kit import TARGET, TENANT, TOKEN, Hawkbit, serving
from tests.station_kit import fill_disk, small_disk

SIZE = 300_000


@pytest.fixture
def hawkbit(tmp_path: Path) -> Iterator[Hawkbit]:
    source = tmp_path / "caps-1.0.0.release"
    source.write_bytes(bytes(range(250)) * (SIZE // 250))
    with serving() as server:
        server.assign(source)
        yield server


class FillsTheDisk(DdiServer):
    """While pieces come something else takes all of the disk that is left."""

    disk: Path

    def pieces(self, artifact: Artifact, offset: int) -> Iterator[tuple[int, bytes]]:
        for number, piece in enumerate(super().pieces(artifact, offset)):
            if number == 1 and not (self.disk / "filler").exists():
                fill_disk(self.disk)
            yield piece


def download(
    hawkbit: Hawkbit, root: Path, kind: type[DdiServer] = DdiServer
) -> tuple[Download, Artifact]:
    login = f"TargetToken {TOKEN}"
    server = kind(hawkbit.address, TENANT, TARGET, login, None, SystemClock())
    (artifact,) = server.deployment("1").artifacts
    root.mkdir()
    return Download(server, root, "hawkbit"), artifact


def test_a_whole_file_is_found_again_and_a_damaged_one_is_not(
    hawkbit: Hawkbit, tmp_path: Path
) -> None:
    fetch, artifact = download(hawkbit, tmp_path / "root")
    assert fetch.whole(artifact) is None
    path = fetch.fetch(artifact)
    assert (path.name, path.read_bytes()) == ("caps-1.0.0.release", hawkbit.payload)
    assert fetch.whole(artifact) == path
    path.write_bytes(b"damaged")
    assert fetch.whole(artifact) is None
    assert fetch.fetch(artifact).read_bytes() == hawkbit.payload
    fetch.remove()
    assert not list((tmp_path / "root" / "hawkbit").iterdir())


def test_every_cut_leaves_a_beginning_that_the_next_call_goes_on_with(
    hawkbit: Hawkbit, tmp_path: Path
) -> None:
    fetch, artifact = download(hawkbit, tmp_path / "root")
    for _ in range(5):
        hawkbit.cut_after = 50_000
        with pytest.raises(DeviceError):
            fetch.fetch(artifact)
    assert fetch.fetch(artifact).read_bytes() == hawkbit.payload
    assert hawkbit.ranges == ["", *(f"bytes={50_000 * n}-" for n in range(1, 6))]


def test_another_file_of_the_same_size_is_refused_and_removed(
    hawkbit: Hawkbit, tmp_path: Path
) -> None:
    fetch, artifact = download(hawkbit, tmp_path / "root")
    hawkbit.sends = bytes(SIZE)
    with pytest.raises(BundleError, match="has the sha256"):
        fetch.fetch(artifact)
    assert not list((tmp_path / "root" / "hawkbit").iterdir())


def test_a_disk_that_fills_up_leaves_nothing_of_the_file_and_room_for_a_journal(
    hawkbit: Hawkbit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_download, "RESERVE_BYTES", 0)
    with small_disk(tmp_path / "disk", "1m,nr_inodes=50") as disk:
        FillsTheDisk.disk = disk
        fetch, artifact = download(hawkbit, disk / "root", FillsTheDisk)
        with pytest.raises(StorageError, match="No space left on device"):
            fetch.fetch(artifact)
        assert not list((disk / "root" / "hawkbit").iterdir())
        write_below(disk / "root", "update", "journal.json", bytes(4096))
        (disk / "filler").write_bytes(b"")
        assert fetch.fetch(artifact).read_bytes() == hawkbit.payload
