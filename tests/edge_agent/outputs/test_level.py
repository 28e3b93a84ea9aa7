"""An output that is one number: what stands at the device after each action."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.level import LevelOutput, LevelTable
from tests.station_kit import wait_until


class Coil:
    """A device that keeps a number; `stuck` lets it keep the one it has."""

    def __init__(self) -> None:
        self.value, self.stuck, self.opened = 9, False, False

    def open(self) -> None:
        self.opened = True

    def write(self, value: int) -> None:
        self.value = self.value if self.stuck else value

    def read(self) -> int:
        return self.value

    def close(self) -> None:
        self.opened = False


def decision(action: Action) -> Decision:
    return Decision("p", Verdict.PASS, action, "", 1.0, ())


def made(**table: object) -> tuple[LevelOutput, Coil]:
    config = LevelTable.model_validate({"driver": "modbus", "stop_value": 2, **table})
    coil = Coil()
    return LevelOutput(config, coil, "gate"), coil


def test_each_action_has_its_value_and_the_safe_state_frames_them() -> None:
    output, coil = made()
    output.open()
    assert coil.value == 1, "reject is the safe state"
    shown = []
    for action in ("accept", "stop", "reject"):
        output.write(decision(action))
        shown.append(coil.value)
    assert shown == [0, 2, 1]
    assert output.status().written == 3
    output.write(decision("accept"))
    output.close()
    assert (coil.value, coil.opened) == (1, False)
    output.close()


def test_a_device_that_keeps_another_value_is_a_fault() -> None:
    output, coil = made()
    output.open()
    coil.stuck = True
    with pytest.raises(DeviceError, match="output gate: was set to 0 and reads 1"):
        output.write(decision("accept"))
    status = output.status()
    assert (status.failed, status.commanded) == (1, "accept")
    assert "reads 1" in status.fault


def test_somebody_else_who_sets_it_is_seen() -> None:
    output, coil = made()
    output.open()
    output.write(decision("accept"))
    coil.value = 2
    status = output.status()
    assert (status.commanded, status.read_back) == ("accept", "stop")


def test_a_pulse_falls_back_by_itself() -> None:
    output, coil = made(pulse_ms=20)
    output.open()
    output.write(decision("reject"))
    assert wait_until(lambda: coil.value == 0)


def test_it_must_be_opened_first() -> None:
    output, _ = made()
    with pytest.raises(DeviceError, match="not open"):
        output.write(decision("accept"))
