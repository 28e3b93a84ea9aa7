"""A release that came as one file, read as the folder of releases that it holds.

Nothing is unpacked: what is asked for is read by its name, and no more of it than was asked for.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.model.bundle import END_BYTES, MAX_BYTES, refuse_large_directory
from edge_agent.update.fetch import Read

COPY_AGAIN = "write it again: `lineside-deploy pack`"


@contextmanager
def opened_archive(path: Path) -> Iterator[Read]:
    """How to read the files in an archive; raises StorageError, BundleError for too many files."""
    where = str(path)
    try:
        with path.open("rb") as stream:
            _refuse_large(stream.seek(0, io.SEEK_END), where)
            stream.seek(max(0, stream.tell() - END_BYTES))
            end = stream.read()
            if end[-22:-18] != b"PK\5\6":
                raise StorageError("is no release, or cut", where=where, cure=COPY_AGAIN)
            refuse_large_directory(end, where)
            with zipfile.ZipFile(stream) as source:
                yield lambda name, most: _read(source, name, most, where)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise StorageError(f"is damaged ({error})", where=where, cure=COPY_AGAIN) from error
    except (OSError, OverflowError) as error:
        raise StorageError(f"cannot be read ({error})", where=where, cure=COPY_AGAIN) from error


def _read(source: zipfile.ZipFile, name: str, most_bytes: int, where: str) -> bytes | None:
    try:
        entry = source.getinfo(name)
    except KeyError:
        return None
    if entry.compress_type != zipfile.ZIP_STORED:
        raise StorageError(f"{name} is compressed", where=where, cure=COPY_AGAIN)
    if entry.file_size > most_bytes:
        raise StorageError(
            f"{name} has more than {most_bytes} bytes", where=where, cure="do not use this file"
        )
    with source.open(entry) as stream:
        return stream.read(most_bytes)


def _refuse_large(size: int, where: str) -> None:
    if size > 2 * MAX_BYTES:
        raise StorageError(f"has {size >> 20} MiB", where=where, cure="do not use this file")
