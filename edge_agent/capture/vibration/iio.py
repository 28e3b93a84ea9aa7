"""An accelerometer or converter that the kernel drives (IIO): by its buffer, or polled."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.industrial_io.channels import (
    TIMESTAMP,
    ScanChannel,
    channel_names,
    polled_channel,
    read_channel,
    scan_dtype,
)
from edge_agent.capture.industrial_io.device import (
    SYSFS,
    device_name,
    find_device,
    list_devices,
    rates_hz,
    set_rate,
    stamps_are_monotonic,
    start_buffer,
    stop_buffer,
)
from edge_agent.capture.rate_limiter import RateLimiter
from edge_agent.capture.signal_stream import (
    STANDARD_GRAVITY,
    SampleBlock,
    StreamSensor,
    StreamTable,
)
from edge_agent.capture.source import FoundDevice, SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Signal

MOST_POLLED_HZ = 500
"""One number at a time, no faster rate can be held."""
GAP = 2.5
"""A step between two stamps of so many periods means that scans are missing."""
SCANS = 4096
"""Scans that are taken at once."""


class IioTable(StreamTable):
    """A sensor that a driver of the kernel serves (Industrial I/O)."""

    driver: Literal["iio"]
    device: str = Field(min_length=1, description="its name, such as adxl345, or iio:device0")
    mode: Literal["buffer", "poll"] = Field(
        default="buffer", description="poll: one number at a time, where it has no buffer"
    )
    trigger: str = Field(
        default="", description="name of an IIO trigger, where the device has none of its own"
    )
    buffer_s: float = Field(default=2, gt=0, le=60, description="what the kernel can hold")
    scale: float = Field(
        default=0, description="units of one unit of IIO; 0: m/s2 are converted to g"
    )


class IioDevice:
    """One device. sysfs, dev: where the kernel shows devices and their nodes."""

    def __init__(
        self, config: IioTable, clock: Clock, sysfs: Path = SYSFS, dev: Path = Path("/dev")
    ) -> None:
        self.full_scale = 0.0
        self._config = config
        self._clock = clock
        self._sysfs = sysfs
        self._dev = dev
        self._device: Path | None = None
        self._channels: list[ScanChannel] = []
        self._handle = -1
        self._rest = b""
        self._last_stamp: int | None = None
        self._pace = RateLimiter(config.rate_hz, clock)

    def open(self) -> None:
        """Set rate and buffer and read them back; raises DeviceError."""
        config = self._config
        device = find_device(config.device, self._sysfs)
        if config.mode == "poll":
            if config.rate_hz > MOST_POLLED_HZ:
                raise self._error(
                    f"cannot be polled {config.rate_hz:g} times a second",
                    f'use mode = "buffer", or rate_hz up to {MOST_POLLED_HZ}',
                )
            self._channels = [polled_channel(device, name) for name in config.axes]
        else:
            self._channels = [read_channel(device, name) for name in config.axes]
            self.full_scale = self._full_scale()
        set_rate(device, config.rate_hz, config.trigger, self._sysfs)
        self._device = device
        if config.mode == "buffer":
            self._open_buffer(device)

    def read(self, timeout_s: float) -> SampleBlock | None:
        """The scans that wait; raises DeviceError when the device is gone."""
        if self._device is None:
            raise self._error("not open", "open it first")
        if self._config.mode == "poll":
            return self._poll(self._device, timeout_s)
        ready, _, _ = select.select([self._handle], [], [], timeout_s)
        try:
            payload = os.read(self._handle, SCANS * self._dtype.itemsize) if ready else b""
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._error(f"is gone ({error.strerror})", "check the sensor") from error
        if ready and not payload:
            raise self._error("is gone", "check the sensor")
        data = self._rest + payload
        whole = len(data) - len(data) % self._dtype.itemsize
        self._rest = data[whole:]
        return self._block(np.frombuffer(data[:whole], self._dtype)) if whole else None

    def close(self) -> None:
        """End the buffer and release the node."""
        handle, self._handle = self._handle, -1
        device, self._device = self._device, None
        if handle >= 0:
            os.close(handle)
        if device is not None and self._config.mode == "buffer" and device.exists():
            stop_buffer(device)

    def _open_buffer(self, device: Path) -> None:
        length = max(64, round(self._config.buffer_s * self._config.rate_hz))
        stamped = start_buffer(device, self._config.axes, self._config.trigger, length)
        stamp = [read_channel(device, TIMESTAMP)] if stamped else []
        self._dtype = scan_dtype([*self._channels, *stamp])
        self._monotonic = stamps_are_monotonic(device)
        self._rest, self._last_stamp = b"", None
        node = self._dev / device.name
        try:
            self._handle = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            stop_buffer(device)
            cure = "let the station's user read it, or end the program that uses it"
            raise self._error(f"{node} cannot be opened ({error.strerror})", cure) from error

    def _block(self, scans: np.ndarray) -> SampleBlock:
        columns = [
            (one.kind.value(scans[one.name]) + one.offset) * one.scale * self._factor(one)
            for one in self._channels
        ]
        samples = np.stack(columns, axis=1).astype(np.float32)
        now = self._clock.mono_ns()
        if TIMESTAMP not in (self._dtype.names or ()):
            return SampleBlock(samples, now)
        stamps = scans[TIMESTAMP].astype(np.int64)
        lost = self._lost(stamps)
        behind_ns = 0 if self._monotonic else self._clock.utc_ns() - now
        return SampleBlock(samples, int(stamps[-1]) - behind_ns, lost)

    def _lost(self, stamps: np.ndarray) -> int:
        """Scans that are missing between stamps."""
        first = stamps[0] if self._last_stamp is None else self._last_stamp
        steps = np.diff(np.concatenate([[first], stamps])) * self._config.rate_hz / 1e9
        self._last_stamp = int(stamps[-1])
        return int((np.rint(steps[steps > GAP]) - 1).sum())

    def _poll(self, device: Path, timeout_s: float) -> SampleBlock | None:
        if not self._pace.wait(timeout_s):
            return None
        try:
            raw = [float((device / f"in_{one.name}_raw").read_text()) for one in self._channels]
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be read ({error})", "check the sensor") from error
        row = [
            (value + one.offset) * one.scale * self._factor(one)
            for value, one in zip(raw, self._channels, strict=True)
        ]
        samples: Signal = np.array([row], np.float32)
        return SampleBlock(samples, self._clock.mono_ns())

    def _factor(self, channel: ScanChannel) -> float:
        """From the unit of IIO to that of the table."""
        if self._config.scale:
            return self._config.scale
        is_accel = channel.name.startswith("accel") and self._config.unit == "g"
        return 1 / STANDARD_GRAVITY if is_accel else 1.0

    def _full_scale(self) -> float:
        """What the widest channel can give; where the words are wider than the converter, never
        reached."""
        ends = [one.kind.largest * abs(one.scale) * self._factor(one) for one in self._channels]
        return float(min(ends))

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(what, where=f"IIO {self._config.device}", cure=cure)


def build(
    config: IioTable,
    *,
    name: str,
    clock: Clock,
    sysfs: Path = SYSFS,
    dev: Path = Path("/dev"),
) -> StreamSensor:
    """The sensor of a table."""
    return StreamSensor(IioDevice(config, clock, sysfs, dev), config, name=name, clock=clock)


def find_sensors(sysfs: Path = SYSFS) -> list[FoundDevice]:
    """Every IIO device with channels that can be read."""
    return [_found(path) for path in list_devices(sysfs) if channel_names(path)]


def _found(device: Path) -> FoundDevice:
    names = channel_names(device)
    rates = rates_hz(device)
    buffered = (device / "buffer").is_dir()
    able = [
        f"channels {', '.join(names)}",
        "has a buffer" if buffered else "no buffer: mode = poll",
    ]
    able += [f"rates {rates}"] if rates else []
    axes = [name for name in names if name.startswith("accel")] or names[:1]
    last = rates.split()[-1] if rates and "[" not in rates else "100"
    table: dict[str, object] = {"driver": "iio", "device": device_name(device), "axes": axes}
    table |= {"rate_hz": float(last), "mode": "buffer" if buffered else "poll"}
    return FoundDevice("iio", device_name(device), device.name, tuple(able), table)


DRIVER = SourceDriver(IioTable, build, finds=find_sensors)
