"""The folder of releases, read by a client that is not ours: tuf.ngclient over HTTP."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tuf.ngclient import Updater

from deploy.__main__ import main
from deploy.signing.keys import ROOTS, Keyring
from deploy.signing.metadata import LIFE_DAYS
from deploy.signing.release import release_bundles
from deploy.signing.repository import Repository
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.model.bundle import read_bundle, unsigned_bundle
from tests.signing_kit import Workshop, now, open_workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


class Quiet(SimpleHTTPRequestHandler):
    """A static server without a log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def fetch(url: str, folder: Path, path: str) -> bytes | None:
    """What a stock client gets for `path`; None for what is not released."""
    (folder / "targets").mkdir(exist_ok=True)
    client = Updater(
        str(folder), f"{url}/metadata/", str(folder / "targets"), f"{url}/targets/", bootstrap=None
    )
    client.refresh()
    found = client.get_targetinfo(path)
    return None if found is None else Path(client.download_target(found)).read_bytes()


def test_a_stock_client_follows_releases_withdrawals_and_rotations(
    workshop: Workshop, tmp_path: Path
) -> None:
    shutil.copy(workshop.public, tmp_path / "root.json")
    plain = unsigned_bundle(read_bundle(workshop.unsigned("1.0.0")))
    workshop.signed("1.0.0")
    releases, path = workshop.repository(), "main/brightness-1.0.0.bundle"
    with served(workshop.folder / "releases") as url:
        assert fetch(url, tmp_path, path) == plain
        for role in ("online", "root-2", "targets", "main"):
            releases.rotate(role)
        releases.add_line("castings")
        workshop.signed("1.1.0")
        assert fetch(url, tmp_path, path) == plain
        assert fetch(url, tmp_path, "main/brightness-1.1.0.bundle") is not None
        releases.withdraw(path)
        assert fetch(url, tmp_path, path) is None
        releases.refresh()
        assert fetch(url, tmp_path, "main/brightness-1.1.0.bundle") is not None


def test_a_release_needs_the_line_and_online_keys_alone(workshop: Workshop) -> None:
    workshop.signed("1.0.0")
    for name in (*ROOTS, "targets"):
        (workshop.keys / f"{name}.pem").unlink()
    workshop.signed("1.1.0")
    assert "main/brightness-1.1.0.bundle" in workshop.repository().released()


@pytest.mark.parametrize("absent", ["targets", "online"])
def test_a_line_is_made_once_its_signers_are_there(absent: str, workshop: Workshop) -> None:
    """The targets key lies offline, as the page asks."""
    workshop.signed("1.0.0")
    away = (workshop.keys / f"{absent}.pem").rename(workshop.folder / "stick.pem")
    with pytest.raises(ConfigError, match=rf"{absent}\.pem: the private key cannot be read"):
        workshop.repository().add_line("castings")
    assert not (workshop.keys / "line-castings.pem").exists()
    away.rename(workshop.keys / f"{absent}.pem")
    workshop.repository().add_line("castings")
    assert workshop.repository().lines() == ["castings", "main"]


