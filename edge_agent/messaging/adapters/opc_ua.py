"""The station as values of an OPC UA server: state, counts, last part, channels, machines."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.kinds.condition import ConditionMessage
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.fieldbus.line_process import LineProcess
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

LOG = logging.getLogger("lineside.adapter")

SERVER = "edge_agent.fieldbus.opc_ua_server"
START_S = 30.0
"""The library alone takes seconds to load on a small device."""
RETRY_S = 10.0
EMPTY: dict[str, object] = {
    "State": "", "Reason": "", "Parts": 0, "Passed": 0, "Failed": 0, "NoVerdict": 0,
    "Unconfirmed": 0, "PartId": "", "Verdict": "", "Action": "", "PartReason": "",
    "LatencyMs": 0.0, "AtUtcNs": 0, "Channels": "{}", "Machines": "{}", "Number": 0,
}  # fmt: skip
"""Every value with its type, which stays. Channels and Machines are JSON by channel."""


class OpcUaAdapterTable(AdapterTable):
    """A view for OPC UA clients, which may only read; there is no password.

    `Number` is set last and counts every change. For a PLC that acts on a part take the output
    opc_ua: an adapter shows the newest values and may skip some.
    """

    driver: Literal["opc_ua"]
    listen: str = Field(min_length=1, description="address of the station's own interface")
    port: int = Field(default=4841, ge=1, le=65535, description="TCP port")
    folder: str = Field(
        default="LinesideStation", pattern=r"^\w+$", max_length=63, description="the object's name"
    )
    timeout_s: float = Field(
        default=2, gt=0, le=30, description="longest wait until the values are set"
    )


class OpcUaAdapter:
    """The newest values, which a thread of its own gives to the server's process."""

    def __init__(
        self, config: OpcUaAdapterTable, station: AdapterStation, *, retry_s: float = RETRY_S
    ) -> None:
        del station
        self._config = config
        self._retry_s = retry_s
        self._server = LineProcess(SERVER, f"adapter (OPC UA {config.listen}:{config.port})")
        self._values = EMPTY.copy()
        self._channels: dict[str, object] = {}
        self._machines: dict[str, object] = {}
        self._change = threading.Condition()
        self._news = self._stopping = False
        self._thread: threading.Thread | None = None

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin; the server is started by the thread, and again where it was lost."""
        del delivery
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="opc-ua-view", daemon=True)
        self._thread.start()

    def publish(self, message: Outbound) -> None:
        """Take the values of a message."""
        with self._change:
            found = self._values_of(message)
            if found:
                number = int(str(self._values["Number"])) + 1
                self._values |= found | {"Number": number}
                self._news = True
                self._change.notify_all()

    def close(self) -> None:
        """End the server; closing twice is fine."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(START_S + self._config.timeout_s)
        self._server.close()

    def _values_of(self, message: Outbound) -> dict[str, object]:
        if isinstance(message, StateMessage):
            return {"State": message.state, "Reason": message.reason}
        if isinstance(message, HealthMessage):
            return {
                "Parts": message.parts, "Passed": message.passed, "Failed": message.failed,
                "NoVerdict": message.no_verdict, "Unconfirmed": message.outbox_waiting,
            }  # fmt: skip
        if isinstance(message, VerdictMessage):
            return self._part(message)
        if isinstance(message, ConditionMessage):
            self._machines[message.channel] = {"zone": message.zone, "rms_mm_s": message.rms_mm_s}
            return {"Machines": json.dumps(self._machines)}
        return {}

    def _part(self, message: VerdictMessage) -> dict[str, object]:
        for one in message.channels:
            self._channels[one.channel] = {
                "verdict": one.verdict.value, "label": one.label, "score": one.score
            }  # fmt: skip
        return {
            "PartId": message.part_id, "Verdict": message.verdict.value, "Action": message.action,
            "PartReason": message.reason, "LatencyMs": float(message.latency_ms),
            "AtUtcNs": message.at_ns, "Channels": json.dumps(self._channels),
        }  # fmt: skip

    def _run(self) -> None:
        fault = ""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._news or self._stopping, self._retry_s)
                if self._stopping:
                    return
                values, self._news = self._ordered(), False
            try:
                self._show(values)
            except DeviceError as error:
                if not fault:
                    LOG.warning("the OPC UA view: %s", error)
                fault = str(error)
                self._server.close()
                with self._change:
                    self._news = True
                    self._change.wait_for(lambda: self._stopping, self._retry_s)
            else:
                fault = ""

    def _show(self, values: dict[str, object]) -> None:
        if self._server.is_open:
            self._server.ask({"values": values}, self._config.timeout_s)
            return
        endpoint = f"opc.tcp://{self._config.listen}:{self._config.port}"
        order = {"endpoint": endpoint, "folder": self._config.folder, "values": values}
        self._server.open(order, START_S)

    def _ordered(self) -> dict[str, object]:
        """The values in the table's order: Number last."""
        return {name: self._values[name] for name in EMPTY}


DRIVER = AdapterDriver(OpcUaAdapterTable, OpcUaAdapter)
