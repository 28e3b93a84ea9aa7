"""The station's values at an OPC UA server, read by asyncua's own client in another process."""

from __future__ import annotations

import contextlib
import json
from importlib.util import find_spec

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.opc_ua import EMPTY, OpcUaAdapter, OpcUaAdapterTable
from tests.edge_agent.contracts.wire.samples import SAMPLES
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.edge_agent.outputs.test_opc_ua_output import read
from tests.station_kit import wait_until


def adapter(port: int) -> OpcUaAdapter:
    asked = {"driver": "opc_ua", "listen": "127.0.0.1", "port": port, "folder": "Lineside"}
    return OpcUaAdapter(OpcUaAdapterTable.model_validate(asked), station(), retry_s=0.2)


def test_the_newest_values_keep_their_types_and_order() -> None:
    one = adapter(free_port())
    one.publish(decided(Verdict.FAIL, label="scratch", latency_ms=40))
    one.publish(SAMPLES["condition"])  # type: ignore[arg-type]
    one.publish(SAMPLES["health"])  # type: ignore[arg-type]
    one.publish(SAMPLES["metrics"])  # type: ignore[arg-type]
    values = one._ordered()
    assert list(values)[-1] == "Number"
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in EMPTY.items()
    }
    assert (values["Verdict"], values["Parts"], values["Number"]) == ("FAIL", 100, 3)
    assert json.loads(str(values["Machines"])) == {"spindle": {"zone": "C", "rms_mm_s": 3.2}}
    assert json.loads(str(values["Channels"]))["top"]["label"] == "scratch"


@pytest.mark.drivers
def test_clients_read_state_and_the_last_part() -> None:
    if find_spec("asyncua") is None:
        pytest.skip("asyncua is not installed: pip install 'lineside[opcua]'")
    port = free_port()
    one = adapter(port)
    one.open(Delivery)
    one.publish(StateMessage(station="test", state="armed", at_ns=1))
    one.publish(decided(Verdict.FAIL))

    def shown() -> list[object]:
        with contextlib.suppress(AssertionError):  # the server takes seconds to start
            return read(port, "State", "Verdict", "PartId")[:3]
        return []

    assert wait_until(lambda: shown() == ["armed", "FAIL", "p"], 60)
    one.close()
    one.close()
