"""The last decision as values of an OPC UA server, which runs in a process of its own."""

from __future__ import annotations

import threading
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import ASYNCUA, Library
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.fieldbus.line_process import LineProcess
from edge_agent.outputs.output import OutputDriver, OutputStatus, OutputTable

SERVER = "edge_agent.fieldbus.opc_ua_server"
START_S = 30.0
"""The library alone takes seconds to load on a small device."""


class OpcUaOutputTable(OutputTable):
    """PartId, Verdict, Action, Reason, LatencyMs, AtUtcNs and Number below one object.

    `Number` is set last and counts every change: a client subscribes to it and then reads the
    others. When the station dies its server is gone. Clients may only read; there is no password.
    """

    driver: Literal["opc_ua"]
    listen: str = Field(min_length=1, description="address of the station's own interface")
    port: int = Field(default=4840, ge=1, le=65535, description="TCP port")
    folder: str = Field(
        default="Lineside", pattern=r"^\w+$", max_length=63, description="name of the object"
    )
    timeout_s: float = Field(
        default=0.5, gt=0, le=10, description="longest wait until the values are set"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (ASYNCUA,)

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return (self.port,)


class OpcUaOutput:
    """Sets the values; an empty PartId is the safe state.

    A server that was lost is started again by a thread of its own: that takes seconds, in which no
    other output may wait.
    """

    def __init__(self, config: OpcUaOutputTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._where = f"output {name} (OPC UA {config.listen}:{config.port})"
        self._server = LineProcess(SERVER, self._where)
        self._starter: threading.Thread | None = None
        self._commanded: Action | None = None
        self._fault = ""
        self._number = self._written = self._failed = 0

    def open(self) -> None:
        """Start the server with the safe state; raises DeviceError."""
        config = self._config
        endpoint = f"opc.tcp://{config.listen}:{config.port}"
        order = {"endpoint": endpoint, "folder": config.folder, "values": self._safe_values()}
        self._server.open(order, START_S)
        self._commanded, self._fault = config.safe_state, ""

    def write(self, decision: Decision) -> None:
        """Set the values of a decision."""
        try:
            self._set(decision.action, self._values(decision))
        except DeviceError:
            self._failed += 1
            raise
        self._written += 1

    def show_safe_state(self) -> None:
        """Set the values of the safe state."""
        self._set(self._config.safe_state, self._safe_values())

    def status(self) -> OutputStatus:
        """The last action that the server took."""
        return OutputStatus(self._commanded, None, self._fault, self._written, self._failed)

    def close(self) -> None:
        """Set the safe state where the server answers, and end it."""
        if self._starter is not None:
            self._starter.join(START_S)
            self._starter = None
        if self._server.is_open:
            try:
                self.show_safe_state()
            except DeviceError as error:
                self._fault = str(error)
        self._server.close()

    def _set(self, action: Action, values: dict[str, object]) -> None:
        if self._starter is not None and self._starter.is_alive():
            raise DeviceError("its server is being started", where=self._where, cure="wait")
        try:
            self._server.ask({"values": values}, self._config.timeout_s)
        except DeviceError as error:
            self._fault = str(error)
            self._starter = threading.Thread(target=self._start, name="opc-ua", daemon=True)
            self._starter.start()
            raise
        self._commanded, self._fault = action, ""

    def _start(self) -> None:
        try:
            self.open()
        except DeviceError as error:
            self._fault = str(error)

    def _values(self, decision: Decision) -> dict[str, object]:
        self._number += 1
        return {
            "PartId": decision.part_id,
            "Verdict": str(decision.verdict),
            "Action": decision.action,
            "Reason": decision.reason,
            "LatencyMs": decision.latency_ms,
            "AtUtcNs": decision.at_ns or self._clock.utc_ns(),
            "Number": self._number,
        }

    def _safe_values(self) -> dict[str, object]:
        self._number += 1
        return {
            "PartId": "",
            "Verdict": "",
            "Action": self._config.safe_state,
            "Reason": "",
            "LatencyMs": 0.0,
            "AtUtcNs": self._clock.utc_ns(),
            "Number": self._number,
        }


DRIVER = OutputDriver(OpcUaOutputTable, OpcUaOutput)
