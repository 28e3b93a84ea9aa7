"""Lines of a chip that is not there; those of a kernel's chip are in test_gpio."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.gpio_lines import GpioLines

gpiod = pytest.importorskip("gpiod", reason="GPIO: libgpiod is not installed")


def lines(chip: Path) -> GpioLines:
    return GpioLines(str(chip), where="gate", consumer="lineside-gate")


def test_lines_of_an_absent_chip_cannot_be_had(tmp_path: Path) -> None:
    absent = lines(tmp_path / "gpiochip0")
    absent.check_library()
    with pytest.raises(DeviceError, match="cannot be had") as raised:
        absent.request({3: gpiod.LineSettings()})
    assert raised.value.where == "gate"
    assert "gpioinfo" in raised.value.cure


def test_lines_that_nobody_took_are_not_open(tmp_path: Path) -> None:
    idle = lines(tmp_path / "gpiochip0")
    idle.release()
    with pytest.raises(DeviceError, match="is not open"):
        _ = idle.held
