"""A coil, input or counter register of a PLC that reports each part, read at short intervals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusPoint
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable

REGISTER_VALUES = 1 << 16


class ModbusTriggerTable(TriggerTable, ModbusDevice):
    """A bit that rises with each part, or a register that counts parts.

    A counter is the better of the two: it tells how many parts went by between two readings.
    """

    driver: Literal["modbus"]
    area: Literal["coil", "discrete_input", "holding_register", "input_register"] = Field(
        default="discrete_input", description="a bit: rising edge; a register: counter of parts"
    )
    address: int = Field(ge=0, le=65535, description="its address, counted from 0")
    poll_ms: float = Field(default=5, gt=0, le=10_000, description="time between two readings")


class ModbusTrigger:
    """Gives an event for each rising edge, or for each step of the counter.

    A step of more than one leaves a hole in `seq`, and is counted as missed parts; the part id is
    then the counter's value.
    """

    def __init__(self, config: ModbusTriggerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._name = name
        self._clock = clock
        self._counts = config.area.endswith("register")
        self._point = ModbusPoint(config, config.area, config.address)
        self._last: int | None = None
        self._open = False
        self._seq = 0
        self._events = 0
        self._missed = 0
        self._fault = ""

    def open(self) -> None:
        """Connect; what stands there now is no part."""
        self._point.open()
        try:
            self._last = self._point.read()
        except DeviceError:
            self._point.close()
            raise
        self._open, self._fault = True, ""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next part, or None after `timeout_s`; raises DeviceError when the PLC is lost."""
        if not self._open:
            raise DeviceError("not open", where=f"trigger {self._name}", cure="open it first")
        until_ns = self._clock.mono_ns() + timeout_s * 1e9
        while True:
            steps, value = self._read()
            if steps:
                return self._event(steps, value)
            if self._clock.mono_ns() >= until_ns:
                return None
            self._clock.sleep_s(self._config.poll_ms / 1e3)

    def status(self) -> TriggerStatus:
        """Parts given, and parts that went by between two readings."""
        return TriggerStatus(self._events, self._missed, fault=self._fault)

    def close(self) -> None:
        """Disconnect."""
        self._open = False
        self._point.close()

    def _read(self) -> tuple[int, int]:
        """How many parts passed since the last reading, and the value."""
        try:
            value = self._point.read()
        except DeviceError as error:
            self._fault = str(error)
            raise
        last, self._last = self._last, value
        if last is None:
            return 0, value
        if self._counts:
            return (value - last) % REGISTER_VALUES, value
        return int(value > last), value

    def _event(self, steps: int, value: int) -> TriggerEvent:
        self._missed += steps - 1
        self._seq += steps
        self._events += 1
        stamp = (self._clock.utc_ns(), self._clock.mono_ns(), self._seq - 1, self._name)
        return TriggerEvent(*stamp, str(value) if self._counts else "")


DRIVER = TriggerDriver(ModbusTriggerTable, ModbusTrigger)
