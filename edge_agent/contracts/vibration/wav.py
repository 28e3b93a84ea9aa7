"""RIFF/WAVE files, also those of a recorder that lost power or wrote into a pipe."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.reading import reading

Columns = dict[str, NDArray[np.float32]]
"""Axis name -> float32 (T,), in file order."""

NO_LENGTH = 0x7FFFF000
"""From here on the length of `data` is what a recorder writes before it knows it."""
BITS = {1: (8, 16, 24, 32), 3: (32, 64)}
"""WAVE format (1 PCM, 3 float) -> bits of a sample that are read."""


def read_wav(path: Path) -> tuple[Columns, float | None]:
    """PCM 8/16/24/32 bit as fractions of full scale, IEEE float as it is (RIFF/WAVE, 1991)."""
    payload = path.read_bytes()
    if payload[:4] not in (b"RIFF", b"RF64", b"BW64") or payload[8:12] != b"WAVE":
        raise InputError("not a RIFF/WAVE file", where=str(path), cure="give a .wav file")
    chunks = _wav_chunks(payload)
    if b"fmt " not in chunks or len(chunks[b"fmt "]) < 16 or b"data" not in chunks:
        raise InputError("truncated .wav", where=str(path), cure="copy the file again")
    code, channels, rate, _, block, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    if code == 0xFFFE and len(chunks[b"fmt "]) >= 26:
        code = struct.unpack("<H", chunks[b"fmt "][24:26])[0]
    body = chunks[b"data"]
    if code not in (1, 3):
        raise InputError(
            f"compressed .wav (format {code})", where=str(path), cure="save as PCM or float"
        )
    if bits not in BITS[code]:
        raise InputError(
            f"WAVE format {code} with {bits} bits", where=str(path), cure="save as PCM or float"
        )
    if not channels or not block or block != channels * bits // 8 or len(body) < block:
        raise InputError("truncated .wav", where=str(path), cure="copy the file again")
    if len(body) % block:
        if _says_its_length(payload):
            raise InputError("truncated .wav", where=str(path), cure="copy the file again")
        body = body[: len(body) - len(body) % block]
    samples = _wav_samples(body, code, bits).reshape(-1, channels)
    return {str(axis): samples[:, axis] for axis in range(channels)}, float(rate)


def holds_fractions(path: Path) -> bool:
    """Whether a file is a .wav of whole numbers, whose samples are fractions of full scale."""
    if path.suffix.lower() != ".wav":
        return False
    fmt = _format(path)
    if len(fmt) < 16:
        return False
    code = struct.unpack_from("<H", fmt, 24)[0] if fmt[:2] == b"\xfe\xff" and len(fmt) >= 26 else 0
    return (code or struct.unpack_from("<H", fmt)[0]) == 1


def wav_channels(path: Path) -> int:
    """How many channels a .wav has by its first bytes; raises InputError."""
    fmt = _format(path)
    channels = int(struct.unpack_from("<H", fmt, 2)[0]) if len(fmt) >= 16 else 0
    if not channels:
        raise InputError("truncated .wav", where=str(path), cure="copy the file again")
    return channels


def _format(path: Path) -> bytes:
    """The chunk that tells how the samples lie; empty where the first bytes have none."""
    with reading(str(path), "a readable .wav"), path.open("rb") as stream:
        head = stream.read(1 << 16)
    return _wav_chunks(head).get(b"fmt ", b"")


def _wav_chunks(payload: bytes) -> dict[bytes, bytes]:
    """The chunks by name. A recorder that lost power, or wrote into a pipe, left 0 or 0xFFFFFFFF as
    the length of `data`: then it goes to the end of the file."""
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(payload):
        name, size = struct.unpack("<4sI", payload[place : place + 8])
        if name == b"data" and (size == 0 or size >= NO_LENGTH):
            size = _long_size(chunks.get(b"ds64", b"")) or len(payload) - place - 8
        body = payload[place + 8 : place + 8 + size]
        if len(body) == size:
            chunks.setdefault(name, body)
        place += 8 + size + size % 2
    return chunks


def _says_its_length(payload: bytes) -> bool:
    """Whether the data chunk names its own length."""
    at = payload.find(b"data", 12)
    (size,) = struct.unpack_from("<I", payload, at + 4)
    return 0 < int(size) < NO_LENGTH


def _long_size(ds64: bytes) -> int:
    """The length of `data` in an RF64 file (EBU Tech 3306)."""
    return int(struct.unpack_from("<Q", ds64, 8)[0]) if len(ds64) >= 16 else 0


def _wav_samples(body: bytes, code: int, bits: int) -> NDArray[np.float32]:
    if code == 3:
        return np.frombuffer(body, f"<f{bits // 8}").astype(np.float32)
    if bits == 8:
        samples = np.frombuffer(body, np.uint8).astype(np.float32)
        samples -= 128
        samples /= np.float32(128)
        return samples
    if bits == 24:
        bytes3 = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.concatenate([np.zeros((len(bytes3), 1), np.uint8), bytes3], axis=1)
        return (wide.copy().view("<i4")[:, 0] / np.float32(2**31)).astype(np.float32)
    # In place: a recording is tens of megabytes, and a station has one memory for all it does.
    samples = np.frombuffer(body, f"<i{bits // 8}").astype(np.float32)
    samples /= np.float32(2 ** (bits - 1))
    return samples
