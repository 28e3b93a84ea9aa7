"""The bundle: one stored ZIP in one canonical form, read whole and checked before anything is used.

Canonical means: names sorted, no compression, fixed dates and attributes. A reader rebuilds the
archive from what it read and compares, so that no byte can change unseen, not even in the ZIP's
own headers. The signature is the only file that the manifest does not list.

Nothing is parsed before it is trusted: sizes and counts are bounded first, then the caller's check
sees the raw bytes of manifest and signature, and only then the manifest is read.
"""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from pydantic import BaseModel, ValidationError

from edge_agent.contracts.core.errors import BundleError, LinesideError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.core.own_version import UPDATE_FIRST, is_older, own_version
from edge_agent.contracts.model.manifest import (
    FORMATS_READ,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    is_safe_path,
    parse_json,
)

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MODEL = "model.tflite"
VECTORS = "vectors.npz"
OWN_NAMES = frozenset({MANIFEST, SIGNATURE, MODEL, VECTORS})
ENCRYPTED = b"LINESIDE-ENCRYPTED-BUNDLE 1\n"
"""Begins a bundle that only named stations can read (edge_agent.contracts.model.encrypted)."""
MAX_BYTES = 512 << 20
"""A larger file is no bundle of ours."""
MOST_FILES = 1000
MOST_DIRECTORY_BYTES = MOST_FILES * 512
"""Of the ZIP's central directory: 46 bytes and a name for each file."""
END_BYTES = 42
"""The end record of a ZIP (22 bytes) behind the locator of the larger ZIP64 (20)."""
MOST_MANIFEST_BYTES = 1 << 20
"""Ours have 2 to 100 kB."""
MOST_MANIFEST_VALUES = 50_000
"""A wrong value costs a kilobyte of error report; ours have some thousand values."""
MOST_SIGNATURE_BYTES = 1 << 20
"""TUF metadata: 12 kB, and half a kilobyte for each release of the product line."""

COPY_AGAIN = "copy the bundle again from where it was made"
CONVERT_AGAIN = "convert the run again with lineside-quantize"


@dataclass(frozen=True)
class SealedBundle:
    """A bundle of which nothing was parsed: manifest and signature as raw bytes."""

    manifest_bytes: bytes
    signature: bytes | None
    source: str


Check: TypeAlias = Callable[[SealedBundle], object]
"""Raises BundleError where the manifest must not be read, such as by check_signature."""


@dataclass(frozen=True)
class Bundle:
    """A bundle read whole: its manifest and its files by name (without manifest and signature)."""

    manifest: Manifest
    files: Mapping[str, bytes]
    manifest_bytes: bytes
    signature: bytes | None
    sha256: str
    source: str = ""

    @property
    def model(self) -> bytes:
        """The bytes of model.tflite."""
        return self.files[MODEL]

    @property
    def title(self) -> str:
        """`name version`."""
        return f"{self.manifest.spec.name} {self.manifest.version}"


