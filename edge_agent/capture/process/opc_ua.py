"""Process values of an OPC UA server; the client is a process of its own.

Its library takes 30 MB and seconds to start, and may block: none of that reaches the station.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from edge_agent.capture.polled_rows import (
    PolledRows,
    PolledTable,
    TagValues,
)
from edge_agent.capture.source import SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.extras import ASYNCUA, Library
from edge_agent.fieldbus.line_process import LineProcess
from edge_agent.settings.secret import first_line
from edge_agent.settings.toml import SecretPath, Table

START_S = 30.0
"""The library alone takes seconds to load on a small device."""
CLIENT = "edge_agent.fieldbus.opc_ua_client"


class OpcUaTag(Table):
    """One value of the server."""

    name: str = Field(min_length=1, description="as the model calls it")
    node: str = Field(min_length=3, description="its node id, such as ns=2;s=Press.Force")


class OpcUaTable(PolledTable):
    """Values of an OPC UA server, all read at once."""

    driver: Literal["opc_ua"]
    url: str = Field(pattern=r"^opc\.tcp://", description="such as opc.tcp://10.0.4.7:4840")
    username: str = Field(default="", description="empty: anonymous")
    password_file: SecretPath | None = Field(
        default=None, description="a file whose first line is the password"
    )
    timeout_s: float = Field(
        default=1.5, gt=0, le=60, description="longest wait for an answer; then the server is lost"
    )
    tag: list[OpcUaTag] = Field(min_length=1, max_length=512, description="the values to read")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (ASYNCUA,)

    @property
    def tag_names(self) -> Sequence[str]:
        """The names of `tag`."""
        return [tag.name for tag in self.tag]


class OpcUaReader:
    """Asks the client process."""

    def __init__(self, config: OpcUaTable) -> None:
        self._config = config
        self._client = LineProcess(CLIENT, config.url)

    def open(self) -> None:
        """Start the client and wait until it is connected; raises DeviceError."""
        config = self._config
        password = first_line(config.password_file, "the password") if config.password_file else ""
        nodes = {tag.name: tag.node for tag in config.tag}
        order = {"url": config.url, "username": config.username, "password": password}
        self._client.open(order | {"nodes": nodes, "timeout_s": config.timeout_s}, START_S)

    def read(self) -> TagValues:
        """All values now; raises DeviceError when server or client is lost."""
        found = self._client.ask({}, 2 * self._config.timeout_s)
        faults = {name: str(fault) for name, fault in found["faults"].items()}
        return TagValues(found["values"], faults)

    def close(self) -> None:
        """End the client: it ends by itself when its input does."""
        self._client.close()


def build(config: OpcUaTable, *, name: str, clock: Clock) -> PolledRows:
    """The source of a table."""
    return PolledRows(OpcUaReader(config), config, name=name, clock=clock)


DRIVER = SourceDriver(OpcUaTable, build)
