"""The OPC UA programs end when their input does, as a station's death ends it."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from edge_agent.fieldbus import opc_ua_client, opc_ua_server
from edge_agent.fieldbus.line_program import NO_ASYNCUA


@pytest.mark.parametrize("program", [opc_ua_client, opc_ua_server])
def test_no_order_ends_the_program_in_silence(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_spec("asyncua") is None:
        pytest.skip(f"OPC UA: {NO_ASYNCUA.what}")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert program.main() == 0
    assert capsys.readouterr().out == ""
