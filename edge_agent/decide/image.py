"""A camera's frames: fit to be judged, then judged by the bundle."""

from __future__ import annotations

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Frame, Item, Judgement
from edge_agent.decide.inspector import Network, wrong_item
from edge_agent.health.frame import FrameHealth


class ImageInspector:
    """Judges the frames of one camera in their order; one thread at a time may use it."""

    needs_every_item = False

    def __init__(self, network: Network, health: FrameHealth) -> None:
        self._network = network
        self._health = health

    def inspect(self, item: Item) -> Judgement:
        """Judge a frame; raises InputError for one that is not fit to be judged."""
        if not isinstance(item, Frame):
            raise wrong_item(item, "frames")
        fault = self._health.fault(item.image, item.device_ns)
        if fault:
            raise InputError(fault)
        return self._network.inspect(item.image)
