"""The state of a station: armed or not, why, and by which bundles; each change is told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.wire.kinds.state import RuntimeInUse, StateMessage
from edge_agent.contracts.wire.messages import wire_text

LOG = logging.getLogger("lineside.station")

State: TypeAlias = Literal["armed", "disarmed", "stopping"]


class StationState:
    """Remembers what was told last. status: takes one line for the service manager."""

    def __init__(
        self,
        station: str,
        *,
        publish: Callable[[StateMessage], None],
        status: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self.state: State = "disarmed"
        self.reason = "starting"
        self._bundles: dict[str, str] = {}
        self._runtimes: Mapping[str, RuntimeInUse] = {}
        self._station = station
        self._publish = publish
        self._status = status
        self._clock = clock

    def change(
        self,
        state: State,
        reason: str,
        bundles: dict[str, str],
        runtimes: Mapping[str, RuntimeInUse] = MappingProxyType({}),
    ) -> bool:
        """Take up a state, log and publish it; False where it is what it was."""
        reason = wire_text(reason)
        before = self.state, self.reason, self._bundles, self._runtimes
        if (state, reason, bundles, runtimes) == before:
            return False
        self.state, self.reason, self._bundles, self._runtimes = state, reason, bundles, runtimes
        line = f"{state}: {reason}" if reason else state
        LOG.log(logging.ERROR if state == "disarmed" else logging.INFO, "%s", line)
        self._status(line)
        self._publish(
            StateMessage(
                station=self._station,
                state=state,
                reason=reason,
                at_ns=self._clock.utc_ns(),
                bundles=bundles,
                runtimes=dict(runtimes),
            )
        )
        return True
