"""A camera's frames: judged by the bundle, and no verdict is given on one that is not fit."""

from __future__ import annotations

from functools import partial

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Frame, Item, Judgement
from edge_agent.decide.inspector import Network, wrong_item
from edge_agent.health.frame import FrameHealth
from edge_agent.infer.aside import Aside, Task


class ImageInspector:
    """Judges the frames of one camera in their order; one thread at a time may use it.

    aside: looks whether a frame is fit while the network is at work; None: before it.
    """

    needs_every_item = False

    def __init__(self, network: Network, health: FrameHealth, aside: Aside | None = None) -> None:
        self._network = network
        self._health = health
        self._aside = aside

    def inspect(self, item: Item) -> Judgement:
        """Judge a frame; raises InputError for one that is not fit to be judged."""
        if not isinstance(item, Frame):
            raise wrong_item(item, "frames")
        looked = Task(partial(self._health.fault, item.image, item.device_ns))
        if self._aside is None:
            _refuse_unfit(looked)
            return self._network.inspect(item.image)
        try:
            return self._network.inspect(item.image, self._aside, [looked])
        finally:
            # Whatever the network found, or could not do: an unfit frame has no verdict.
            _refuse_unfit(looked)


def _refuse_unfit(looked: Task[str]) -> None:
    if fault := looked.result():
        raise InputError(fault)
