"""The register map of the PLC handshake: two blocks of 16-bit words, the same over every protocol.

The command block is written by the PLC and read by the station, the status block the other way.
No number takes two words, so that no order of words can be wrong. The word with the flags is the
last one of the status block: the station writes it after all others, so that a PLC that sees
`result_valid` sees the whole result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from edge_agent.plc.reasons import JobAnswer, OfflineReason, ReasonClass

MAP_VERSION = 1


@dataclass(frozen=True)
class Part:
    """Bits `bit` to `bit + width - 1` of a word."""

    name: str
    bit: int
    what: str
    width: int = 1


@dataclass(frozen=True)
class Register:
    """One word of a block. parts: what its bits are; without them it is a number 0 to 65535."""

    name: str
    what: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Command:
    """What the PLC asks; fields as in COMMAND."""

    enable: int = 0
    trigger: int = 0
    result_ack: int = 0
    job_select: int = 0
    reset_counts: int = 0
    part_number: int = 0
    job: int = 0


@dataclass(frozen=True)
class Status:
    """What the station tells; fields as in STATUS."""

    map_version: int = MAP_VERSION
    acquisition_id: int = 0
    missed_count: int = 0
    overrun_count: int = 0
    results_waiting: int = 0
    offline_reason: int = 0
    job_active: int = 0
    job_answer: int = 0
    result_acquisition_id: int = 0
    result_part_number: int = 0
    verdict: int = 0
    action: int = 0
    reason_class: int = 0
    result_latency_ms: int = 0
    heartbeat: int = 0
    online: int = 0
    ready: int = 0
    trigger_ack: int = 0
    busy: int = 0
    result_valid: int = 0
    overrun: int = 0
    job_ack: int = 0
    job_refused: int = 0
    armed: int = 0


COMMAND = (
    Register(
        "control",
        "what the PLC asks for",
        (
            Part("enable", 0, "the station may be online"),
            Part("trigger", 1, "a part is in position; stays until `trigger_ack`"),
            Part("result_ack", 2, "the result was taken; stays until `result_valid` falls"),
            Part("job_select", 3, "take up `job`; stays until `job_ack` or `job_refused`"),
            Part("reset_counts", 4, "its rise clears `overrun` and both counters"),
        ),
    ),
    Register("part_number", "the PLC's own number of the part, given back with its result"),
    Register("job", "number of the job (recipe) to take up"),
)
STATUS = (
    Register("map_version", f"always {MAP_VERSION}: the addresses are right"),
    Register(
        "acquisition_id",
        "number of the part that was accepted last, 1 to 65535; goes on after a restart",
    ),
    Register("missed_count", "triggers that found the station not ready; no result follows"),
    Register("overrun_count", "results that found the buffer full; they are not given"),
    Register("results_waiting", "results in the buffer, the shown one included"),
    Register("offline_reason", "why `online` or `armed` is 0"),
    Register("job_active", "the job that the station runs; 0: none was chosen"),
    Register("job_answer", "what became of the last `job_select`"),
    Register("result_acquisition_id", "the part that the result is about"),
    Register("result_part_number", "its `part_number`"),
    Register(
        "result",
        "the result",
        (
            Part("verdict", 0, "1 PASS, 2 FAIL, 4 NO-VERDICT", 4),
            Part("action", 4, "1 accept, 2 reject, 4 stop the line", 4),
            Part("reason_class", 8, "why", 8),
        ),
    ),
    Register("result_latency_ms", "from the first picture to the verdict; 65535: longer"),
    Register("heartbeat", "counts 1 to 65535 and again from 1; 0: the station has stopped"),
    Register(
        "flags",
        "the state of the handshake",
        (
            Part("online", 0, "the station takes part in the handshake"),
            Part("ready", 1, "a trigger is accepted now"),
            Part("trigger_ack", 2, "the trigger was accepted as `acquisition_id`"),
            Part("busy", 3, "an accepted part has no result yet"),
            Part("result_valid", 4, "the result words are whole"),
            Part("overrun", 5, "a result was lost since `reset_counts`"),
            Part("job_ack", 6, "the job was taken up"),
            Part("job_refused", 7, "it was not; `job_answer` says why"),
            Part("armed", 8, "every camera, sensor and output works"),
        ),
    ),
)
FLAGS_AT = [register.name for register in STATUS].index("heartbeat")
"""From here on the words are written last."""


def decode_command(words: Sequence[int]) -> Command:
    """The command block as it was read."""
    return Command(**_decode(COMMAND, words))


def decode_status(words: Sequence[int]) -> Status:
    """The status block as it was read."""
    return Status(**_decode(STATUS, words))


def encode_status(status: Status) -> list[int]:
    """The words of the status block."""
    values = {field.name: getattr(status, field.name) for field in fields(status)}
    return [_word(register, values) for register in STATUS]


def _decode(block: tuple[Register, ...], words: Sequence[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for register, word in zip(block, words, strict=True):
        if not register.parts:
            found[register.name] = word
        for part in register.parts:
            found[part.name] = word >> part.bit & (1 << part.width) - 1
    return found


def _word(register: Register, values: dict[str, int]) -> int:
    if not register.parts:
        return values[register.name] & 0xFFFF
    return sum(
        (int(values[part.name]) & (1 << part.width) - 1) << part.bit for part in register.parts
    )


def map_page() -> str:
    """The register map as Markdown."""
    lines = []
    for title, block in (
        ("Command block, written by the PLC", COMMAND),
        ("Status block, written by the station", STATUS),
    ):
        lines += [f"### {title}", "", "| word | bits | name | what it is |", "|---|---|---|---|"]
        for number, register in enumerate(block):
            lines.append(f"| {number} | | **{register.name}** | {register.what} |")
            lines += [
                f"| | {_bits(part)} | `{part.name}` | {part.what} |" for part in register.parts
            ]
        lines.append("")
    for title, codes in (
        ("reason_class", ReasonClass),
        ("offline_reason", OfflineReason),
        ("job_answer", JobAnswer),
    ):
        lines += [f"### `{title}`", "", "| number | meaning |", "|---|---|"]
        lines += [f"| {code.value} | {code.meaning} |" for code in codes]
        lines.append("")
    return "\n".join(lines)


def _bits(part: Part) -> str:
    return f"{part.bit}" if part.width == 1 else f"{part.bit}-{part.bit + part.width - 1}"
