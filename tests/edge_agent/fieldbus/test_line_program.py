"""Both ends of the lines of JSON between the station and a process of its own."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.line_process import LineProcess
from edge_agent.fieldbus.line_program import NO_ASYNCUA

ECHO = "tests.edge_agent.fieldbus.echo_program"


def test_each_line_has_its_answer() -> None:
    program = LineProcess(ECHO, "echo")
    program.open({"any": 1}, 20)
    assert program.ask({"text": "ü\n"}, 20) == {"heard": {"text": "ü\n"}}
    assert program.ask({}, 20) == {"heard": {}}
    program.close()


def test_a_refusal_is_an_error_with_its_cure() -> None:
    program = LineProcess(ECHO, "echo")
    with pytest.raises(DeviceError, match="no server") as raised:
        program.open({"refuse": "no server"}, 20)
    assert (raised.value.where, raised.value.cure) == ("echo", "ask otherwise")
    program.close()


def test_the_missing_library_is_named_with_its_extra() -> None:
    assert (NO_ASYNCUA.what, NO_ASYNCUA.cure) == (
        "asyncua is not installed",
        "pip install 'lineside[opcua]'",
    )
