from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import SignatureError
from edge_agent.contracts.model.bundle import Bundle, parse_bundle, read_bundle, signed_bundle
from edge_agent.update.signature import verify_bundle
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return open_workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def signed(workshop: Workshop) -> Bundle:
    return read_bundle(workshop.signed())


@pytest.fixture
def trust(workshop: Workshop, tmp_path: Path) -> Path:
    folder = tmp_path / "trust"
    folder.mkdir()
    shutil.copy(workshop.public, folder / "root.json")
    return folder


def with_signature(bundle: Bundle, signature: bytes) -> Bundle:
    return parse_bundle(signed_bundle(bundle, signature), "caps.bundle")


def test_a_released_bundle_is_armed(signed: Bundle, trust: Path) -> None:
    verify_bundle(signed, trust)


def test_unsigned_is_refused(workshop: Workshop, trust: Path) -> None:
    with pytest.raises(SignatureError, match=r"bundle: not signed: run `lineside-deploy release`"):
        verify_bundle(read_bundle(workshop.unsigned("0.9.0")), trust)


def test_a_stranger_is_refused(trust: Path, tmp_path: Path) -> None:
    stranger = open_workshop(tmp_path / "stranger")
    with pytest.raises(SignatureError, match="not signed by a key that this station trusts"):
        verify_bundle(read_bundle(stranger.signed()), trust)


def test_the_signature_of_another_bundle_is_refused(
    workshop: Workshop, signed: Bundle, trust: Path
) -> None:
    other = read_bundle(workshop.unsigned("1.0.1"))
    assert signed.signature is not None
    with pytest.raises(SignatureError, match="has not released this manifest"):
        verify_bundle(with_signature(other, signed.signature), trust)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "line_targets"])
def test_every_changed_digit_of_a_signature_is_refused(
    role: str, signed: Bundle, trust: Path
) -> None:
    document = json.loads(signed.signature or b"")
    metadata = json.loads(document[role])
    digits = metadata["signatures"][0]["sig"]
    for place in range(0, len(digits), 31):
        other = "0" if digits[place] != "0" else "1"
        metadata["signatures"][0]["sig"] = digits[:place] + other + digits[place + 1 :]
        forged = json.dumps({**document, role: json.dumps(metadata)}).encode()
        with pytest.raises(SignatureError):
            verify_bundle(with_signature(signed, forged), trust)


@pytest.mark.parametrize(
    "signature",
    [b"", b"\xff\x00", b"{}", b"[" * 100_000, b'{"algorithm":"none"}'],
    ids=["empty", "bytes", "no fields", "deep", "no algorithm"],
)
def test_an_unreadable_signature_is_refused(signature: bytes, signed: Bundle, trust: Path) -> None:
    with pytest.raises(SignatureError, match=r"manifest\.sig: .*: run `lineside-deploy release`"):
        verify_bundle(with_signature(signed, signature), trust)


def test_a_station_without_a_root_says_how_to_give_one(signed: Bundle, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match=r"absent: no folder with a root.*--trust root\.json"):
        verify_bundle(signed, tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SignatureError, match=r"holds no root\.json.*--trust root\.json"):
        verify_bundle(signed, tmp_path / "empty")


@pytest.mark.parametrize(
    "text", [b"", b"-----BEGIN PUBLIC KEY-----", b"{}", b"[" * 50_000, bytes(70_000)]
)
def test_a_root_that_is_none_is_named(text: bytes, signed: Bundle, trust: Path) -> None:
    (trust / "root.json").write_bytes(text)
    with pytest.raises(SignatureError, match=r"root\.json: is no root of trust"):
        verify_bundle(signed, trust)


def test_a_root_that_too_few_have_signed_is_refused(signed: Bundle, trust: Path) -> None:
    document = json.loads((trust / "root.json").read_text())
    document["signatures"] = document["signatures"][:1]
    (trust / "root.json").write_text(json.dumps(document))
    with pytest.raises(SignatureError, match="is no root of trust"):
        verify_bundle(signed, trust)
