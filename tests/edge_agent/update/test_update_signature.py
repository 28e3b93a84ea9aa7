from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.contracts.core.errors import SignatureError
from edge_agent.contracts.model.bundle import Bundle, parse_bundle, read_bundle, signed_bundle
from edge_agent.update.signature import verify_bundle
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


def trust(workshop: Workshop, folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(workshop.public, folder / "any-name.pub")
    return folder


def with_signature(bundle: Bundle, signature: bytes) -> Bundle:
    return parse_bundle(signed_bundle(bundle, signature), "caps.bundle")


def test_signed_bundle_names_its_signer(workshop: Workshop, tmp_path: Path) -> None:
    bundle = read_bundle(workshop.signed())
    assert verify_bundle(bundle, trust(workshop, tmp_path / "trust")) == workshop.public.stem


def test_one_of_several_trusted_keys_is_enough(workshop: Workshop, tmp_path: Path) -> None:
    folder = trust(workshop, tmp_path / "trust")
    shutil.copy(open_workshop(tmp_path / "other").public, folder / "0.pub")
    verify_bundle(read_bundle(workshop.signed()), folder)


def test_unsigned_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"bundle: not signed: run `lineside-deploy sign`"):
        verify_bundle(read_bundle(workshop.unsigned()), trust(workshop, tmp_path / "trust"))


def test_stranger_is_refused_by_name(workshop: Workshop, tmp_path: Path) -> None:
    stranger = open_workshop(tmp_path / "stranger")
    folder = trust(workshop, tmp_path / "trust")
    with pytest.raises(SignatureError) as caught:
        verify_bundle(read_bundle(stranger.signed()), folder)
    assert f"unknown key {stranger.public.stem}" in str(caught.value)
    assert f"trusted by {folder}: {workshop.public.stem}" in str(caught.value)


def test_signature_of_another_bundle_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    first, second = read_bundle(workshop.signed("1.0.0")), read_bundle(workshop.signed("1.1.0"))
    assert first.signature is not None
    swapped = with_signature(second, first.signature)
    with pytest.raises(SignatureError, match="does not fit the manifest: do not use it"):
        verify_bundle(swapped, trust(workshop, tmp_path / "trust"))


def test_every_flipped_digit_of_a_signature_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    bundle = read_bundle(workshop.signed())
    folder = trust(workshop, tmp_path / "trust")
    document = json.loads(bundle.signature or b"")
    digits = document["signature"]
    for place in range(0, len(digits), 7):
        other = "0" if digits[place] != "0" else "1"
        forged = {**document, "signature": digits[:place] + other + digits[place + 1 :]}
        with pytest.raises(SignatureError):
            verify_bundle(with_signature(bundle, json.dumps(forged).encode()), folder)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\x00", id="bytes"),
        pytest.param(b"{}", id="no fields"),
        pytest.param(b'{"algorithm":"none","key_id":"0","signature":""}', id="no algorithm"),
    ],
)
def test_unreadable_signature_is_refused(
    signature: bytes, workshop: Workshop, tmp_path: Path
) -> None:
    bundle = with_signature(read_bundle(workshop.unsigned()), signature)
    with pytest.raises(SignatureError, match=r"manifest\.sig: .*: run `lineside-deploy sign`"):
        verify_bundle(bundle, trust(workshop, tmp_path / "trust"))


def test_station_without_keys_says_how_to_give_one(workshop: Workshop, tmp_path: Path) -> None:
    bundle = read_bundle(workshop.signed())
    with pytest.raises(SignatureError, match=r"absent: no folder of trusted .*--trust KEY\.pub"):
        verify_bundle(bundle, tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SignatureError, match=r"holds no trusted key.*--trust KEY\.pub"):
        verify_bundle(bundle, tmp_path / "empty")


def test_key_file_that_is_no_key_is_named(workshop: Workshop, tmp_path: Path) -> None:
    folder = trust(workshop, tmp_path / "trust")
    (folder / "broken.pub").write_text("-----BEGIN PUBLIC KEY-----\nnonsense\n")
    with pytest.raises(SignatureError, match=r"broken\.pub: not a public key in PEM: copy"):
        verify_bundle(read_bundle(workshop.signed()), folder)


def test_key_of_another_kind_is_named(workshop: Workshop, tmp_path: Path) -> None:
    folder = trust(workshop, tmp_path / "trust")
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "curve.pub").write_bytes(pem)
    with pytest.raises(SignatureError, match=r"curve\.pub: a key of another kind"):
        verify_bundle(read_bundle(workshop.signed()), folder)
