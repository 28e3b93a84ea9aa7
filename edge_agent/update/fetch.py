"""A release from a folder of releases: a USB stick, a share, or static files on HTTPS.

Metadata is fetched and checked first; the bundle itself only when the station may install it, and
no more of it than the metadata says. What is read before that is bounded, and used for nothing
but to find the next file.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from packaging.version import Version as Order
from pydantic import BaseModel, Field, ValidationError

from edge_agent.contracts.core.cut_off import ANSWER_S, longest_s
from edge_agent.contracts.core.errors import DeviceError, SignatureError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.server_tls import server_context
from edge_agent.contracts.model.bundle import MAX_BYTES, parse_bundle, signed_bundle
from edge_agent.contracts.model.manifest import Sha256
from edge_agent.contracts.model.signature import MANIFEST_SHA256, MOST_ROOTS, Signature
from edge_agent.update.trusted import Trusted

if TYPE_CHECKING:
    import urllib3

MOST_METADATA_BYTES = 1 << 20
TIMEOUT_S = 20.0
METADATA_S = 900.0
"""The longest that all metadata of one release takes, however many files it has: enough for a
megabyte and dozens of connections over a modem."""
METADATA = "metadata/"
AWAY = (
    *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT),
)
"""What the kernel says of a stick that was drawn, and of a share whose server is away."""
PLACE = re.compile(
    r"([a-z0-9][a-z0-9-]{0,31})/([a-z0-9][a-z0-9_-]{0,62})-(\d+\.\d+\.\d+)\.(bundle|wheels)"
)

Read: TypeAlias = Callable[[str, int], bytes | None]
"""The file of a path below the folder, of at most so many bytes; None where there is none."""


Decrypt: TypeAlias = Callable[[bytes, str], bytes]
"""The bundle in these bytes, which came from a place; raises BundleError."""


class _Meta(BaseModel):
    version: Annotated[int, Field(ge=1)]


class _Listing(BaseModel):
    """Of timestamp and snapshot: the versions of other files."""

    meta: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}\.json$")], _Meta]


class _Target(BaseModel):
    length: Annotated[int, Field(ge=1, le=MAX_BYTES)]
    hashes: dict[str, Sha256]
    custom: dict[str, Any] = Field(default_factory=dict)


class _Targets(BaseModel):
    targets: dict[str, _Target]


class _File(BaseModel):
    signed: dict[str, Any]


def as_it_is(payload: bytes, where: str) -> bytes:
    """For a station that reads no encrypted bundles."""
    del where
    return payload


@dataclass(frozen=True)
class Wanted:
    """A release of a kind ("bundle", "wheels"). version: empty for the newest; line: the product
    line that must have released it, empty for any."""

    name: str
    version: str = ""
    kind: str = "bundle"
    line: str = ""

    def is_met_by(self, line: str, name: str, version: str, kind: str) -> bool:
        """Whether a target is one of it."""
        may = self.version in ("", version) and self.line in ("", line)
        return may and (name, kind) == (self.name, self.kind)


@dataclass(frozen=True)
class Fetched:
    """A target as it was released, with the metadata that lead to it; `path`: where it lay."""

    path: str
    payload: bytes
    manifest_sha256: str
    signature: Signature


def fetch_release(
    read: Read,
    name: str,
    trusted: Trusted,
    *,
    now_ns: int,
    where: str,
    version: str = "",
    decrypt: Decrypt = as_it_is,
) -> bytes:
    """The signed bytes of the newest release of the bundle `name`, checked against `trusted`.

    version: this one in place of the newest. decrypt: reads what is encrypted for this station;
    nothing of that is written anywhere. Raises as fetch_target does.
    """
    wanted = Wanted(name, version)
    found = fetch_target(read, wanted, trusted, now_ns=now_ns, where=where)
    bundle = parse_bundle(decrypt(found.payload, found.path), found.path)
    if sha256_hex(bundle.manifest_bytes) != found.manifest_sha256:
        raise SignatureError(
            "holds another manifest than was released",
            where=found.path,
            cure="ask who released it",
        )
    return signed_bundle(bundle, found.signature.model_dump_json().encode())


def fetch_target(
    read: Read,
    wanted: Wanted,
    trusted: Trusted,
    *,
    now_ns: int,
    where: str,
    metadata_s: float = METADATA_S,
) -> Fetched:
    """A release, checked against `trusted`. metadata_s: the longest that all its metadata takes.

    Raises SignatureError or RollbackError before the file is fetched, StorageError for what
    is missing, DeviceError for a server out of reach.
    """
    from edge_agent.update.metadata import find_release

    signature, path, target = _newest(_Folder(read, where, metadata_s), wanted)
    manifest_sha256 = str(target.custom.get(MANIFEST_SHA256))
    find_release(signature, manifest_sha256, trusted, now_ns=now_ns, where=f"{where}: {path}")
    folder, _, file = path.rpartition("/")
    place = f"targets/{folder}/{target.hashes['sha256']}.{file}"
    payload = read(place, target.length)
    if payload is None or sha256_hex(payload) != target.hashes["sha256"]:
        raise SignatureError(
            "is missing, or not what was released",
            where=f"{where}/{place}",
            cure="copy the folder of releases again, whole",
        )
    return Fetched(place, payload, manifest_sha256, signature)


def reader(source: str, ca: Path | None = None, answer_s: float = ANSWER_S) -> Read:
    """How to read `source`, a folder or an address http(s)://...; ca: who signs its certificate.

    answer_s: the longest that a server takes for a file, beside the time that its bytes need.
    """
    if re.match(r"https?://", source):
        return _Server(source.rstrip("/"), ca, answer_s).read
    return _Stick(Path(source)).read


class _Stick:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The file, None where there is none; raises StorageError, DeviceError where the folder
        itself is away: a stick that was not put in, or was drawn."""
        try:
            payload = _read_file(self._folder / path, most_bytes + 1)
        except FileNotFoundError as error:
            if self._folder.is_dir():
                return None
            raise self._away(error) from error
        except OSError as error:
            if error.errno in AWAY:
                raise self._away(error) from error
            raise StorageError(
                f"cannot be read ({error.strerror})",
                where=str(self._folder / path),
                cure="check the medium, or copy the folder again",
            ) from error
        return _bounded(payload, most_bytes, str(self._folder / path))

    def _away(self, error: OSError) -> DeviceError:
        return DeviceError(
            f"cannot be reached ({error.strerror})",
            where=str(self._folder),
            cure="put the stick in, mount the share, or correct the path",
        )


