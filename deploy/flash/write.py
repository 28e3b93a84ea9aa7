"""Writing an image so that a card boots whole or not at all, and reading it back.

The first MiB, with the partition table, is zeroed first and written last: a card that was pulled
out, or whose copy failed, has no boot signature.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, TypeAlias

from deploy.flash.bmap import Extent
from deploy.flash.card import BLOCK_BYTES, CHUNK_BYTES, Card, buffer
from deploy.flash.image import DECOMPRESS, HEAD_BYTES, open_image
from edge_agent.contracts.core.errors import InputError, StorageError

WRITES_AT_ONCE = 2
"""The disk has its next write while this program reads and hashes the one after it."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage, the bytes that are done and all of them."""


@dataclass(frozen=True)
class Source:
    """An image file, its size when decompressed, and the extents of it that are written.

    sha256: of the decompressed image, where it is known beforehand.
    """

    path: Path
    image_bytes: int
    extents: tuple[Extent, ...]
    sha256: str = ""

    @property
    def whole(self) -> bool:
        """Whether every byte of the image is written."""
        return self.extents == (Extent(0, self.image_bytes),)


@dataclass(frozen=True)
class Written:
    """What is on the card but for its first MiB, which `head` holds back.

    sha256: of the extents in order. image_sha256: of the whole image, empty where it was not read.
    """

    head: memoryview
    written_bytes: int
    sha256: str
    image_sha256: str


def write_image(card: Card, source: Source, progress: Progress) -> Written:
    """Write everything but the first MiB; raises InputError, StorageError, DeviceError."""
    _erase_ends(card)
    head, total, done = buffer(HEAD_BYTES), _total(source), 0
    digest = hashlib.sha256()
    under_way: deque[Future[None]] = deque()

    def put(offset: int, payload: memoryview) -> None:
        if offset < HEAD_BYTES:
            head[offset : offset + len(payload)] = payload
        else:
            card.write(offset, _padded(card, offset, payload))

    with open_image(source.path) as stream, ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
        reader = _Reader(stream, source)
        for offset, payload in _chunks(reader, source.extents):
            if len(under_way) == WRITES_AT_ONCE:
                under_way.popleft().result()
            under_way.append(pool.submit(put, offset, payload))
            digest.update(payload)
            done += len(payload)
            progress("write", done, total)
        while under_way:
            under_way.popleft().result()
        image_sha256 = reader.finish(digest.hexdigest())
    card.flush()
    return Written(head, done, digest.hexdigest(), image_sha256)


def verify_image(card: Card, source: Source, written: Written, progress: Progress) -> None:
    """Read everything back but the first MiB; raises StorageError where a bit differs."""
    digest, total, done = hashlib.sha256(), _total(source), 0
    buffers = (buffer(), buffer())
    spans = list(_spans(source.extents))

    def read(number: int) -> memoryview:
        start, end = spans[number]
        if end <= HEAD_BYTES:
            return written.head[start:end]
        into = buffers[number % 2]
        card.read(start, into[: _padded_length(card, start, end)])
        return into[: end - start]

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, 0)
        for number in range(len(spans)):
            payload = coming.result()
            if number + 1 < len(spans):
                coming = pool.submit(read, number + 1)
            digest.update(payload)
            done += len(payload)
            progress("verify", done, total)
    if digest.hexdigest() != written.sha256:
        cure = "use another card or reader; this card cannot boot as it is"
        raise StorageError("does not give back what was written", where=card.disk.path, cure=cure)


def write_head(card: Card, head: memoryview) -> None:
    """Write the held back first MiB, the boot signature last, and read it back."""
    sector = BLOCK_BYTES
    card.write(sector, head[sector:])
    card.flush()
    card.write(0, head[:sector])
    card.flush()
    found = buffer(HEAD_BYTES)
    card.read(0, found)
    if found != head:
        _erase(card, 0)
        cure = "use another card or reader"
        raise StorageError("its first MiB differs", where=card.disk.path, cure=cure)


