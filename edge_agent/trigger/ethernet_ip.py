"""A tag of an EtherNet/IP PLC that reports each part, read at short intervals."""

from __future__ import annotations

from typing import Literal

from edge_agent.contracts.core.clock import Clock
from edge_agent.fieldbus.ethernet_ip import VALUES, EthernetIpPoint, EthernetIpPointTable
from edge_agent.trigger.polled import PolledTable, PolledTrigger
from edge_agent.trigger.trigger import TriggerDriver


class EthernetIpTriggerTable(PolledTable, EthernetIpPointTable):
    """A BOOL that rises with each part, or a number that counts parts, which is better."""

    driver: Literal["ethernet_ip"]


class EthernetIpTrigger(PolledTrigger):
    """Reads the tag."""

    def __init__(self, config: EthernetIpTriggerTable, *, name: str, clock: Clock) -> None:
        point = EthernetIpPoint(config)
        super().__init__(config, point, name=name, clock=clock, values=VALUES[config.type])


DRIVER = TriggerDriver(EthernetIpTriggerTable, EthernetIpTrigger)