def _read_file(path: Path, most_bytes: int) -> bytes:
    """The beginning of a regular file; raises StorageError for anything else, OSError.

    A stranger's stick may lead to a device, which the opening alone would start, or to a FIFO,
    which nobody writes.
    """
    if stat.S_ISREG(path.stat().st_mode):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return stream.read(most_bytes)
    raise StorageError(
        "no regular file", where=str(path), cure="find out who put it there; copy the folder again"
    )


class _Server:
    """Static files behind an address; redirections are not followed."""

    def __init__(self, base: str, ca: Path | None, answer_s: float) -> None:
        self._base = base
        self._ca = ca
        self._answer_s = answer_s
        self._context: ssl.SSLContext | None = None

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """The file, None where there is none; raises DeviceError, ConfigError for the `ca`."""
        import urllib3

        from edge_agent.contracts.core.http_until import pool_until

        address = f"{self._base}/{path}"
        is_small = path.startswith(METADATA)  # nothing vouches for its length before it is read
        most_s = self._answer_s if is_small else longest_s(most_bytes, self._answer_s)
        # It reads the system's certificates: once, not for each file.
        self._context = self._context or server_context(self._ca)
        try:
            settings = {"timeout": TIMEOUT_S, "retries": False, "ssl_context": self._context}
            stated = most_bytes if is_small else 0
            with pool_until(most_s, most_bytes=stated, **settings) as pool:
                answer = pool.request("GET", address, preload_content=False)
                try:
                    return _content(answer, most_bytes, address)
                finally:
                    answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._context = None  # a certificate may have been replaced
            raise DeviceError(
                f"cannot be reached ({error})", where=address, cure="check network and --ca"
            ) from error


