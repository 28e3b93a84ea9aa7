"""A sensor that gives samples without end: blocks in, readings of one length out.

Nothing is smoothed over: lost samples, a rate that is not the one asked, and clipped samples make
the reading Unreadable with the reason, so that its part gets NO-VERDICT.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import Field

from edge_agent.capture.sample_clock import SampleClock
from edge_agent.capture.source import VibrationSourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Reading, Signal, Unreadable
from edge_agent.contracts.vibration.input import SAME_RATE

LOG = logging.getLogger("lineside.capture")

STEADY = 0.0005
"""A measured rate is kept until the next one is further away: resampling need not begin anew."""
AT_FULL_SCALE, CLIPPED = 0.995, 2
"""More samples of an axis than CLIPPED at this share of full scale are clipped."""
UNREAD_S = 0.1
"""What a device gives within this before its first read comes as one block, which bends no rate."""
STANDARD_GRAVITY = 9.80665
"""m/s2 of one g (CGPM 1901)."""


class StreamTable(VibrationSourceTable):
    """What the table of every streaming sensor has."""

    axes: list[str] = Field(min_length=1, max_length=16, description="the axes in their order")
    rate_hz: float = Field(gt=0, le=1_000_000, description="samples a second that are asked for")
    window_s: float = Field(default=1, gt=0, le=3600, description="length of a reading")
    unit: str = Field(default="g", description="unit of the samples")
    rate_off: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="a measured rate further from rate_hz than this share is NO-VERDICT",
    )
    stall_s: float = Field(
        default=1.5, gt=0, le=60, description="a sensor that gives nothing for so long is lost"
    )

    @property
    def names_parts(self) -> bool:
        """A sensor only counts its readings."""
        return False

    @property
    def signal_unit(self) -> str:
        """`unit`."""
        return self.unit

    @property
    def axis_names(self) -> tuple[str, ...]:
        """`axes`."""
        return tuple(self.axes)


@dataclass(frozen=True)
class SampleBlock:
    """What a device gave at once. samples: in the unit of the table; mono_ns: when the last one
    was there; lost: samples that are missing before the first (at least so many).
    """

    samples: Signal
    mono_ns: int
    lost: int = 0


class SampleDevice(Protocol):
    """A device as its driver sees it. Used by one thread."""

    full_scale: float
    """Largest magnitude that it can give, in the unit of the table; 0: not known."""

    def open(self) -> None:
        """Open, set and read back; raises DeviceError."""

    def read(self, timeout_s: float) -> SampleBlock | None:
        """What came since, or None when nothing did; raises DeviceError when it is lost."""

    def close(self) -> None:
        """Release it; closing twice is fine."""


class StreamSensor:
    """Readings of `window_s` without a gap between them; each is a part, numbered from 0.

    The first second after the opening gives none: the rate is not yet known.
    """

    live = True

    def __init__(
        self, device: SampleDevice, config: StreamTable, *, name: str, clock: Clock
    ) -> None:
        self._told_loss = False
        self._device = device
        self._config = config
        self._name = name
        self._clock = clock
        self._length = max(1, round(config.window_s * config.rate_hz))
        self._is_open = False
        self._seq = 0
        self._forget()

    def open(self) -> None:
        """Open the device; raises DeviceError when absent or not as asked."""
        self.close()
        self._device.open()
        self._forget()
        self._heard_ns = self._clock.mono_ns()
        self._is_open = True

    def begin(self) -> None:
        """Open a device again that was left unread since open(); raises DeviceError.

        What waits in it would come at once: it would bend the rate, which is counted over time,
        and some of it ran over unseen.
        """
        if (self._clock.mono_ns() - self._heard_ns) / 1e9 > UNREAD_S:
            self.open()

    def next(self, timeout_s: float) -> Reading | Unreadable | None:
        """The next reading; raises DeviceError when nothing came for `stall_s`."""
        if not self._is_open:
            raise DeviceError("not open", where=self._name, cure="open it first")
        if self._waiting < self._length:
            block = self._device.read(timeout_s)
            if block is None or not len(block.samples):
                self._refuse_silence()
                return None
            self._heard_ns = self._clock.mono_ns()
            cut = self._take(block)
            if cut is not None:
                return cut
        return self._reading() if self._waiting >= self._length else None

    def close(self) -> None:
        """Release the device."""
        self._is_open = False
        self._device.close()

    def _forget(self) -> None:
        self._rate = SampleClock()
        self._rate_hz = self._config.rate_hz
        self._blocks: list[Signal] = []
        self._waiting = 0
        self._last_ns = 0
        self._heard_ns = 0

    def _refuse_silence(self) -> None:
        silent_s = (self._clock.mono_ns() - self._heard_ns) / 1e9
        if silent_s >= self._config.stall_s:
            raise DeviceError(
                f"gave nothing for {silent_s:.1f} s",
                where=f"sensor {self._name}",
                cure="check cable and power; the station opens it again",
            )

    def _take(self, block: SampleBlock) -> Unreadable | None:
        """Keep the block; what a gap cut off is no reading."""
        self._rate.add(block.lost + len(block.samples), block.mono_ns)
        self._last_ns = block.mono_ns
        if not self._rate.is_known:
            return None
        was_cut = block.lost > 0
        if was_cut:
            if not self._told_loss:
                LOG.warning("sensor %s loses samples: %d at once", self._name, block.lost)
            self._told_loss = True
            self._blocks.clear()
            self._waiting = 0
        self._blocks.append(block.samples)
        self._waiting += len(block.samples)
        if was_cut:
            return self._unreadable(f"{block.lost} samples were lost before this reading (overrun)")
        return None

    def _reading(self) -> Reading | Unreadable:
        signal = np.concatenate(self._blocks)
        window, rest = signal[: self._length], signal[self._length :]
        self._blocks, self._waiting = [rest] if len(rest) else [], len(rest)
        measured_hz = self._rate.rate_hz() or self._config.rate_hz
        fault = self._rate_fault(measured_hz) or self._clipping(window)
        if fault:
            return self._unreadable(fault)
        rate_hz = self._steady_rate(measured_hz)
        return Reading(np.ascontiguousarray(window, np.float32), rate_hz, *self._stamp())

    def _steady_rate(self, measured_hz: float) -> float:
        """The rate of the readings; one that would change with every reading would be noise."""
        if abs(measured_hz / self._config.rate_hz - 1) <= SAME_RATE:
            self._rate_hz = self._config.rate_hz
        elif abs(measured_hz / self._rate_hz - 1) > STEADY:
            self._rate_hz = float(f"{measured_hz:.5g}")
        return self._rate_hz

    def _rate_fault(self, measured_hz: float) -> str:
        off = measured_hz / self._config.rate_hz - 1
        if abs(off) <= self._config.rate_off:
            return ""
        return (
            f"the sensor samples at {measured_hz:.4g} Hz, {self._config.rate_hz:g} Hz are asked "
            f"({off:+.0%}, {self._config.rate_off:.0%} are allowed)"
        )

    def _clipping(self, window: Signal) -> str:
        full_scale = self._device.full_scale
        if not full_scale:
            return ""
        at_end = (np.abs(window) >= AT_FULL_SCALE * full_scale).sum(axis=0)
        axis = int(at_end.argmax())
        if at_end[axis] <= CLIPPED:
            return ""
        unit = f"{full_scale:g} {self._config.unit}"
        name = self._config.axes[axis]
        return f"clipped: {at_end[axis]} samples of axis {name} are at full scale ({unit})"

    def _unreadable(self, reason: str) -> Unreadable:
        return Unreadable(reason, *self._stamp())

    def _stamp(self) -> tuple[int, int, int, str, str]:
        """As old as the last sample of the reading."""
        now = self._clock.mono_ns()
        behind_ns = round(self._waiting / self._config.rate_hz * 1e9)
        taken_ns = min(now, self._last_ns - behind_ns)
        seq, self._seq = self._seq, self._seq + 1
        utc_ns = self._clock.utc_ns() - (now - taken_ns)
        return utc_ns, taken_ns, seq, self._name, str(seq)
