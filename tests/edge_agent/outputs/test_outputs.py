"""What every output promises; run over every driver that needs no device."""

from __future__ import annotations

import io

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.console import Console, ConsoleTable
from edge_agent.outputs.output import OUTPUTS, build_output
from edge_agent.outputs.simulated import SimulatedOutput, SimulatedOutputTable


def _decision(action: Action, part_id: str = "p1") -> Decision:
    return Decision(part_id, Verdict.FAIL, action, "", 1.0, ())


@pytest.fixture
def output() -> SimulatedOutput:
    return SimulatedOutput(
        SimulatedOutputTable(driver="simulated"), name="gate", clock=ManualClock()
    )


def test_every_output_has_a_table_named_after_its_file() -> None:
    for name, row in OUTPUTS.rows().items():
        assert row.config.model_fields["driver"].annotation.__args__ == (name,)


@pytest.mark.parametrize("driver", ["console", "simulated"])
def test_an_output_opens_and_closes_twice_and_opens_again(driver: str) -> None:
    config = OUTPUTS.find(driver).config.model_validate({"driver": driver})
    output = build_output(config, clock=ManualClock())
    for _ in range(2):
        output.open()
        output.open()
        output.write(_decision("reject"))
        assert output.status().commanded == "reject"
        output.close()
        output.close()
    assert output.status().written == 2


def test_a_gate_shows_its_safe_state_from_open_to_first_decision_and_after_close(
    output: SimulatedOutput,
) -> None:
    output.open()
    output.write(_decision("accept", "p7"))
    assert output.status().read_back == "accept"
    output.close()
    moved = [(move.action, move.part_id) for move in output.gate.movements]
    assert moved == [("reject", ""), ("accept", "p7"), ("reject", "")]


def test_a_gate_that_does_not_answer_is_an_error_and_a_status(output: SimulatedOutput) -> None:
    output.open()
    output.gate.broken = True
    with pytest.raises(DeviceError, match="output gate: the gate does not answer"):
        output.write(_decision("accept"))
    status = output.status()
    assert (status.failed, status.fault, status.read_back) == (1, "the gate does not answer", None)
    output.close()


def test_the_console_prints_each_decision_before_it_is_closed() -> None:
    stream = io.StringIO()
    config = ConsoleTable(driver="console")
    console = Console(config, name="console", clock=ManualClock(), stream=stream)
    console.open()
    for k in range(20):
        console.write(_decision("reject", f"part-{k}"))
    console.close()
    lines = stream.getvalue().splitlines()
    assert [line.split()[3] for line in lines] == [f"part-{k}" for k in range(20)]
