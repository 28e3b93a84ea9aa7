"""Registers of a chip on I2C or SPI, through the kernel's own device nodes.

Source: the Linux kernel's documentation, "I2C/SMBus device interface" and "SPI userspace API".
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
from typing import TYPE_CHECKING, Protocol

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import SMBUS2, missing

if TYPE_CHECKING:
    from smbus2 import SMBus


class RegisterBus(Protocol):
    """A chip on a bus. Used by one thread; read and write raise DeviceError."""

    where: str

    def open(self) -> None: ...

    def read(self, register: int, count: int) -> bytes: ...

    def write(self, register: int, value: int) -> None: ...

    def close(self) -> None: ...


class I2cBus:
    """path: such as /dev/i2c-1; address: of the chip, 0x08 to 0x77."""

    def __init__(self, path: str, address: int) -> None:
        self.where = f"{path}, address 0x{address:02x}"
        self._path = path
        self._address = address
        self._bus: SMBus | None = None

    def open(self) -> None:
        """Open the bus."""
        try:
            from smbus2 import SMBus
        except ImportError as error:
            raise missing(SMBUS2, self.where) from error
        try:
            self._bus = SMBus(self._path)
        except OSError as error:
            raise _absent(self.where, error, "i2c") from error

    def read(self, register: int, count: int) -> bytes:
        """`count` bytes, up to 32, from `register` on."""
        if self._bus is None:
            raise DeviceError("not open", where=self.where, cure="open it first")
        try:
            return bytes(self._bus.read_i2c_block_data(self._address, register, count))
        except OSError as error:
            raise _silent(self.where, error) from error

    def write(self, register: int, value: int) -> None:
        """Set one register."""
        if self._bus is None:
            raise DeviceError("not open", where=self.where, cure="open it first")
        try:
            self._bus.write_byte_data(self._address, register, value)
        except OSError as error:
            raise _silent(self.where, error) from error

    def close(self) -> None:
        """Release the bus."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()


class _Transfer(ctypes.Structure):
    """struct spi_ioc_transfer."""

    _fields_ = (
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("rest", ctypes.c_uint8 * 5),
    )


SPI_MESSAGE = 1 << 30 | ctypes.sizeof(_Transfer) << 16 | ord("k") << 8
SPI_MODE = 1 << 30 | 1 << 16 | ord("k") << 8 | 1


class SpiBus:
    """path: such as /dev/spidev0.0. How a register becomes the first byte is the chip's own:
    read = register << shift | read_bits, and a write without them.
    """

    def __init__(self, path: str, *, mode: int, speed_hz: int, shift: int, read_bits: int) -> None:
        self.where = path
        self._mode = mode
        self._speed_hz = speed_hz
        self._shift = shift
        self._read_bits = read_bits
        self._handle = -1

    def open(self) -> None:
        """Open the node and set its mode."""
        try:
            self._handle = os.open(self.where, os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self._handle, SPI_MODE, bytes([self._mode]))
        except OSError as error:
            self.close()
            raise _absent(self.where, error, "spi") from error

    def read(self, register: int, count: int) -> bytes:
        """`count` bytes from `register` on, in one transfer."""
        command = (register << self._shift | self._read_bits) & 0xFF
        return self._transfer(bytes([command]) + bytes(count))[1:]

    def write(self, register: int, value: int) -> None:
        """Set one register."""
        self._transfer(bytes([register << self._shift & 0xFF, value]))

    def close(self) -> None:
        """Release the node."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _transfer(self, sent: bytes) -> bytes:
        if self._handle < 0:
            raise DeviceError("not open", where=self.where, cure="open it first")
        out = ctypes.create_string_buffer(sent, len(sent))
        back = ctypes.create_string_buffer(len(sent))
        message = _Transfer(
            ctypes.addressof(out), ctypes.addressof(back), len(sent), self._speed_hz, 0, 8
        )
        try:
            fcntl.ioctl(self._handle, SPI_MESSAGE, message)
        except OSError as error:
            raise _silent(self.where, error) from error
        return back.raw


def build_bus(
    device: str, address: int, *, mode: int, speed_hz: int, shift: int, read_bits: int
) -> RegisterBus:
    """The bus of a node: /dev/i2c-N with `address`, or /dev/spidevB.C with the chip's manners."""
    if re.search(r"/i2c-\d+$", device):
        return I2cBus(device, address)
    return SpiBus(device, mode=mode, speed_hz=speed_hz, shift=shift, read_bits=read_bits)


def _absent(where: str, error: OSError, kind: str) -> DeviceError:
    return DeviceError(
        f"cannot be opened ({error.strerror})",
        where=where,
        cure=f"enable the bus (dtparam={kind}=on, modprobe {kind}dev), join the group {kind}",
    )


def _silent(where: str, error: OSError) -> DeviceError:
    return DeviceError(
        f"does not answer ({error.strerror})", where=where, cure="check wiring, address and supply"
    )
