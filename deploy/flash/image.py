"""The image to write: raw or compressed, streamed with bounded memory.

The reference tools decompress (xz, gzip, zstd), each with a bound on its memory, in a process
of its own: they check the stream's own sums, and a damaged one ends with their message.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO, cast

from edge_agent.contracts.core.errors import ConfigError, InputError

READ_BYTES = 1 << 20
HEAD_BYTES = 1 << 20

DECOMPRESS = {
    ".xz": ("xz", "-dc", "--memlimit-decompress=160MiB"),
    ".gz": ("gzip", "-dc"),
    ".zst": ("zstd", "-dcq", "--memory=160MB"),
}
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"<!DO", b"<htm")


@contextmanager
def open_image(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of the image, decompressed; raises InputError where the stream is damaged.

    A reader that leaves early ends the decompression.
    """
    command = DECOMPRESS.get(path.suffix.lower())
    with _opened(path) as stream:
        if command is None:
            yield stream
            return
        child = _start(command, stream)
        try:
            with cast(IO[bytes], child.stdout) as output:
                yield output
                left = not output.read(1)
            if left and child.wait() != 0:
                raise InputError(
                    f"damaged or cut off ({_last_line(child)})",
                    where=str(path),
                    cure="download the image again",
                )
        finally:
            child.kill()
            child.wait()
            cast(IO[bytes], child.stderr).close()


def image_size(path: Path) -> int:
    """Bytes of the image when decompressed; reads all of a .gz or .zst, for these do not tell."""
    suffix = path.suffix.lower()
    if suffix not in DECOMPRESS:
        return path.stat().st_size
    if suffix == ".xz" and (size := _xz_size(path)):
        return size
    total = 0
    with open_image(path) as stream:
        while piece := stream.read(READ_BYTES):
            total += len(piece)
    return total


def image_head(path: Path) -> bytes:
    """The first MiB; raises InputError for a file that is no disk image."""
    head = b""
    with open_image(path) as stream:
        # A pipe gives less than was asked for.
        while len(head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(head))):
            head += piece
    if head[510:512] != b"\x55\xaa" or head.startswith(ARCHIVES):
        raise InputError(
            "no disk image: its first sector has no boot signature",
            where=str(path),
            cure="unpack an archive, and name the .img, .img.xz, .img.gz or .img.zst",
        )
    return head


def check_file_sha256(path: Path, expected: str) -> None:
    """Raise InputError where the file as downloaded is another one."""
    with _opened(path) as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected.lower():
        raise InputError(
            f"sha256 is {found}, not {expected.lower()}",
            where=str(path),
            cure="download the image again, or correct the sum",
        )


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    try:
        stream = FileIO(path)
    except OSError as error:
        cure = "check the path of the image"
        raise ConfigError(error.strerror or str(error), where=str(path), cure=cure) from error
    with stream:
        yield stream


def _start(command: tuple[str, ...], stream: FileIO) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
    except FileNotFoundError as error:
        cure = f"apt install {'xz-utils' if command[0] == 'xz' else command[0]}"
        raise ConfigError("not installed", where=command[0], cure=cure) from error


def _last_line(child: subprocess.Popen[bytes]) -> str:
    return os.fsdecode(cast(IO[bytes], child.stderr).read(2000)).strip().rpartition("\n")[2]


def _xz_size(path: Path) -> int:
    """From the index at the end of the file (xz(1), --robot --list), 0 where it cannot be read."""
    command = ["xz", "--robot", "--list", "--", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        return 0
    totals = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("totals")]
    return int(totals[0][4]) if done.returncode == 0 and totals else 0
