"""Pins of the kernel's own simulated chip (gpio-sim): what its sysfs saw and set.

Needs root, configfs and the module gpio-sim: Debian's kernel in a guest has them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.gpio import GpioOutput, GpioOutputTable
from edge_agent.trigger.gpio import GpioTrigger, GpioTriggerTable
from tests.edge_agent.fieldbus.gpio_kit import CONFIGFS, SimulatedChip


@pytest.fixture
def chip() -> Iterator[SimulatedChip]:
    if not CONFIGFS.is_dir():
        pytest.skip("GPIO: no gpio-sim in this kernel (modprobe gpio-sim, as root)")
    chip = SimulatedChip(f"lineside-{os.getpid()}")
    yield chip
    chip.remove()


def decision(action: Action) -> Decision:
    return Decision("p", Verdict.FAIL, action, "", 1.0, ())


@pytest.mark.drivers
def test_a_pin_shows_the_safe_state_each_decision_and_the_safe_state(chip: SimulatedChip) -> None:
    table = {"driver": "gpio", "chip": chip.path, "line": 3}
    gate = GpioOutput(GpioOutputTable.model_validate(table), name="gate", clock=SystemClock())
    gate.open()
    seen = [chip.value(3)]
    for action in ("accept", "reject", "accept"):
        gate.write(decision(action))
        seen.append(chip.value(3))
    assert gate.status().read_back == "accept"
    gate.close()
    assert seen == [1, 0, 1, 0]


@pytest.mark.drivers
def test_each_edge_is_a_part_with_the_kernels_time(chip: SimulatedChip) -> None:
    table = {"driver": "gpio", "chip": chip.path, "line": 5, "debounce_ms": 0}
    barrier = GpioTrigger(
        GpioTriggerTable.model_validate(table), name="barrier", clock=SystemClock()
    )
    barrier.open()
    found = []
    for _ in range(20):
        chip.pull(5, up=True)
        edge_ns = time.monotonic_ns()
        event = barrier.next(1)
        assert event is not None
        assert abs(event.mono_ns - edge_ns) < 50_000_000
        found.append(event.seq)
        chip.pull(5, up=False)
    assert found == list(range(20))
    assert barrier.next(0.02) is None
    barrier.close()


@pytest.mark.parametrize("driver", ["output", "trigger"])
def test_a_chip_that_is_not_there_is_an_absent_device(driver: str) -> None:
    table = {"driver": "gpio", "chip": "/dev/gpiochip-none", "line": 1}
    device: GpioOutput | GpioTrigger
    if driver == "output":
        device = GpioOutput(GpioOutputTable.model_validate(table), name="x", clock=SystemClock())
    else:
        device = GpioTrigger(GpioTriggerTable.model_validate(table), name="x", clock=SystemClock())
    with pytest.raises(DeviceError, match=r"gpiochip-none line 1\): cannot be had"):
        device.open()
    device.close()
