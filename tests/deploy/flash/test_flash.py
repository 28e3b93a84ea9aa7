"""Flashing loop devices: what is on the card afterwards is read from the file behind it."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import random
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from deploy.__main__ import main
from deploy.flash.receipt import check_receipt
from edge_agent.contracts.core.errors import SignatureError
from tests.deploy.flash.conftest import Attach
from tests.signing_kit import open_workshop

MIB = 1 << 20


def make_image(path: Path, size: int = 12 * MIB + 1536) -> bytes:
    """A disk image with a boot signature, every page another one, and a hole of 4 MiB at 5 MiB."""
    pages = (b"%016d" % number * 256 for number in range(-(-size // 4096)))
    content = bytearray(b"".join(pages)[:size])
    content[510:512] = b"\x55\xaa"
    content[5 * MIB : 9 * MIB] = bytes(4 * MIB)
    path.write_bytes(content)
    return bytes(content)


def make_card(path: Path, size: int = 32 * MIB) -> Path:
    """An old card: bytes everywhere, so that whatever is written or left shows."""
    path.write_bytes(random.Random(8).randbytes(MIB) * (size // MIB))
    return path


def run(image: Path, device: str, file: Path, *words: str) -> int:
    return main(["flash", str(image), device, "--serial", str(file), "--yes", *words])


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz", ".zst"])
def test_card_holds_the_image_byte_by_byte(suffix: str, tmp_path: Path, attach: Attach) -> None:
    content = make_image(tmp_path / "os.img")
    image = tmp_path / f"os.img{suffix}"
    if suffix == ".xz":
        image.write_bytes(lzma.compress(content, preset=0))
    elif suffix == ".gz":
        image.write_bytes(gzip.compress(content, 1))
    elif suffix == ".zst":
        subprocess.run(["zstd", "-1q", str(tmp_path / "os.img"), "-o", str(image)], check=True)
    card = make_card(tmp_path / "card")
    assert run(image, attach(card), card) == 0
    found = card.read_bytes()
    assert found[: len(content)] == content
    assert not any(found[-MIB:])  # the copy of an old partition table


def test_block_map_leaves_holes_alone(tmp_path: Path, attach: Attach) -> None:
    content = make_image(tmp_path / "full.img")
    image, bmap = tmp_path / "os.img", tmp_path / "os.bmap"
    subprocess.run(["cp", "--sparse=always", str(tmp_path / "full.img"), str(image)], check=True)
    try:
        subprocess.run(["bmaptool", "-q", "create", "-o", str(bmap), str(image)], check=True)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: bmaptool (Debian: bmap-tools) is not installed")
    card = make_card(tmp_path / "card")
    before = card.read_bytes()
    assert run(image, attach(card), card, "--bmap", str(bmap)) == 0
    found = card.read_bytes()
    assert found[5 * MIB : 9 * MIB] == before[5 * MIB : 9 * MIB]
    assert found[: 5 * MIB] == content[: 5 * MIB]
    assert found[9 * MIB : len(content)] == content[9 * MIB :]


def test_receipt_names_hashes_and_device_and_is_signed(
    tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    content = make_image(tmp_path / "os.img")
    public = open_workshop(tmp_path).keys / "online.pub"
    card, receipt = make_card(tmp_path / "card"), tmp_path / "receipt.json"
    device = attach(card)
    words = ("--keys", str(tmp_path / "keys"), "--receipt", str(receipt), "--json")
    assert run(tmp_path / "os.img", device, card, *words) == 0
    key = load_pem_public_key(public.read_bytes())
    found = check_receipt(receipt.read_bytes(), key)
    assert found == json.loads(capsys.readouterr().out)
    assert found["image"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["device"]["serial"] == str(card)
    altered = receipt.read_bytes().replace(b'"verified": true', b'"verified": false')
    with pytest.raises(SignatureError):
        check_receipt(altered, key)
    check = ["receipt", str(receipt), "--key", str(public)]
    assert main([*check, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    receipt.write_bytes(altered)
    assert main(check) == 1


def test_a_key_with_a_pass_phrase_signs_receipts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img")
    phrase = tmp_path / "phrase"
    phrase.write_text("open sesame\n")
    phrase.chmod(0o600)
    keys = str(tmp_path / "keys")
    assert main(["keys", "init", keys, "--passphrase-file", str(phrase)]) == 0
    words = ["--keys", keys, "--receipt", str(tmp_path / "receipt.json"), "--yes"]
    flash = ["flash", str(tmp_path / "os.img"), "/dev/none", *words]
    assert main(flash) == 2
    assert "has a pass phrase: add --passphrase-file FILE" in capsys.readouterr().err
    assert main([*flash, "--passphrase-file", str(phrase)]) == 4
    assert "/dev/none" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(tmp_path: Path, attach: Attach) -> None:
    make_image(tmp_path / "os.img")
    card = make_card(tmp_path / "card")
    before = card.read_bytes()
    assert run(tmp_path / "os.img", attach(card), card, "--dry-run") == 0
    assert card.read_bytes() == before


def test_nobody_at_the_keyboard_confirms_nothing(
    tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img")
    card = make_card(tmp_path / "card")
    before = card.read_bytes()
    words = ["flash", str(tmp_path / "os.img"), attach(card), "--serial", str(card)]
    assert main(words) == 2
    assert "--yes" in capsys.readouterr().err
    assert card.read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "written"),
    [("sum", False), ("cut", True), ("flipped", True), ("bmap", True), ("no image", False)],
)
def test_a_damaged_image_never_boots(
    damage: str, written: bool, tmp_path: Path, attach: Attach
) -> None:
    content = make_image(tmp_path / "os.img")
    image, words = tmp_path / "os.img.xz", []
    packed = bytearray(lzma.compress(content, preset=0))
    if damage == "sum":
        words = ["--sha256", "0" * 64]
    elif damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        packed[len(packed) // 2] ^= 0x10
    elif damage == "bmap":
        make_bmap(tmp_path / "os.bmap", content)
        words = ["--bmap", str(tmp_path / "os.bmap")]
    else:
        packed = bytearray(lzma.compress(b"<html>" + bytes(4096)))
    image.write_bytes(packed)
    card = make_card(tmp_path / "card")
    before = card.read_bytes()
    assert run(image, attach(card), card, *words) in (1, 2)
    found = card.read_bytes()
    assert found == before if not written else not any(found[:MIB]) or found == before


def make_bmap(path: Path, content: bytes) -> None:
    """A block map whose only range states the sum of other bytes."""
    blocks = -(-len(content) // 4096)
    text = (
        f'<bmap version="2.0"><ImageSize> {len(content)} </ImageSize><BlockSize> 4096 </BlockSize>'
        f"<ChecksumType> sha256 </ChecksumType><BmapFileChecksum> {'0' * 64} </BmapFileChecksum>"
        f'<BlockMap><Range chksum="{hashlib.sha256(b"").hexdigest()}"> 0-{blocks - 1} </Range>'
        "</BlockMap></bmap>"
    )
    own = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace("0" * 64, own, 1))