def list_files(files: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """The manifest's `files` table for `files`."""
    return {
        name: FileEntry(sha256=sha256_hex(payload), bytes=len(payload))
        for name, payload in sorted(files.items())
    }


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write an unsigned bundle whole or not at all; its manifest lists exactly `files`."""
    listed = manifest.model_copy(update={"files": list_files(files)})
    text = listed.model_dump_json(indent=1).encode()
    payload = archive({MANIFEST: text, **files})
    parse_bundle(payload, str(path))
    write_atomic(path, payload)


def signed_bundle(bundle: Bundle, signature: bytes) -> bytes:
    """The bytes of `bundle` with `signature` inside."""
    return archive_of(replace(bundle, signature=signature))


def unsigned_bundle(bundle: Bundle) -> bytes:
    """The bytes of `bundle` without its signature, as lineside-quantize wrote them."""
    return archive_of(replace(bundle, signature=None))


def archive_of(bundle: Bundle) -> bytes:
    """The bytes that `bundle` was read from."""
    signature = {} if bundle.signature is None else {SIGNATURE: bundle.signature}
    return archive({MANIFEST: bundle.manifest_bytes, **signature, **bundle.files})


def read_bundle(path: Path, check: Check | None = None) -> Bundle:
    """Read and check a bundle file; raises BundleError that names the file and the cure.

    check: sees manifest and signature before anything is parsed.
    """
    try:
        if path.exists() and not path.is_file():
            raise BundleError("is no file", where=str(path), cure="check the path")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BundleError(
                f"{size >> 20} MiB, a bundle has at most {MAX_BYTES >> 20}",
                where=str(path),
                cure="give a file that lineside-quantize wrote",
            )
        if check is not None:
            # First of a few megabytes: a stranger's bundle costs no more memory than that.
            check(_sealed(path))
        payload = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error
    return parse_bundle(payload, str(path), check)


def parse_bundle(payload: bytes, where: str, check: Check | None = None) -> Bundle:
    """Check the bytes of a bundle completely; nothing is written anywhere."""
    members = _members(payload, where)
    text = members.pop(MANIFEST, None)
    if text is None:
        raise BundleError(f"has no {MANIFEST}", where=where, cure=CONVERT_AGAIN)
    signature = members.pop(SIGNATURE, None)
    if check is not None:
        check(SealedBundle(text, signature, where))
    _refuse_other_format(text, where)
    manifest = parse_json(Manifest, text, f"{where}: {MANIFEST}")
    _refuse_wrong_files(manifest, members, where)
    whole = {MANIFEST: text, **members}
    if signature is not None:
        whole[SIGNATURE] = signature
    if archive(whole) != payload:
        raise BundleError("the archive was altered outside its files", where=where, cure=COPY_AGAIN)
    return Bundle(manifest, members, text, signature, sha256_hex(payload), where)


def archive(files: Mapping[str, bytes]) -> bytes:
    """The canonical ZIP of `files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            target.writestr(entry, files[name])
    return buffer.getvalue()


def _sealed(path: Path) -> SealedBundle:
    """Manifest and signature of a bundle file, of which nothing else is read; raises OSError."""
    where = str(path)
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(-min(size, END_BYTES), io.SEEK_END)
        found = _read_members(stream, stream.read(), size, where, (MANIFEST, SIGNATURE))
    text = found.get(MANIFEST)
    if text is None:
        raise BundleError(f"has no {MANIFEST}", where=where, cure=CONVERT_AGAIN)
    return SealedBundle(text, found.get(SIGNATURE), where)


def _members(payload: bytes, where: str) -> dict[str, bytes]:
    return _read_members(io.BytesIO(payload), payload[-END_BYTES:], len(payload), where)


def _read_members(
    stream: BinaryIO, end: bytes, size: int, where: str, only: Collection[str] = ()
) -> dict[str, bytes]:
    """The files of an archive (those of `only`, where it names some); `end`: its last bytes."""
    # A cut bundle may end in the end record of an archive inside it (vectors.npz).
    stream.seek(0)
    if stream.read(len(ENCRYPTED)) == ENCRYPTED:
        raise BundleError(
            "is encrypted for named stations",
            where=where,
            cure="a station of them takes it: `lineside-agent update start NAME --from RELEASES`",
        )
    if end[-22:-18] != b"PK\5\6":
        raise BundleError(
            "truncated or damaged (no end of the archive)", where=where, cure=COPY_AGAIN
        )
    refuse_large_directory(end, where)
    try:
        with zipfile.ZipFile(stream) as source:
            _refuse_bad_names(source.infolist(), where)
            _refuse_large_files(source.infolist(), size, where)
            names = [name for name in source.namelist() if not only or name in only]
            return {name: source.read(name) for name in names}
    except LinesideError:
        raise
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BundleError(
            f"truncated or damaged ({error})", where=where, cure=COPY_AGAIN
        ) from error
    except (OSError, OverflowError, MemoryError) as error:
        raise BundleError(f"damaged ({error})", where=where, cure=COPY_AGAIN) from error


def refuse_large_directory(payload: bytes, where: str) -> None:
    """Before the ZIP is opened, which makes an object of every entry (APPNOTE.TXT, 4.3.16)."""
    entries, size = struct.unpack("<HI", payload[-12:-6])
    if entries > MOST_FILES or size > MOST_DIRECTORY_BYTES or payload[-42:-38] == b"PK\6\7":
        raise BundleError(
            f"lists more than {MOST_FILES} files", where=where, cure="do not use it; " + COPY_AGAIN
        )


def _refuse_large_files(entries: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Entries that overlap would be read as many times the file's own size."""
    if sum(entry.file_size for entry in entries) > size:
        raise BundleError("its files overlap", where=where, cure="do not use it; " + COPY_AGAIN)
    limits = {MANIFEST: MOST_MANIFEST_BYTES, SIGNATURE: MOST_SIGNATURE_BYTES}
    for entry in entries:
        if entry.file_size > limits.get(entry.filename, size):
            raise BundleError(
                f"{entry.filename} has {entry.file_size >> 10} KiB, at most "
                f"{limits[entry.filename] >> 10} are read",
                where=where,
                cure="do not use it, and ask who made it",
            )


def _refuse_bad_names(entries: list[zipfile.ZipInfo], where: str) -> None:
    seen: set[str] = set()
    for entry in entries:
        if not is_safe_path(entry.filename):
            raise BundleError(
                f"{entry.filename!r} leads outside the bundle",
                where=where,
                cure="do not use it, and ask who made it",
            )
        if _reads_like(entry.filename) in OWN_NAMES - {entry.filename}:
            raise BundleError(
                f"{entry.filename!r} reads like {_reads_like(entry.filename)}",
                where=where,
                cure="do not use it, and ask who made it",
            )
        if entry.filename in seen:
            raise BundleError(f"{entry.filename!r} is there twice", where=where, cure=COPY_AGAIN)
        if entry.filename.endswith(".bundle"):
            cure = f"unpack it, and give the file {entry.filename}"
            raise BundleError("is a ZIP with a bundle inside", where=where, cure=cure)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > MAX_BYTES:
            cure = f"do not unpack a bundle and zip it again; {COPY_AGAIN}"
            raise BundleError(f"{entry.filename!r} is compressed", where=where, cure=cure)
        seen.add(entry.filename)


def _reads_like(name: str) -> str:
    """A name as a person or a disk that ignores case takes it: no blanks, nothing invisible."""
    seen = (sign for sign in unicodedata.normalize("NFKC", name) if sign.isprintable())
    return "".join(seen).replace(" ", "").lower()


class _Format(BaseModel):
    """What of a manifest does not change with its format; the rest is passed over."""

    format: Any = None
    oldest_agent: Any = None


def _refuse_other_format(text: bytes, where: str) -> None:
    values = text.count(b",")
    if values > MOST_MANIFEST_VALUES:
        raise BundleError(
            f"{MANIFEST} has {values} values, at most {MOST_MANIFEST_VALUES} are read",
            where=where,
            cure="do not use it, and ask who made it",
        )
    try:
        found = _Format.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(
            f"{MANIFEST} is not JSON ({error.errors()[0]['msg']})", where=where, cure=CONVERT_AGAIN
        ) from error
    oldest, own = found.oldest_agent, own_version()
    named = oldest if isinstance(oldest, str) and re.fullmatch(VERSION_PATTERN, oldest) else ""
    number = found.format if type(found.format) is int else 0
    is_known = number in FORMATS_READ
    if is_known and not is_older(own, named):
        return
    known = f"{', '.join(map(str, FORMATS_READ[:-1]))} and {FORMATS_READ[-1]}"
    reads = f"this version{f', {own},' if own else ''} reads {known}"
    is_newer = is_known or number > FORMATS_READ[-1]
    needs = f" and needs Lineside {named} or newer" if named and is_newer else ""
    raise BundleError(
        f"has format {repr(found.format)[:40]}{needs}; {reads}",
        where=f"{where}: {MANIFEST}",
        cure=UPDATE_FIRST if is_newer else CONVERT_AGAIN,
    )


def _refuse_wrong_files(manifest: Manifest, members: Mapping[str, bytes], where: str) -> None:
    missing = sorted(set(manifest.files) - set(members))
    extra = sorted(set(members) - set(manifest.files))
    if missing:
        raise BundleError(f"{missing[0]} is missing", where=where, cure=COPY_AGAIN)
    if extra:
        raise BundleError(
            f"{extra[0]} is not in the manifest", where=where, cure="do not use it; " + COPY_AGAIN
        )
    for name, entry in manifest.files.items():
        if len(members[name]) != entry.bytes or sha256_hex(members[name]) != entry.sha256:
            raise BundleError(f"{name} was altered", where=where, cure=COPY_AGAIN)
    for name in (MODEL, VECTORS):
        if name not in manifest.files:
            raise BundleError(f"{name} is missing", where=where, cure=CONVERT_AGAIN)
