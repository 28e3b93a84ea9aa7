from __future__ import annotations

from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.signing.keys import make_keys, read_keys
from deploy.signing.sign import sign_bundle
from edge_agent.contracts.core.errors import BundleError, ConfigError, StorageError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.update.signature import raw_bytes, read_public_key, verify_bundle
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


def test_private_key_is_for_its_owner_only(tmp_path: Path) -> None:
    public = make_keys(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "private.pem").stat().st_mode & 0o777 == 0o600
    assert public.stem == read_keys(tmp_path / "keys").key_id
    assert len(raw_bytes(read_public_key(public))) == 32


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    public = make_keys(tmp_path / "keys")
    before = {path: path.read_bytes() for path in public.parent.iterdir()}
    with pytest.raises(StorageError, match="a key is already there: name another folder"):
        make_keys(tmp_path / "keys")
    (tmp_path / "keys" / "private.pem").rename(tmp_path / "moved.pem")
    with pytest.raises(StorageError, match="a key is already there"):
        make_keys(tmp_path / "keys")
    assert all(path.read_bytes() == text for path, text in before.items() if path.exists())


def test_every_key_is_another(tmp_path: Path) -> None:
    assert make_keys(tmp_path / "a").name != make_keys(tmp_path / "b").name


def test_signing_adds_only_the_signature(workshop: Workshop) -> None:
    path = workshop.unsigned()
    before = read_bundle(path)
    sign_bundle(path, read_keys(workshop.keys))
    after = read_bundle(path)
    assert (after.manifest_bytes, dict(after.files)) == (before.manifest_bytes, dict(before.files))
    assert verify_bundle(after, workshop.keys) == workshop.public.stem


def test_signing_again_replaces_the_signature(workshop: Workshop, tmp_path: Path) -> None:
    path = workshop.signed()
    once = path.read_bytes()
    sign_bundle(path, read_keys(workshop.keys))
    assert path.read_bytes() == once
    other = open_workshop(tmp_path / "other")
    sign_bundle(path, read_keys(other.keys))
    assert verify_bundle(read_bundle(path), other.keys) == other.public.stem


def test_signing_elsewhere_leaves_the_source(workshop: Workshop, tmp_path: Path) -> None:
    source = workshop.unsigned()
    assert (
        main(
            ["sign", str(source), "--keys", str(workshop.keys), "--out", str(tmp_path / "s.bundle")]
        )
        == 0
    )
    assert read_bundle(source).signature is None
    assert read_bundle(tmp_path / "s.bundle").signature is not None


def test_damaged_bundle_is_not_signed(workshop: Workshop) -> None:
    path = workshop.unsigned()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError):
        sign_bundle(path, read_keys(workshop.keys))


def test_open_private_key_is_refused(workshop: Workshop) -> None:
    (workshop.keys / "private.pem").chmod(0o644)
    with pytest.raises(ConfigError, match=r"open to others \(mode 644\): chmod 600"):
        read_keys(workshop.keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "not a private key in PEM", id="empty"),
        pytest.param("hello", "not a private key in PEM", id="text"),
    ],
)
def test_private_key_that_is_none_is_named(text: str, said: str, workshop: Workshop) -> None:
    (workshop.keys / "private.pem").write_text(text)
    with pytest.raises(ConfigError, match=f"private.pem: {said}"):
        read_keys(workshop.keys)


def test_absent_key_says_how_to_name_one(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sign", str(workshop.unsigned()), "--keys", str(tmp_path / "none")]) == 2
    assert "lineside-deploy keys init DIR" in capsys.readouterr().err


def test_init_prints_the_public_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "init", str(tmp_path / "new")]) == 0
    shown = capsys.readouterr()
    assert Path(shown.out.strip()).suffix == ".pub"
    assert "private.pem signs" in shown.err