@pytest.mark.parametrize("role", ["online", "root-1", "main"])
def test_a_rotation_without_the_targets_key_changes_nothing(role: str, workshop: Workshop) -> None:
    workshop.signed("1.0.0")
    (workshop.keys / "targets.pem").unlink()
    before = {path: path.read_bytes() for path in workshop.folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"targets\.pem: the private key cannot be read"):
        workshop.repository().rotate(role)
    after = {path: path.read_bytes() for path in workshop.folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_key_of_a_line_that_no_release_names_is_taken_for_it(workshop: Workshop) -> None:
    """The power went between the key and the release that names it."""
    workshop.signed("1.0.0")
    Keyring(workshop.keys).make("line-castings")
    workshop.repository().add_line("castings")
    assert workshop.repository().lines() == ["castings", "main"]
    with pytest.raises(StorageError, match="a key is already there"):
        workshop.repository().add_line("castings")


def test_two_root_keys_are_needed_for_a_new_root(workshop: Workshop) -> None:
    workshop.signed()
    (workshop.keys / "root-1.pem").unlink()
    releases = workshop.repository()
    releases.rotate("root-1")  # lost: the two others replace it
    (workshop.keys / "root-1.pem").unlink()
    (workshop.keys / "root-2.pem").unlink()
    with pytest.raises(ConfigError, match="1 of the root keys lie here, 2 must sign: fetch"):
        releases.rotate("online")


def test_a_rotation_that_was_cut_short_is_ended_by_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes behind the new root and before the new key is in its place."""
    workshop.signed()

    def cut(keys: Keyring, name: str, other: Keyring) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Keyring, "adopt", cut)
        with pytest.raises(KeyboardInterrupt):
            workshop.repository().rotate("online")
    with pytest.raises(ConfigError, match="is not the key that the root lists"):
        workshop.repository().refresh()
    workshop.repository().rotate("online")
    workshop.repository().refresh()
    roots = sorted((workshop.folder / "releases" / "metadata").glob("*.root.json"))
    assert [path.name for path in roots] == ["1.root.json", "2.root.json"]


def test_life_times_are_those_of_the_roles(workshop: Workshop, tmp_path: Path) -> None:
    workshop.signed()
    life = now()
    root = json.loads(workshop.public.read_text())["signed"]
    assert root["expires"].startswith(f"{life.until('root'):%Y-%m-%dT}")
    assert LIFE_DAYS["timestamp"] < LIFE_DAYS["targets"] < LIFE_DAYS["root"]


def test_what_cannot_be_done_is_told(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = workshop.signed()
    keys = ["--keys", str(workshop.keys)]

    def told(*words: str) -> str:
        assert main([*words, *keys]) == 2
        return capsys.readouterr().err

    assert "did you mean 'main/bright" in told("release", "--withdraw", "main/brightnes-1.bundle")
    assert told("release", "--withdraw", "brightness-1.0.0.bundle") == (
        "error: --withdraw: 'brightness-1.0.0.bundle' names no product line: "
        "write main/brightness-1.0.0.bundle\n"
    )
    assert "keys line mian" in told("release", str(bundle), "--line", "mian")
    assert "name bundles, or --agent, or --withdraw" in told("release")
    assert "these exclude each other" in told("release", str(bundle), "--refresh")
    assert "did you mean 'root-1'" in told("keys", "rotate", "root1")
    assert "is no name of a product line" in told("keys", "line", "Castings/..")
    assert "is no name of a product line" in told("keys", "line", "snapshot")
    assert main(["keys", "line", "castings", "--json", *keys]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == ["castings", "main"]
    assert main(["release", str(bundle), "--line", "castings", *keys]) == 0
    capsys.readouterr()
    assert main(["release", "--refresh", "--json", *keys]) == 0
    assert len(json.loads(capsys.readouterr().out)["released"]) == 6


def test_a_release_prints_what_it_did(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.signed("1.0.0")
    keys = ["--keys", str(workshop.keys)]
    assert main(["release", str(workshop.unsigned("1.1.0")), *keys]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("main/brightness-1.1.0.bundle  sha256 ")
    assert main(["release", "--withdraw", "main/brightness-1.0.0.bundle", *keys]) == 0
    assert capsys.readouterr().out == "main/brightness-1.0.0.bundle  withdrawn\n"


def test_a_lost_folder_of_releases_is_not_begun_anew(workshop: Workshop, tmp_path: Path) -> None:
    """Its versions would begin at 1 again, which no station takes."""
    workshop.signed()
    workshop.repository().rotate("online")
    empty = Repository(tmp_path / "empty", Keyring(workshop.keys), now())
    with pytest.raises(StorageError, match="its root has been replaced before"):
        empty.add("main", [])


def test_no_plaintext_stays_beside_what_is_encrypted_or_withdrawn(workshop: Workshop) -> None:
    path, repository = workshop.unsigned("1.1.0"), workshop.repository()
    targets = workshop.folder / "releases" / "targets" / "main"
    release_bundles([path], "main", repository)
    plain = {file.name: file.read_bytes() for file in targets.iterdir()}
    assert len(plain) == 3
    release_bundles([path], "main", repository, [bytes(31) + b"\x09"])
    left = {file.name for file in targets.iterdir()}
    assert (len(left), left & {name for name in plain if name.endswith(".bundle")}) == (3, set())
    for name, payload in plain.items():  # as a kill before the removal leaves them
        (targets / name).write_bytes(payload)
    repository.withdraw("main/brightness-1.1.0.bundle")
    assert not [file.name for file in targets.iterdir() if "1.1.0" in file.name]
