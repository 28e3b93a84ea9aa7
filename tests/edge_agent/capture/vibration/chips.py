"""The accelerometer chips as their data sheets describe them, on a bus without wires."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError

Sample = tuple[int, int, int]


class ChipOnBus:
    """Registers and a FIFO that fills at rate_hz of the clock; gone: nobody acknowledges."""

    where = "bus"

    def __init__(
        self,
        identity: dict[int, int],
        rate_hz: float,
        clock: Clock,
        sample: Callable[[int], Sample],
    ) -> None:
        self.registers = dict(identity)
        self.gone = False
        self._rate_hz = rate_hz
        self._clock = clock
        self._sample = sample
        self._began_ns = clock.mono_ns()
        self._taken = 0

    def open(self) -> None:
        self._began_ns, self._taken = self._clock.mono_ns(), 0

    def close(self) -> None:
        pass

    def write(self, register: int, value: int) -> None:
        self._refuse_gone()
        self.registers[register] = value

    def waiting(self) -> int:
        """Samples in a FIFO of 32; older ones fall out."""
        made = int((self._clock.mono_ns() - self._began_ns) * self._rate_hz / 1e9)
        self.ran_over = made - self._taken > 32
        self._taken = max(self._taken, made - 32)
        return made - self._taken

    def take(self) -> Sample:
        self._taken += 1
        return self._sample(self._taken - 1)

    def _refuse_gone(self) -> None:
        if self.gone:
            raise DeviceError("does not answer", where=self.where, cure="check wiring")


class Adxl345OnBus(ChipOnBus):
    """Data sheet revision G: 0x32 to 0x37 are one sample, low byte first."""

    def __init__(self, rate_hz: float, clock: Clock, sample: Callable[[int], Sample]) -> None:
        super().__init__({0x00: 0xE5}, rate_hz, clock, sample)

    def read(self, register: int, count: int) -> bytes:
        self._refuse_gone()
        if register == 0x39:
            return bytes([self.waiting()])
        if register == 0x30:
            self.waiting()
            return bytes([0x83 if self.ran_over else 0x82])
        if register == 0x32:
            return b"".join(value.to_bytes(2, "little", signed=True) for value in self.take())
        return bytes(self.registers.get(register + at, 0) for at in range(count))


class Adxl355OnBus(ChipOnBus):
    """Data sheet revision C: 0x11 gives words of 20 bits, the lowest bit marks an x."""

    def __init__(self, rate_hz: float, clock: Clock, sample: Callable[[int], Sample]) -> None:
        super().__init__({0x00: 0xAD, 0x01: 0x1D, 0x02: 0xED, 0x2C: 0x81}, rate_hz, clock, sample)
        self.words: list[bytes] = []

    def read(self, register: int, count: int) -> bytes:
        self._refuse_gone()
        if register == 0x05:
            return bytes([self.waiting() * 3])
        if register == 0x04:
            self.waiting()
            return bytes([0x05 if self.ran_over else 0x01])
        if register == 0x11:
            while len(self.words) * 3 < count:
                self.words += [
                    ((value << 4 | (at == 0)) & 0xFFFFFF).to_bytes(3, "big")
                    for at, value in enumerate(self.take())
                ]
            given, self.words = self.words[: count // 3], self.words[count // 3 :]
            return b"".join(given)
        return bytes(self.registers.get(register + at, 0) for at in range(count))
