"""Supply voltage and throttling, where the board tells them.

Bits of get_throttled: Raspberry Pi documentation, "vcgencmd get_throttled"; the kernel shows the
same word in hexadecimal (drivers/firmware/raspberrypi.c) and an alarm in hwmon (rpi_volt).
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult, Grade
from edge_agent.health.board.board import Board, number

THROTTLED = "sys/devices/platform/soc*/soc*firmware/get_throttled"
UNDER_VOLTAGE, CAPPED, THROTTLING, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SINCE_START = 16
"""The same bits, so much higher: it has happened since the board started."""
WORDS = {
    UNDER_VOLTAGE: "supply voltage too low",
    CAPPED: "clock capped",
    THROTTLING: "processor throttled",
    SOFT_LIMIT: "soft temperature limit reached",
}
SUPPLY = "use the power supply of the board's maker, a short thick cable and a powered USB hub"
COOL = "cool the board: heat sink, fan, air around the housing"


def check_power(board: Board) -> Iterator[CheckResult]:
    """One result: what the board says of its supply."""
    for name in board.paths(THROTTLED):
        word = number(board.text(name), 16)
        if word is not None:
            yield _of_word(word)
            return
    for name in board.paths("sys/class/hwmon/hwmon*/name"):
        if board.text(name) == "rpi_volt":
            alarm = board.text(name.replace("/name", "/in0_lcrit_alarm"))
            yield _of_word(UNDER_VOLTAGE if alarm == "1" else 0)
            return
    yield CheckResult("power", "UNKNOWN", "this board does not tell its supply and throttling")


def _of_word(word: int) -> CheckResult:
    now, before = word & 0xF, word >> SINCE_START & 0xF
    if not now and not before:
        return CheckResult("power", "OK", "supply and clock are as they should be")
    cure = SUPPLY if (now or before) & UNDER_VOLTAGE else COOL
    if not now:
        return CheckResult("power", "WARN", f"since the start: {_words(before)}", cure)
    grade: Grade = "FAIL" if now & (UNDER_VOLTAGE | THROTTLING) else "WARN"
    return CheckResult("power", grade, f"now: {_words(now)}", cure)


def _words(bits: int) -> str:
    return ", ".join(text for bit, text in WORDS.items() if bits & bit)