def _content(answer: urllib3.BaseHTTPResponse, most_bytes: int, address: str) -> bytes | None:
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise DeviceError(
            f"answers {answer.status}", where=address, cure="check the address of the releases"
        )
    return _bounded(answer.read(most_bytes + 1), most_bytes, address)


class _Folder:
    """Metadata files by name; what is read is not trusted yet."""

    def __init__(self, read: Read, where: str, most_s: float) -> None:
        self._read = read
        self._most_s = most_s
        self._until_s = time.monotonic() + most_s
        self.where = where

    def text(self, name: str) -> str:
        """A file of `metadata/`; raises StorageError where it is missing, DeviceError where all
        of them take too long."""
        payload = self._file(name)
        if payload is None:
            raise self.fault("is missing", name)
        try:
            return payload.decode()
        except UnicodeDecodeError as error:
            raise self.fault("is no text", name) from error

    def roots(self) -> list[str]:
        """Every root from the first; they end where one is missing."""
        found = [self.text("1.root.json")]
        while len(found) < MOST_ROOTS:
            text = self._file(f"{len(found) + 1}.root.json")
            if text is None:
                break
            found.append(text.decode("utf-8", "replace"))
        return found

    def signed(self, kind: type[Any], text: str, name: str) -> Any:
        """What of a file is needed to find the next; raises StorageError."""
        try:
            return kind.model_validate(_File.model_validate_json(text).signed)
        except ValidationError as error:
            raise self.fault("is no metadata", name) from error

    def _file(self, name: str) -> bytes | None:
        if time.monotonic() > self._until_s:
            raise DeviceError(
                f"its metadata takes more than {self._most_s:.0f} s",
                where=self.where,
                cure="check the network and the server; it is tried again from the start",
            )
        return self._read(METADATA + name, MOST_METADATA_BYTES)

    def fault(self, what: str, name: str) -> StorageError:
        """An error about a file of this folder."""
        return StorageError(
            what,
            where=f"{self.where}/{METADATA}{name}",
            cure="name a folder that `lineside-deploy release` wrote, or copy it again",
        )


def _newest(folder: _Folder, wanted: Wanted) -> tuple[Signature, str, _Target]:
    timestamp = folder.text("timestamp.json")
    listing = folder.signed(_Listing, timestamp, "timestamp.json")
    snapshot_name = f"{_version(folder, listing, 'snapshot.json')}.snapshot.json"
    snapshot = folder.text(snapshot_name)
    listing = folder.signed(_Listing, snapshot, snapshot_name)
    found: list[tuple[Order, str, _Target, str]] = []
    for file in sorted(set(listing.meta) - {"targets.json"}):
        text = folder.text(f"{listing.meta[file].version}.{file}")
        for path, target in folder.signed(_Targets, text, file).targets.items():
            place = PLACE.fullmatch(path)
            if place and f"{place[1]}.json" == file and wanted.is_met_by(*place.groups()):
                found.append((Order(place[3]), path, target, text))
    if not found:
        raise StorageError(
            f"no release of {f'{wanted.name} {wanted.version}'.strip()!r}",
            where=folder.where,
            cure="check the name, or release it",
        )
    _, path, target, line_text = max(found, key=lambda one: one[0])
    signature = Signature(
        roots=folder.roots(),
        timestamp=timestamp,
        snapshot=snapshot,
        targets=folder.text(f"{_version(folder, listing, 'targets.json')}.targets.json"),
        line=path.partition("/")[0],
        line_targets=line_text,
    )
    return signature, path, target


def _version(folder: _Folder, listing: _Listing, name: str) -> int:
    if name not in listing.meta:
        raise folder.fault("is not listed", name)
    return listing.meta[name].version


def _bounded(payload: bytes, most_bytes: int, where: str) -> bytes:
    if len(payload) > most_bytes:
        raise StorageError(
            f"has more than {most_bytes} bytes", where=where, cure="do not use this source"
        )
    return payload
