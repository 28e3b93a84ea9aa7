"""Every station of an inventory, asked at the same time what it has installed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deploy.push.station import Slot, station_word
from deploy.rollout.inventory import Inventory
from edge_agent.contracts.core.errors import DeviceError, StorageError

AT_ONCE = 16
"""Each costs this machine a process of ssh."""


@dataclass(frozen=True)
class StationView:
    """One station: its bundles as its `slots status` names them. fault: why it has none to show.

    agent: its version; empty where the station did not name it.
    """

    station: str
    reached: bool = True
    fault: str = ""
    bundles: list[Slot] = field(default_factory=list)
    agent: str = ""

    def line(self) -> str:
        """One line for a terminal."""
        titles = [f"{one.name} {one.version or '-'}" for one in self.bundles]
        faults = [one.fault for one in self.bundles if one.fault]
        agent = f" (agent {self.agent})" if self.agent else ""
        words = [", ".join(titles) or "no bundles", *(f"FAULT {fault}" for fault in faults)]
        words[0] += agent
        return f"{self.station}: {self.fault or '; '.join(words)}"

    @property
    def is_well(self) -> bool:
        """Whether it answered and can use every bundle that it has."""
        return not self.fault and not any(one.fault for one in self.bundles)


def survey(inventory: Inventory) -> list[StationView]:
    """The stations in the order of the inventory; one out of reach is a view with a fault."""
    names = inventory.in_order()
    with ThreadPoolExecutor(min(AT_ONCE, len(names))) as pool:
        return list(pool.map(lambda name: _view(inventory, name), names))


def _view(inventory: Inventory, name: str) -> StationView:
    try:
        word = station_word(inventory.host(name))
    except DeviceError as error:
        return StationView(name, reached=False, fault=str(error))
    except StorageError as error:
        return StationView(name, fault=str(error))
    return StationView(name, bundles=word.slots, agent=word.agent)
