from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.core.own_version import is_older, own_version
from edge_agent.contracts.image.alignment import make_alignment
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import (
    Bundle,
    archive,
    parse_bundle,
    read_bundle,
    signed_bundle,
    write_bundle,
)
from edge_agent.contracts.model.manifest import FORMAT_VERSION, OLDEST_AGENT, Manifest


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as source:
        return {name: source.read(name) for name in source.namelist()}


def refusal(payload: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        parse_bundle(payload, "x.bundle")
    assert str(caught.value).startswith("x.bundle")
    assert caught.value.cure
    return str(caught.value)


def edited(path: Path, **changes: object) -> bytes:
    files = members(path)
    document = json.loads(files["manifest.json"])
    document.update(changes)
    files["manifest.json"] = json.dumps(document).encode()
    return archive(files)


def test_a_written_bundle_reads_back(bundle_path: Path, manifest: Manifest) -> None:
    bundle = read_bundle(bundle_path)
    assert bundle.title == "caps 1.2.3"
    assert bundle.model == b"TFL3 network"
    assert bundle.manifest.spec == manifest.spec
    assert bundle.signature is None


def test_any_unzip_opens_a_bundle(bundle_path: Path) -> None:
    with zipfile.ZipFile(bundle_path) as source:
        assert source.testzip() is None
        assert "model.tflite" in source.namelist()


def test_same_content_gives_the_same_bytes(tmp_path: Path, bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    again = tmp_path / "again.bundle"
    write_bundle(again, bundle.manifest, dict(reversed(list(bundle.files.items()))))
    assert again.read_bytes() == bundle_path.read_bytes()


def test_a_flip_of_every_byte_is_refused(bundle_path: Path) -> None:
    """Signed: so the signature's own bytes are among them."""
    payload = bytearray(signed_bundle(read_bundle(bundle_path), b'{"signature": "00"}'))
    for place in range(len(payload)):
        payload[place] ^= 1 << (place % 8)
        with pytest.raises(BundleError):
            parse_bundle(bytes(payload), "x.bundle")
        payload[place] ^= 1 << (place % 8)
    parse_bundle(bytes(payload), "x.bundle")


def test_every_truncation_is_refused(bundle_path: Path) -> None:
    payload = bundle_path.read_bytes()
    for length in range(len(payload)):
        refusal(payload[:length])


def test_bytes_before_or_after_are_refused(bundle_path: Path) -> None:
    payload = bundle_path.read_bytes()
    refusal(payload + b"\0")
    refusal(b"\0" + payload)


def test_missing_file_is_named(bundle_path: Path) -> None:
    files = members(bundle_path)
    del files["golden/good.png"]
    assert "golden/good.png is missing" in refusal(archive(files))


def test_extra_file_is_named(bundle_path: Path) -> None:
    message = refusal(archive({**members(bundle_path), "extra.sh": b"rm"}))
    assert "extra.sh is not in the manifest" in message


def test_altered_file_is_named(bundle_path: Path) -> None:
    files = {**members(bundle_path), "model.tflite": b"TFL3 netwerk"}
    assert "model.tflite was altered" in refusal(archive(files))


def test_bundle_without_a_model_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(BundleError, match=r"model\.tflite is missing"):
        write_bundle(tmp_path / "x.bundle", manifest, {"vectors.npz": b""})
    assert not (tmp_path / "x.bundle").exists()


@pytest.mark.parametrize("found", [0, "1", None, True])
def test_what_is_no_format_is_refused(bundle_path: Path, found: object) -> None:
    message = refusal(edited(bundle_path, format=found))
    assert (
        f"has format {found!r}; this version, {own_version()}, reads 1, 2, 3, 4, 5 and 6" in message
    )
    assert "convert the run again" in message


def test_a_newer_format_is_refused_with_the_version_that_reads_it(bundle_path: Path) -> None:
    """Whatever else is in it: only the two keys that every format has are read."""
    files = members(bundle_path)
    newer = {"format": 5, "oldest_agent": "7.0.0", "spec": {"kind": "of 2031"}}
    files["manifest.json"] = json.dumps(newer).encode()
    message = refusal(archive(files))
    assert "has format 5 and needs Lineside 7.0.0 or newer; this version" in message
    assert "reads 1, 2, 3, 4, 5 and 6" in message
    assert "update this station's agent first: `lineside-deploy push-agent`" in message


@pytest.mark.parametrize("oldest", [None, 7, "seven", "7.0.0; rm", ["7.0.0"]])
def test_a_newer_format_without_a_version_is_refused_in_words(
    bundle_path: Path, oldest: object
) -> None:
    message = refusal(edited(bundle_path, format=99, oldest_agent=oldest))
    assert "has format 99; this version" in message
    assert "update this station's agent first" in message


def test_a_known_format_that_needs_a_newer_agent_is_refused(bundle_path: Path) -> None:
    message = refusal(edited(bundle_path, oldest_agent="7.0.0"))
    assert "needs Lineside 7.0.0 or newer" in message
    assert "update this station's agent first" in message


SINCE = {"oldest_agent": 2, "search": 3, "cut_out": 4}
"""Keys that a manifest did not have before that format."""


@pytest.mark.parametrize(
    ("number", "oldest", "search"),
    [(1, "0.0.0", "every"), (2, "0.2.0", "every"), (3, "0.3.0", "coarse_to_fine")],
)
def test_a_bundle_of_an_older_format_is_read(
    bundle_path: Path, number: int, oldest: str, search: str
) -> None:
    """Without the keys that came later: it means what it meant."""
    picture = np.random.default_rng(2).integers(0, 256, (48, 64, 3), np.uint8)
    document = json.loads(members(bundle_path)["manifest.json"])
    document |= {"format": number, "oldest_agent": oldest}
    document["spec"]["input"]["align"] = make_alignment(picture).model_dump()
    for table in (document, document["spec"]["input"], document["spec"]["input"]["align"]):
        for key in [key for key in table if SINCE.get(key, 1) > number]:
            del table[key]
    files = {**members(bundle_path), "manifest.json": json.dumps(document).encode()}
    found = parse_bundle(archive(files), "old").manifest
    assert (found.format, found.oldest_agent) == (number, oldest)
    assert isinstance(found.spec.input, ImageInput)
    assert found.spec.input.align is not None
    assert found.spec.input.align.search == search
    assert found.spec.input.cut_out is None


def test_keys_of_a_manifest_are_those_of_its_format() -> None:
    """A key more or less: an agent that is out there refuses it. Then a new FORMAT_VERSION, and
    OLDEST_AGENT the first version that reads it, say so; this sum is of format 6."""
    text = json.dumps(sorted(words_of(Manifest.model_json_schema())))
    found = (FORMAT_VERSION, OLDEST_AGENT, sha256_hex(text.encode())[:16])
    assert found == (6, "0.6.0", "2402909607fdda37")
    assert not is_older(own_version(), OLDEST_AGENT)


def words_of(schema: object, at: str = "") -> Iterator[str]:
    """Each table's keys, and the words that a value may be, in a JSON schema."""
    if isinstance(schema, list):
        for one in schema:
            yield from words_of(one, at)
    if not isinstance(schema, dict):
        return
    for key in ("enum", "const"):
        if key in schema:
            yield f"{at} = {schema[key]}"
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            for name, inner in value.items():
                yield f"{at}.{name}"
                yield from words_of(inner, f"{at}.{name}")
        elif key not in ("enum", "const", "default", "examples"):
            yield from words_of(value, at)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "c:evil", "a\\b", "./a"])
