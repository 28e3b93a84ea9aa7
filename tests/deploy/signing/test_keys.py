from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.signing.keys import ROOTS, Keyring, first_line, read_keys, read_public_key
from deploy.signing.metadata import Life
from deploy.signing.new_keys import make_keys
from edge_agent.contracts.core.errors import ConfigError, StorageError
from tests.signing_kit import Workshop, make_keys_now, open_workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    make_keys_now(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    names = {path.stem for path in (tmp_path / "keys").glob("*.pem")}
    assert names == {*ROOTS, "targets", "line-main", "online"}
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "keys").glob("*.pem")} == {0o600}
    pair = read_keys(Keyring(tmp_path / "keys"))
    public = read_public_key(tmp_path / "keys" / "online.pub")
    assert public.public_bytes_raw() == pair.private.public_key().public_bytes_raw()


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    make_keys_now(tmp_path / "keys")
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    with pytest.raises(StorageError, match="a key is already there: name another folder"):
        make_keys_now(tmp_path / "keys")
    assert all(path.read_bytes() == text for path, text in before.items())
    with pytest.raises(StorageError, match=r"root-1\.pem: a key is already there"):
        Keyring(tmp_path / "keys").make("root-1")


def test_two_of_three_root_keys_must_sign_a_root(tmp_path: Path) -> None:
    root = json.loads(make_keys_now(tmp_path / "keys").read_text())["signed"]
    assert (root["roles"]["root"]["threshold"], len(root["roles"]["root"]["keyids"])) == (2, 3)
    assert root["roles"]["snapshot"]["keyids"] == root["roles"]["timestamp"]["keyids"]
    used = [set(root["roles"][role]["keyids"]) for role in ("root", "targets", "snapshot")]
    assert not used[0] & used[1] | used[0] & used[2] | used[1] & used[2]


def test_keys_can_be_made_for_another_life(tmp_path: Path) -> None:
    life = Life(datetime(2026, 3, 1, tzinfo=UTC), days=10)
    root = json.loads(make_keys(Keyring(tmp_path / "keys"), life).read_text())["signed"]
    assert root["expires"] == "2026-03-11T00:00:00Z"


def test_a_pass_phrase_encrypts_every_key(tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("open the line\n")
    words = ["--passphrase-file", str(phrase)]
    phrase.chmod(0o644)
    with pytest.raises(ConfigError, match=r"the pass phrase is open to others \(mode 644\): chmod"):
        first_line(phrase, "the pass phrase")
    phrase.chmod(0o600)
    assert main(["keys", "init", str(tmp_path / "keys"), *words]) == 0
    found = [path.read_bytes() for path in (tmp_path / "keys").glob("*.pem")]
    assert all(b"ENCRYPTED" in text for text in found)
    with pytest.raises(ConfigError, match="has a pass phrase: add --passphrase-file FILE"):
        Keyring(tmp_path / "keys").read("online")
    with pytest.raises(ConfigError, match="not opened by this pass phrase"):
        Keyring(tmp_path / "keys", b"wrong").read("online")
    assert Keyring(tmp_path / "keys", b"open the line").read("online")


def test_an_open_private_key_is_refused(workshop: Workshop) -> None:
    (workshop.keys / "online.pem").chmod(0o644)
    with pytest.raises(ConfigError, match=r"open to others \(mode 644\): chmod 600"):
        read_keys(Keyring(workshop.keys))


@pytest.mark.parametrize("text", ["", "hello"], ids=["empty", "text"])
def test_a_private_key_that_is_none_is_named(text: str, workshop: Workshop) -> None:
    (workshop.keys / "online.pem").write_text(text)
    with pytest.raises(ConfigError, match=r"online\.pem: not a private key in PEM"):
        read_keys(Keyring(workshop.keys))


def test_an_absent_key_says_where_it_may_be(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release", str(workshop.unsigned()), "--keys", str(tmp_path / "none")]) == 2
    assert "lineside-deploy keys init DIR" in capsys.readouterr().err


def test_init_prints_the_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "init", str(tmp_path / "new")]) == 0
    shown = capsys.readouterr()
    assert Path(shown.out.strip()).name == "root.json"
    assert "apart and offline" in shown.err
