"""MATLAB level 5 files (.mat as saved by -v6 and -v7): their numbers and texts, by name.

Written after MathWorks, "MAT-File Format", level 5. Every length is checked against what is there,
so that a damaged file, or one that is meant to do harm, is an error and never a crash: the readers
in native code take a process down at some changed bytes. The fields of a structure are read as
`name.field`, those of element k of an array of structures as `name(k).field`, counted from 1 as
MATLAB does. Cells, objects, complex and sparse arrays are named, and not read.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError

MOST_BYTES = 1 << 31
HDF5 = b"\x89HDF\r\n\x1a\n"
"""How a file of HDF5 begins, where MATLAB's own header does not stand before it."""
HEADER = 128
VERSION_AT = 124
MATRIX, COMPRESSED = 14, 15
STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
"""Type of a data element (table 1-1) -> how its numbers are stored."""
CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
"""Class of an array (table 1-3) -> what its numbers are; they may be stored in fewer bytes."""
TEXT = 4
ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""Type of a data element -> how a text in it is encoded."""
STRUCTURE, OPAQUE = 2, 17
OTHERS = {1: "cell array", 3: "object", 5: "sparse matrix", 16: "function"}
"""Class of an array that is not read -> its name."""
COMPLEX = 0x0800
MOST_DIMENSIONS = 32
MOST_NAMES, DEEPEST = 20_000, 16
"""Names in one file, and structures within each other: more is no recording."""


@dataclass(frozen=True)
class _Element:
    kind: int
    data: memoryview
    end: int


@dataclass(frozen=True)
class _Bytes:
    """The bytes of a file, or of what one of its elements unpacks to. order: "<" or ">"."""

    content: memoryview
    order: str
    where: str

    def element(self, at: int) -> _Element:
        """The data element whose tag begins at byte `at`."""
        tag = self._words(at, 2)
        small = int(tag[0]) >> 16
        kind, size = (int(tag[0]) & 0xFFFF, small) if small else (int(tag[0]), int(tag[1]))
        begin = at + (4 if small else 8)
        if (small > 4) or begin + size > len(self.content):
            raise damaged(f"an element at byte {at} is longer than what is there", self.where)
        padded = size if kind == COMPRESSED else -(-size // 8) * 8
        end = at + 8 if small else begin + padded
        return _Element(kind, self.content[begin : begin + size], end)

    def numbers(self, element: _Element) -> NDArray[Any]:
        """The numbers of an element, as they are stored."""
        stored = STORED.get(element.kind)
        if stored is None or len(element.data) % np.dtype(stored).itemsize:
            raise damaged(f"an element of type {element.kind} holds no numbers", self.where)
        return np.frombuffer(element.data, self.order + stored)

    def text(self, element: _Element) -> str:
        """The characters of an element; what is none becomes U+FFFD."""
        encoding = ENCODINGS.get(element.kind)
        if encoding is None:
            raise damaged(f"an element of type {element.kind} holds no text", self.where)
        if encoding in ("utf-16", "utf-32"):
            encoding += {"<": "-le", ">": "-be"}[self.order]
        return bytes(element.data).decode(encoding, "replace")

    def _words(self, at: int, count: int) -> NDArray[Any]:
        if at + 4 * count > len(self.content):
            raise damaged("it ends within an element", self.where)
        return np.frombuffer(self.content[at : at + 4 * count], self.order + "u4")


def read_mat(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> array of each real numeric variable or field, in file order.

    A text is an array of one text, and a variable that is not read one of the name of its class.

    Raises InputError that names the file; OSError.
    """
    where = str(path)
    content = memoryview(path.read_bytes())
    file = _Bytes(content, _byte_order(content, where), where)
    arrays: dict[str, NDArray[Any]] = {}
    for matrix in _matrices(file):
        for name, array in _arrays(matrix):
            if name in arrays:
                raise InputError(
                    f"variable {name!r} is there twice", where=where, cure="give each one name"
                )
            if len(arrays) == MOST_NAMES:
                raise InputError(
                    f"holds more than {MOST_NAMES} variables and fields",
                    where=where,
                    cure="save the signals alone",
                )
            arrays[name] = array
    return arrays


def damaged(fault: str, where: str) -> InputError:
    """The error of a file that is not what its format says."""
    return InputError(
        f"not a readable MATLAB 5 file ({fault})", where=where, cure="save with -v6 or -v7"
    )


def _byte_order(content: memoryview, where: str) -> str:
    if len(content) < HEADER:
        raise damaged(f"{len(content)} bytes are no header", where)
    if bytes(content[: len(HDF5)]) == HDF5:
        raise damaged("it is HDF5, as those of version 7.3", where)
    if 0 in bytes(content[:4]):
        raise damaged("it looks like one of level 4", where)
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[VERSION_AT + 2 : HEADER]))
    if order is None:
        raise damaged("its header names no byte order", where)
    version = int(np.frombuffer(content[VERSION_AT : VERSION_AT + 2], order + "u2")[0])
    if version != 0x0100:
        raise damaged("it is of version 7.3" if version == 0x0200 else "unknown version", where)
    return order