def test_path_outside_the_archive_is_refused(bundle_path: Path, name: str) -> None:
    assert "leads outside the bundle" in refusal(archive({**members(bundle_path), name: b""}))
    listed = {name: {"sha256": "0" * 64, "bytes": 0}}
    assert "leads outside the bundle" in refusal(edited(bundle_path, files=listed))


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("MANIFEST.JSON", "manifest.json"),
        ("manifest.json ", "manifest.json"),
        ("model.tflite\u202e", "model.tflite"),
        ("\u200bvectors.npz", "vectors.npz"),
        ("\uff4dodel.tflite", "model.tflite"),
    ],
)
def test_name_that_reads_like_one_of_the_bundles_own_is_refused(
    bundle_path: Path, name: str, like: str
) -> None:
    said = refusal(archive({**members(bundle_path), name: b""}))
    assert f"{name!r} reads like {like}" in said


def test_file_that_macos_or_a_messenger_named_is_taken(bundle_path: Path) -> None:
    """macOS writes U+202F into the names of screen shots, WhatsApp U+200E into those of photos."""
    name = "golden/\u200eShot at 9.41\u202fAM.png"
    said = refusal(archive({**members(bundle_path), name: b""}))
    assert "is not in the manifest" in said


def test_unknown_field_is_named(bundle_path: Path) -> None:
    assert "colour" in refusal(edited(bundle_path, colour="red"))


