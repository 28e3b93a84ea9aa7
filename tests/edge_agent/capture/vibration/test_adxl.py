"""The ADXL345 and ADXL355 by their data sheets: set-up, FIFO, overrun, loss."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.capture.chip_stream import ChipDevice
from edge_agent.capture.register_bus import SPI_MESSAGE, I2cBus, SpiBus, build_bus
from edge_agent.capture.signal_stream import StreamSensor
from edge_agent.capture.spi_i2c_nodes import find_nodes
from edge_agent.capture.vibration import adxl345, adxl355
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, Reading, Unreadable
from tests.edge_agent.capture.vibration.chips import Adxl345OnBus, Adxl355OnBus, ChipOnBus

NODE = {"device": "/dev/spidev0.0", "window_s": 0.5}


def one_g_down(number: int) -> tuple[int, int, int]:
    return number % 100, -128, 256


def fine(number: int) -> tuple[int, int, int]:
    return number % 1000, -64_000, 64_000 * 7


def make(kind: str, **keys: object) -> tuple[StreamSensor, ChipOnBus, ManualClock]:
    clock = ManualClock(mono_ns=10**9)
    chip: ChipOnBus
    if kind == "adxl345":
        chip = Adxl345OnBus(797.0, clock, one_g_down)
        one = adxl345.Adxl345Table.model_validate({"driver": kind, **NODE, **keys})
        return adxl345.build(one, name="m", clock=clock, bus=chip), chip, clock
    chip = Adxl355OnBus(997.0, clock, fine)
    other = adxl355.Adxl355Table.model_validate({"driver": kind, **NODE, **keys})
    return adxl355.build(other, name="m", clock=clock, bus=chip), chip, clock


def first(source: StreamSensor) -> Item:
    for _ in range(2000):
        item = source.next(0.2)
        if item is not None:
            return item
    pytest.fail("nothing came")


@pytest.mark.parametrize(
    ("kind", "true_hz", "y_g", "z_g"), [("adxl345", 797, -0.5, 1.0), ("adxl355", 997, -1.0, 7.0)]
)
def test_samples_are_in_g_with_the_rate_of_the_chips_own_clock(
    kind: str, true_hz: float, y_g: float, z_g: float
) -> None:
    source, _, _ = make(kind)
    source.open()
    reading = first(source)
    assert isinstance(reading, Reading), reading
    assert reading.rate_hz == pytest.approx(true_hz, rel=2e-3)
    assert np.allclose(reading.signal[:, 1], y_g)
    assert np.allclose(reading.signal[:, 2], z_g)
    steps = np.diff(reading.signal[:, 0])
    assert (np.isclose(steps, steps.max(), atol=1e-9) | (steps < 0)).all(), "a sample is missing"


def test_axes_and_unit_are_those_of_the_table() -> None:
    source, _, _ = make("adxl345", axes=["z"], unit="m/s2")
    source.open()
    reading = first(source)
    assert isinstance(reading, Reading)
    assert np.allclose(reading.signal, 9.80665)


def test_a_fifo_that_ran_over_is_named() -> None:
    source, _, clock = make("adxl345")
    source.open()
    assert isinstance(first(source), Reading)
    clock.advance_s(0.2)
    late = first(source)
    assert isinstance(late, Unreadable)
    assert "were lost before this reading (overrun)" in late.reason


def test_a_chip_at_the_end_of_its_range_is_clipped() -> None:
    source, chip, _ = make("adxl345", range_g=2)
    chip._sample = lambda number: (0, 511, 0)
    source.open()
    clipped = first(source)
    assert isinstance(clipped, Unreadable)
    assert "of axis y are at full scale (2 g)" in clipped.reason


@pytest.mark.parametrize("kind", ["adxl345", "adxl355"])
def test_a_chip_that_is_gone_is_a_lost_device_and_can_be_opened_again(kind: str) -> None:
    source, chip, _ = make(kind)
    source.open()
    assert isinstance(first(source), Reading)
    chip.gone = True
    with pytest.raises(DeviceError, match="does not answer"):
        first(source)
    source.close()
    with pytest.raises(DeviceError):
        source.open()
    source.close()
    chip.gone = False
    source.open()
    again = first(source)
    assert isinstance(again, Reading)
    assert again.seq == 1


@pytest.mark.parametrize(
    ("kind", "register", "words"),
    [("adxl345", 0x00, "is no ADXL345"), ("adxl355", 0x02, "is no ADXL355")],
)
def test_another_chip_is_refused(kind: str, register: int, words: str) -> None:
    source, chip, _ = make(kind)
    chip.registers[register] = 0x33
    with pytest.raises(DeviceError, match=words):
        source.open()


def test_a_setting_that_does_not_hold_is_refused() -> None:
    source, chip, _ = make("adxl345")
    chip.write = lambda register, value: None  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match=r"register 0x2c gave 0x00, 0x0d was set"):
        source.open()


def test_a_node_is_opened_as_what_it_is() -> None:
    manners = {"mode": 3, "speed_hz": 10**6, "shift": 0, "read_bits": 0xC0}
    for node, kind in (("/dev/i2c-71", I2cBus), ("/dev/spidev71.0", SpiBus)):
        bus = build_bus(node, 0x53, **manners)  # type: ignore[arg-type]
        assert isinstance(bus, kind)
        with pytest.raises(DeviceError, match=r"cannot be opened \(No such file"):
            bus.open()
        bus.close()
    assert SPI_MESSAGE == 0x40206B00


def test_buses_are_listed_and_not_touched(tmp_path: object) -> None:
    from pathlib import Path

    room = Path(str(tmp_path))
    (room / "i2c-1").touch()
    (room / "spidev0.0").touch()
    assert [one.where for one in find_nodes("adxl345", room)] == ["/dev/i2c-1", "/dev/spidev0.0"]
    assert ChipDevice.__name__ == "ChipDevice"
