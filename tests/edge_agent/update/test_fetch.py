"""Releases from a folder and over HTTP; what a hostile server can make a station read."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import (
    BundleError,
    ConfigError,
    DeviceError,
    LinesideError,
    StorageError,
)
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.update.fetch import (
    MOST_METADATA_BYTES,
    Read,
    Wanted,
    fetch_release,
    fetch_target,
    reader,
)
from edge_agent.update.slots import install, status
from edge_agent.update.trust_folder import read_root
from tests.dripping import HTTP, Drip, dripping
from tests.signing_kit import Workshop, open_workshop


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """An address of this machine, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *words: object) -> None:
            super().__init__(*words, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With two releases."""
    workshop = open_workshop(tmp_path / "workshop")
    for version in ("1.9.0", "1.10.0"):
        workshop.signed(version)
    return workshop


def fetch(workshop: Workshop, read: Read, name: str = "brightness") -> str:
    """The title of what a station that trusts the workshop gets."""
    payload = fetch_release(
        read, name, read_root(workshop.public), now_ns=SystemClock().utc_ns(), where="here"
    )
    return parse_bundle(payload, "fetched").title


def test_an_authority_that_is_missing_is_a_file_to_mend_and_no_server_away(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ca\.pem: the certificate of the authority cannot be"):
        reader("https://127.0.0.1:9", tmp_path / "ca.pem")("metadata/timestamp.json", 100)


def test_the_newest_release_comes_from_a_stick_and_from_a_server(workshop: Workshop) -> None:
    releases = workshop.folder / "releases"
    assert fetch(workshop, reader(str(releases))) == "brightness 1.10.0"
    for role in ("online", "main"):
        workshop.repository().rotate(role)
    with served(releases) as (address, _):
        assert fetch(workshop, reader(address + "/")) == "brightness 1.10.0"
        workshop.repository().withdraw("main/brightness-1.10.0.bundle")
        assert fetch(workshop, reader(address)) == "brightness 1.9.0"


def test_a_strangers_bundle_is_not_even_fetched(workshop: Workshop, tmp_path: Path) -> None:
    stranger = open_workshop(tmp_path / "stranger")
    stranger.signed()
    with served(stranger.folder / "releases") as (address, asked):
        with pytest.raises(BundleError, match="not signed by a key that this station trusts"):
            fetch(workshop, reader(address))
        assert asked
        assert not [path for path in asked if "targets/" in path]


@pytest.mark.parametrize("kind", ["FIFO", "link to a device", "folder", "link in a circle"])
def test_what_is_no_file_on_a_stick_is_neither_opened_nor_waited_for(
    kind: str, tmp_path: Path
) -> None:
    place = tmp_path / "metadata" / "timestamp.json"
    place.parent.mkdir()
    {
        "FIFO": lambda: os.mkfifo(place),
        "link to a device": lambda: place.symlink_to("/dev/zero"),
        "folder": place.mkdir,
        "link in a circle": lambda: place.symlink_to(place.name),
    }[kind]()
    with pytest.raises(StorageError, match=r"timestamp\.json: (no regular file|cannot be read)"):
        reader(str(tmp_path))("metadata/timestamp.json", 100)


def test_what_is_missing_is_named(workshop: Workshop, tmp_path: Path) -> None:
    releases = workshop.folder / "releases"
    with pytest.raises(StorageError, match="no release of 'caps'"):
        fetch(workshop, reader(str(releases)), "caps")
    with pytest.raises(DeviceError, match=r"empty: cannot be reached .*put the stick in"):
        fetch(workshop, reader(str(tmp_path / "empty")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match=r"metadata/timestamp\.json: is missing"):
        fetch(workshop, reader(str(tmp_path / "empty")))
    with served(tmp_path) as (address, _):
        pass
    with pytest.raises(DeviceError, match="cannot be reached"):
        fetch(workshop, reader(address))
    shutil.rmtree(releases / "targets")
    with pytest.raises(BundleError, match="is missing, or not what was released"):
        fetch(workshop, reader(str(releases)))


@pytest.mark.parametrize("drip", HTTP.values(), ids=HTTP)
@pytest.mark.parametrize("path", ["metadata/timestamp.json", "targets/main/x.bundle"])
def test_a_server_that_drips_holds_nobody_up(path: str, drip: Drip) -> None:
    """Neither with metadata nor with a bundle, for which a slow line has more time."""
    began = time.monotonic()
    with dripping(drip) as port:
        read = reader(f"http://127.0.0.1:{port}", answer_s=0.2)
        with pytest.raises(DeviceError, match="cannot be reached"):
            read(path, 100)
    assert time.monotonic() - began < 30


def test_many_small_files_take_no_longer_than_all_metadata_may(workshop: Workshop) -> None:
    """A server may name roots without an end, each of them in time."""
    stick, asked = reader(str(workshop.folder / "releases")), []

    def slow(path: str, most_bytes: int) -> bytes | None:
        asked.append(path)
        time.sleep(0.2)
        return stick("metadata/1.root.json" if path.endswith("root.json") else path, most_bytes)

    with pytest.raises(DeviceError, match="its metadata takes more than 1 s"):
        fetch_target(
            slow,
            Wanted("brightness"),
            read_root(workshop.public),
            now_ns=SystemClock().utc_ns(),
            where="here",
            metadata_s=1,
        )
    assert len(asked) <= 6


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"signed": {"meta": {"snapshot.json": {"version": -1}}}}',
        b'{"signed": {"meta": {"../../etc/passwd": {"version": 1}}}}',
        b'{"signed": {"meta": {}}}',
        b" " * (MOST_METADATA_BYTES + 1),
    ],
    ids=["empty", "bytes", "deep", "version", "path", "nothing", "large"],
)
def test_hostile_metadata_is_refused_in_words(text: bytes, workshop: Workshop) -> None:
    releases = workshop.folder / "releases"
    (releases / "metadata" / "timestamp.json").write_bytes(text)
    with pytest.raises(LinesideError, match=r"timestamp\.json|snapshot\.json"):
        fetch(workshop, reader(str(releases)))


def test_a_bundle_longer_than_released_is_refused(workshop: Workshop) -> None:
    (file,) = (workshop.folder / "releases/targets/main").glob("*brightness-1.10.0.bundle")
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(StorageError, match="has more than"):
        fetch(workshop, reader(str(workshop.folder / "releases")))


def test_a_station_takes_a_release_from_a_stick(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "station"
    words = ["update", "start", "brightness", "--from", str(workshop.folder / "releases")]
    assert main([*words, "--root", str(root)]) == 1
    assert "no folder with a root of trust" in capsys.readouterr().err
    first = workshop.folder / "brightness-1.9.0.bundle"
    install(first, root, lambda _: None, trust=workshop.public)
    assert main([*words, "--root", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert status(root)[0].version == "1.10.0"