class _Reader:
    """Gives the spans of an image in order; what lies between them is skipped or, in a stream,
    read, and hashed where the whole image's sum is asked for.
    """

    def __init__(self, stream: IO[bytes], source: Source) -> None:
        self._stream = stream
        self._source = source
        self._at = 0
        compressed = source.path.suffix.lower() in DECOMPRESS
        self._seeks = not compressed and not source.sha256
        self._image = None if source.whole or self._seeks else hashlib.sha256()

    def fill(self, start: int, into: memoryview) -> None:
        """Fill `into` with the image from `start`; raises InputError where it ends before."""
        self._skip_to(start)
        while into:
            piece = self._stream.readinto(into)  # type: ignore[attr-defined]
            if not piece:
                self._end_early()
            if self._image:
                self._image.update(into[:piece])
            into, self._at = into[piece:], self._at + piece

    def finish(self, written_sha256: str) -> str:
        """Check the end of the image and its sum; returns the sum, empty where it is unknown."""
        if self._seeks and not self._source.whole:
            return ""
        self._skip_to(self._source.image_bytes)
        if self._stream.read(1):
            self._refuse(f"longer than the {self._source.image_bytes} bytes it should have")
        found = self._image.hexdigest() if self._image else written_sha256
        if self._source.sha256 not in ("", found):
            self._refuse(f"sha256 of the unpacked image is {found}, not {self._source.sha256}")
        return found

    def _skip_to(self, start: int) -> None:
        if self._seeks:
            self._stream.seek(start)
            self._at = start
        while self._at < start:
            piece = self._stream.read(min(CHUNK_BYTES, start - self._at))
            if not piece:
                self._end_early()
            if self._image:
                self._image.update(piece)
            self._at += len(piece)

    def _end_early(self) -> NoReturn:
        self._refuse(f"ends after {self._at} of {self._source.image_bytes} bytes")

    def _refuse(self, what: str) -> NoReturn:
        cure = "download the image and its list or block map again; this card cannot boot as it is"
        raise InputError(what, where=str(self._source.path), cure=cure)


def _spans(extents: tuple[Extent, ...]) -> Iterator[tuple[int, int]]:
    """Start and end of every piece: none crosses the first MiB, or is larger than a chunk."""
    for extent in extents:
        at = extent.start
        while at < extent.end:
            edge = HEAD_BYTES if at < HEAD_BYTES else extent.end
            end = min(extent.end, edge, at + CHUNK_BYTES)
            yield at, end
            at = end


def _chunks(reader: _Reader, extents: tuple[Extent, ...]) -> Iterator[tuple[int, memoryview]]:
    """Offset and bytes of every piece; checks the sum of every extent.

    A piece's buffer is filled again after the next WRITES_AT_ONCE pieces.
    """
    buffers, turn = [buffer() for _ in range(WRITES_AT_ONCE + 1)], 0
    for extent in extents:
        digest = hashlib.sha256() if extent.sha256 else None
        for start, end in _spans((extent,)):
            payload = buffers[turn][: end - start]
            turn = (turn + 1) % len(buffers)
            reader.fill(start, payload)
            if digest:
                digest.update(payload)
            yield start, payload
        if digest and digest.hexdigest() != extent.sha256:
            raise InputError(
                f"bytes {extent.start} to {extent.end} differ from the block map",
                where="the image",
                cure="download image and block map again; this card cannot boot as it is",
            )


def _padded_length(card: Card, start: int, end: int) -> int:
    """A whole number of blocks, but at the end of the disk."""
    return min(-(-(end - start) // BLOCK_BYTES) * BLOCK_BYTES, card.disk.size_bytes - start)


def _padded(card: Card, offset: int, payload: memoryview) -> memoryview:
    """The payload with zeros to a whole number of blocks."""
    length = _padded_length(card, offset, offset + len(payload))
    if length == len(payload):
        return payload
    whole = buffer(length)
    whole[: len(payload)] = payload
    return whole


def _erase_ends(card: Card) -> None:
    """Remove the old partition table, and the copy of it that GPT has at the end of the disk."""
    _erase(card, 0)
    _erase(card, card.disk.size_bytes - HEAD_BYTES)
    card.flush()


def _erase(card: Card, offset: int) -> None:
    card.write(offset, buffer(HEAD_BYTES))


def _total(source: Source) -> int:
    return sum(extent.end - extent.start for extent in source.extents)
