"""The hash chain of the audit log: a line that is changed, removed or inserted breaks it.

One record is one line: `DIGEST BODY`, with DIGEST = sha256(DIGEST of the line before + BODY) in
hex and BODY a JSON object that begins with its number. The chain alone cannot show that its end was
cut off, or that an older copy was put back: for this a Head (number and digest of a record) is kept
beside the log and reported to the plant.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.json_text import load_json_object

GENESIS = hashlib.sha256(b"lineside audit log").hexdigest()
"""The digest before the first record."""

DIGEST_CHARACTERS = 64
MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True)
class Head:
    """The number and the digest of one record, usually of the last."""

    seq: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> Head:
        """`SEQ:DIGEST`, as reports show it; raises InputError."""
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
        if found is None:
            raise InputError(
                f"{text[:80]!r} is no head of an audit log",
                where="--head",
                cure="give SEQ:DIGEST as `lineside-agent audit head` prints it",
            )
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


START = Head(-1, GENESIS)
"""The head of an empty log."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a log, and at which record."""

    seq: int
    what: str


def link(before: Head, body: dict[str, Any]) -> tuple[Head, bytes]:
    """The next head and the line (with its line end) that follows `before`."""
    seq = before.seq + 1
    text = json.dumps({"seq": seq} | body, separators=(",", ":"), ensure_ascii=True).encode()
    digest = hashlib.sha256(before.digest.encode() + text).hexdigest()
    return Head(seq, digest), digest.encode() + b" " + text + b"\n"


def body_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line; raises ValueError where it holds none."""
    return load_json_object(line[DIGEST_CHARACTERS + 1 :], finite=False)


def check_chain(lines: Iterable[bytes], before: Head) -> Iterator[Head | Fault]:
    """The head after every line that follows `before`; the first Fault ends it.

    lines: with their line ends, as a file opened in binary gives them.
    """
    seq, digest = before.seq, before.digest.encode()
    for line in lines:
        seq += 1
        text = line[DIGEST_CHARACTERS + 1 : -1]
        expected = hashlib.sha256(digest + text).hexdigest().encode()
        if line[-1:] != b"\n":
            yield Fault(seq, "the last record is incomplete")
            return
        if line[: DIGEST_CHARACTERS + 1] != expected + b" ":
            yield Fault(seq, "the record was changed, or one before it was removed or inserted")
            return
        if not text.startswith(b'{"seq":%d,' % seq):
            yield Fault(seq, "the record has another number")
            return
        digest = expected
        yield Head(seq, expected.decode())
