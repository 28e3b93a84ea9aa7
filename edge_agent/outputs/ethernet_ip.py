"""A tag of an EtherNet/IP PLC."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.ethernet_ip import EthernetIpPoint, EthernetIpPointTable
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver


class EthernetIpOutputTable(LevelTable, EthernetIpPointTable):
    """A tag that is set for each decision, and read back."""

    driver: Literal["ethernet_ip"]


class EthernetIpOutput(LevelOutput):
    """Drives the tag."""

    def __init__(self, config: EthernetIpOutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, EthernetIpPoint(config), name)


DRIVER = OutputDriver(EthernetIpOutputTable, EthernetIpOutput, reads_back=True)
