"""What a bundle may cost before it is trusted: bytes, files, values; and what is read first."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError, SignatureError
from edge_agent.contracts.model.bundle import (
    MOST_FILES,
    MOST_MANIFEST_BYTES,
    MOST_MANIFEST_VALUES,
    SealedBundle,
    archive,
    parse_bundle,
    read_bundle,
)
from edge_agent.contracts.model.manifest import Manifest

COSTS = """
import resource, sys
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import parse_bundle
payload = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    parse_bundle(payload, "x.bundle")
except BundleError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, error)
"""
MOST_MB = 200


def wrong_inputs(count: int) -> bytes:
    """A manifest of which every one of `count` inputs lacks its keys: the dearest kind found."""
    return b'{"format":1,"inputs":[' + b",".join([b"{}"] * count) + b"]}"


def overlapping(count: int, size: int) -> bytes:
    """A ZIP of `count` stored files that share the same bytes, as in a "quine" bomb."""
    body, directory = bytes(size), []
    for place in reversed(range(count)):
        name = f"f{place:04d}".encode()
        sizes = (zlib.crc32(body), len(body), len(body), len(name), 0)
        head = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, *sizes) + name
        directory.append((name, sizes))
        body = head + body
    entries = b""
    for place, (name, sizes) in enumerate(reversed(directory)):
        offset = place * (30 + len(name))
        fixed = struct.pack("<4sHHHHHHIIIHH", b"PK\1\2", 20, 20, 0, 0, 0, 33, *sizes)
        entries += fixed + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(entries), len(body), 0)
    return body + entries + end


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b" " * (MOST_MANIFEST_BYTES + 1), "manifest.json has 1024 KiB, at most 1024 are read"),
        (b"[" * 1_000_000, "manifest.json is not JSON"),
        (wrong_inputs(300_000), "has 300000 values, at most 50000"),
        (wrong_inputs(MOST_MANIFEST_VALUES), "spec: Field required|version: Field required"),
        (b'{"format":1,"labels":' + b"9" * 900_000 + b"}", "manifest.json"),
    ],
    ids=["blanks", "deep", "values", "most-values", "long-number"],
)
def test_a_hostile_manifest_costs_little(manifest: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bundle"
    path.write_bytes(archive({"manifest.json": manifest}))
    done = subprocess.run(
        [sys.executable, "-c", COSTS, str(path)], capture_output=True, text=True, check=True
    )
    mb, _, message = done.stdout.partition(" ")
    assert int(mb) < MOST_MB
    assert any(word in message for word in words.split("|"))


def test_ten_thousand_files_are_refused_before_they_are_listed() -> None:
    payload = archive({f"f{place}": b"" for place in range(MOST_FILES + 1)})
    with pytest.raises(BundleError, match="lists more than 1000 files"):
        parse_bundle(payload, "x.bundle")


def test_files_that_overlap_are_refused_before_they_are_read() -> None:
    with pytest.raises(BundleError, match="its files overlap"):
        parse_bundle(overlapping(100, 1 << 20), "x.bundle")


def test_a_long_signature_is_refused(bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    files = {
        **bundle.files,
        "manifest.json": bundle.manifest_bytes,
        "manifest.sig": bytes((1 << 20) + 5000),
    }
    with pytest.raises(BundleError, match=r"manifest\.sig has 1028 KiB, at most 1024 are read"):
        parse_bundle(archive(files), "x.bundle")


def test_the_check_sees_the_raw_bytes_before_anything_is_parsed() -> None:
    seen: list[SealedBundle] = []

    def refuse(sealed: SealedBundle) -> None:
        seen.append(sealed)
        raise SignatureError("not signed", where=sealed.source)

    payload = archive({"manifest.json": b"no JSON", "manifest.sig": b"none either"})
    with pytest.raises(SignatureError, match="not signed"):
        parse_bundle(payload, "x.bundle", refuse)
    assert seen == [SealedBundle(b"no JSON", b"none either", "x.bundle")]


@pytest.mark.parametrize("version", ["٤.٠.٠", "1.²0.0", "1.0", "1.0.0-rc1", "1.0.1234567"])
def test_a_version_has_three_plain_numbers(version: str, bundle_path: Path) -> None:
    with pytest.raises(BundleError, match="version"):
        parse_bundle(edited(bundle_path, version=version), "x.bundle")


@pytest.mark.parametrize("found", [True, 1.0, "1", None])
def test_a_format_that_only_equals_ours_is_another_one(found: object, bundle_path: Path) -> None:
    with pytest.raises(BundleError, match="reads 1, 2, 3, 4, 5 and 6: convert the run again"):
        parse_bundle(edited(bundle_path, format=found), "x.bundle")


def test_a_classifier_whose_labels_are_all_good_is_refused(manifest: Manifest) -> None:
    document = manifest.spec.model_dump() | {"good": list(reversed(manifest.spec.labels))}
    with pytest.raises(ValueError, match=r"every label is good .*: no part could ever fail"):
        type(manifest.spec).model_validate(document)


def edited(path: Path, **changes: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as source:
        files = {name: source.read(name) for name in source.namelist()}
    document = json.loads(files["manifest.json"]) | changes
    return archive({**files, "manifest.json": json.dumps(document).encode()})
