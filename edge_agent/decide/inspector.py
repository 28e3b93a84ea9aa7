"""What judges the items of one channel: one inspector for each kind of input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Image, Item, Judgement, Recording, Tensor
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.process.tables import Table
from edge_agent.infer.aside import Aside, Task


class Inspector(Protocol):
    """Judges the items of one channel in their order; one thread at a time may use it.

    needs_every_item: whether a later item is judged by what came before it, so that even an item
    that is too late for its own part must be inspected.
    """

    needs_every_item: bool

    def inspect(self, item: Item) -> Judgement:
        """The judgement; raises InputError with the reason where there can be none."""


class Network(Protocol):
    """A bundle made ready to judge (edge_agent.infer.bundle_inspector)."""

    @property
    def spec(self) -> ModelSpec: ...

    def inspect(
        self,
        raw: Image | Recording | Table,
        aside: Aside | None = None,
        beside: Sequence[Task[Any]] = (),
    ) -> Judgement: ...

    def raw_outputs(self, prepared: Tensor) -> list[Tensor]: ...

    def judge(self, raw: list[Tensor]) -> Judgement: ...


def wrong_item(item: Item, wanted: str) -> InputError:
    """The error for an item that a channel of another kind judges."""
    found = type(item).__name__
    return InputError(f"a {found} came to a channel that judges {wanted}")