def _matrices(file: _Bytes) -> Iterator[_Bytes]:
    """The content of each array of the file, unpacked."""
    at, unpacked = HEADER, 0
    while at < len(file.content):
        element = file.element(at)
        at = element.end
        if element.kind == MATRIX:
            yield _Bytes(element.data, file.order, file.where)
        elif element.kind == COMPRESSED:
            content = _unpacked(element.data, MOST_BYTES - unpacked, file.where)
            unpacked += len(content)
            inner = _Bytes(memoryview(content), file.order, file.where)
            yield _Bytes(inner.element(0).data, file.order, file.where)
        else:
            raise damaged(f"an element of type {element.kind} is no array", file.where)


def _unpacked(data: memoryview, most_bytes: int, where: str) -> bytes:
    unpack = zlib.decompressobj()
    try:
        content = unpack.decompress(data, most_bytes)
    except zlib.error as error:
        raise damaged("a packed array is damaged", where) from error
    if unpack.unconsumed_tail:
        raise InputError("unpacks to more than 2 GB", where=where, cure="split the recording")
    if not unpack.eof:
        raise damaged("a packed array is cut off", where)
    return content


def _arrays(
    matrix: _Bytes, name: str | None = None, depth: int = 0
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and values of a variable, or of the field `name`; of a structure those of its fields.

    MATLAB keeps the parts of its objects in a variable without a name: it is none of the user's.
    """
    flags = matrix.element(0)
    word = int(matrix.numbers(flags)[0]) if len(flags.data) == 8 and flags.kind == 6 else 0
    kind = word & 0xFF
    dimensions = matrix.element(flags.end)
    if kind == OPAQUE:
        yield _opaque(matrix, flags.end, name)
        return
    label = matrix.element(dimensions.end)
    name = bytes(label.data).decode("utf-8", "replace") if name is None else name
    if not name:
        return
    shape = [int(one) for one in matrix.numbers(dimensions)]
    if not 2 <= len(shape) <= MOST_DIMENSIONS or min(shape) < 0:
        raise damaged(f"{name!r} is of shape {shape[:8]}", matrix.where)
    if kind == STRUCTURE:
        yield from _fields(matrix, label.end, name, math.prod(shape), depth)
    elif word & COMPLEX:
        yield name, np.array(["complex numbers"])
    elif kind == TEXT:
        yield name, np.array([matrix.text(matrix.element(label.end))])
    elif kind in CLASSES:
        yield name, _values(matrix, label.end, name, shape).astype(CLASSES[kind])
    else:
        yield name, np.array([OTHERS.get(kind, f"class {kind}")])


def _values(matrix: _Bytes, at: int, name: str, shape: list[int]) -> NDArray[Any]:
    numbers = matrix.numbers(matrix.element(at))
    if math.prod(shape) != len(numbers):
        raise damaged(f"{name!r} of shape {shape} holds {len(numbers)} numbers", matrix.where)
    return numbers.reshape(shape, order="F")


def _fields(
    matrix: _Bytes, at: int, name: str, count: int, depth: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """The fields of `count` structures from byte `at` on; one that nobody filled is left out."""
    if depth == DEEPEST:
        raise InputError(
            f"{name!r} is nested deeper than {DEEPEST} structures",
            where=matrix.where,
            cure="save the signals alone",
        )
    width = matrix.element(at)
    labels = matrix.element(width.end)
    at = labels.end
    fields = _field_names(matrix, width, labels, name)
    for place in range(1, count + 1 if fields else 1):
        owner = name if count == 1 else f"{name}({place})"
        for field in fields:
            element = matrix.element(at)
            at = element.end
            if element.kind != MATRIX:
                raise damaged(f"field {owner}.{field} is no array", matrix.where)
            if element.data:
                inner = _Bytes(element.data, matrix.order, matrix.where)
                yield from _arrays(inner, f"{owner}.{field}", depth + 1)


def _field_names(matrix: _Bytes, width: _Element, labels: _Element, name: str) -> list[str]:
    """The names, each in `width` bytes that end with zeros."""
    sizes = matrix.numbers(width)
    size = int(sizes[0]) if len(sizes) == 1 else 0
    if size < 1 or len(labels.data) % size or len(labels.data) // size > MOST_NAMES:
        raise damaged(f"structure {name!r} has no names of fields", matrix.where)
    text = bytes(labels.data)
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return [part.partition(b"\0")[0].decode("utf-8", "replace") for part in parts]


def _opaque(matrix: _Bytes, at: int, name: str | None) -> tuple[str, NDArray[Any]]:
    """Name and class of a table, a timetable, a string or another of MATLAB's objects, in which
    name, system and class follow each other in the place of dimensions and name."""
    label = matrix.element(at)
    kind = matrix.element(matrix.element(label.end).end)
    known = name if name is not None else bytes(label.data).decode("utf-8", "replace")
    what = bytes(kind.data).decode("utf-8", "replace")
    return known, np.array([f"{what}, an object of MATLAB"])