def test_good_label_must_exist(bundle_path: Path) -> None:
    spec = json.loads(members(bundle_path)["manifest.json"])["spec"]
    spec["good"] = ["fine"]
    assert "'fine' is not among the labels" in refusal(edited(bundle_path, spec=spec))


def test_threshold_that_no_probability_reaches_is_refused(bundle_path: Path) -> None:
    spec = json.loads(members(bundle_path)["manifest.json"])["spec"]
    spec["scoring"]["threshold"] = 1.5
    said = refusal(edited(bundle_path, spec=spec))
    assert "manifest.json: spec.scoring: threshold 1.5 of a classifier is no probability" in said


def test_manifest_that_is_not_json_is_refused(bundle_path: Path) -> None:
    refusal(archive({**members(bundle_path), "manifest.json": b"{"}))
    refusal(archive({**members(bundle_path), "manifest.json": b"[]"}))
    refusal(archive({**members(bundle_path), "manifest.json": b"\xff"}))


def test_compressed_archive_is_refused(bundle_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, payload in members(bundle_path).items():
            target.writestr(name, payload * 50)
    assert "is compressed" in refusal(buffer.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_name_that_is_there_twice_is_refused(bundle_path: Path) -> None:
    buffer = io.BytesIO(bundle_path.read_bytes())
    with zipfile.ZipFile(buffer, "a") as target:
        target.writestr("model.tflite", b"another")
    assert "is there twice" in refusal(buffer.getvalue())


@pytest.mark.parametrize(
    "payload",
    [b"", b"PK", b"not a zip at all" * 9, b"\x89PNG\r\n"],
    ids=["empty", "pk", "text", "png"],
)
def test_wrong_type_of_file_is_refused(payload: bytes) -> None:
    assert "truncated or damaged" in refusal(payload)


def test_missing_file_says_check_the_path(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere\.bundle: cannot be read .*check the path"):
        read_bundle(tmp_path / "nowhere.bundle")


def test_signature_is_kept_apart_from_the_files(bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    signed: Bundle = parse_bundle(signed_bundle(bundle, b"sig"), "x.bundle")
    assert signed.signature == b"sig"
    assert signed.manifest_bytes == bundle.manifest_bytes
    assert signed.files == bundle.files


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from edge_agent.contracts.core.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_atomic(Path(sys.argv[1]), b"x" * 5000)
"""


def test_write_that_does_not_fit_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "floor.json"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert "StorageError" in done.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["floor.json"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_unwritable_folder_says_so() -> None:
    with pytest.raises(StorageError, match="/proc/nowhere/file: cannot write"):
        write_atomic(Path("/proc/nowhere/file"), b"")
