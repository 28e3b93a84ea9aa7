"""Process values in the registers of a Modbus device, over TCP or RTU.

Source: Modbus Application Protocol Specification V1.1b3, section 6; the order of the words of a
number is not in it, so that a table has to say it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field

from edge_agent.capture.polled_rows import (
    Cell,
    PolledRows,
    PolledTable,
    TagValues,
)
from edge_agent.capture.source import SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.modbus import Area, ModbusDevice, ModbusLink
from edge_agent.settings.toml import Table

WORDS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2, "f64": 4}
"""Type -> its registers."""
LETTERS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "f64": "d"}
MOST_WORDS = 120
"""Registers of one request; the protocol allows 125."""


class ModbusTag(Table):
    """One value: number * scale + offset."""

    name: str = Field(min_length=1, description="as the model calls it")
    area: Area = Field(default="holding_register", description="what is read")
    address: int = Field(ge=0, le=65535, description="from 0; 40001 of a manual is address 0")
    type: Literal["u16", "i16", "u32", "i32", "f32", "f64"] = Field(
        default="u16", description="what the registers hold; a coil or input is 0 or 1"
    )
    words: Literal["high_first", "low_first"] = Field(
        default="high_first", description="order of the registers of one number"
    )
    scale: float = Field(default=1, description="factor")
    offset: float = Field(default=0, description="added after the factor")

    @property
    def is_bit(self) -> bool:
        """Whether the area holds bits."""
        return self.area in ("coil", "discrete_input")

    @property
    def size(self) -> int:
        """Registers, or bits, that it takes."""
        return 1 if self.is_bit else WORDS[self.type]


class ModbusTable(PolledTable):
    """Values of a Modbus device: a PLC, a drive, a meter, a temperature controller."""

    driver: Literal["modbus"]
    device: ModbusDevice = Field(description="where the device is")
    tag: list[ModbusTag] = Field(min_length=1, max_length=512, description="the values to read")

    @property
    def tag_names(self) -> Sequence[str]:
        """The names of `tag`."""
        return [tag.name for tag in self.tag]


class ModbusReader:
    """Reads all tags, neighbours by one request: their registers are of one moment."""

    def __init__(self, config: ModbusTable) -> None:
        self._link = ModbusLink(config.device)
        self._blocks = list(blocks(config.tag))

    def open(self) -> None:
        """Connect; raises DeviceError."""
        self._link.open()

    def read(self) -> TagValues:
        """All values now; raises DeviceError when the device does not answer or refuses."""
        values: dict[str, Cell] = {}
        for block in self._blocks:
            first = block[0]
            count = block[-1].address + block[-1].size - first.address
            what = f"{first.area} {first.address}"
            answer = self._link.ask(_request(first, count, self._link.device.unit), what)
            content: Sequence[int] = answer.bits if first.is_bit else answer.registers
            for tag in block:
                at = tag.address - first.address
                values[tag.name] = value_of(tag, content[at : at + tag.size])
        return TagValues(values, {name: "not a number" for name in values if _is_odd(values[name])})

    def close(self) -> None:
        """Disconnect."""
        self._link.close()


def blocks(tags: Sequence[ModbusTag]) -> Iterator[list[ModbusTag]]:
    """Tags whose registers lie side by side, in the order of their addresses."""
    ordered = sorted(tags, key=lambda tag: (tag.area, tag.address))
    block = ordered[:1]
    for last, tag in pairwise(ordered):
        touches = tag.area == last.area and tag.address <= last.address + last.size
        fits = tag.address + tag.size - block[0].address <= MOST_WORDS
        if not (touches and fits):
            yield block
            block = []
        block.append(tag)
    yield block


def value_of(tag: ModbusTag, content: Sequence[int]) -> float | int:
    """The value of a tag from its registers, or its bit."""
    if tag.is_bit:
        return int(content[0])
    ordered = content if tag.words == "high_first" else list(reversed(content))
    raw = b"".join(int(word).to_bytes(2, "big") for word in ordered)
    number = struct.unpack(f">{LETTERS[tag.type]}", raw)[0]
    if tag.scale == 1 and tag.offset == 0:
        return int(number) if isinstance(number, int) else float(number)
    return float(number * tag.scale + tag.offset)


def _request(first: ModbusTag, count: int, unit: int) -> Callable[[Any], Any]:
    """What the client is asked for the block that begins with `first`."""
    method = {
        "coil": "read_coils",
        "discrete_input": "read_discrete_inputs",
        "holding_register": "read_holding_registers",
        "input_register": "read_input_registers",
    }[first.area]
    return lambda client: getattr(client, method)(first.address, count=count, device_id=unit)


def _is_odd(value: Cell) -> bool:
    return isinstance(value, float) and not abs(value) < float("inf")


def build(config: ModbusTable, *, name: str, clock: Clock) -> PolledRows:
    """The source of a table."""
    return PolledRows(ModbusReader(config), config, name=name, clock=clock)


DRIVER = SourceDriver(ModbusTable, build)
