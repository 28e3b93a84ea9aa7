"""What one network connection to the page may cost: a silent or greedy peer shuts nobody out."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_OF_ONE_ADDRESS = 64
"""A browser opens six a tab; another address must still find a free one."""


class GuardedConnection(H11Protocol):
    """A connection of uvicorn that ends where its peer is silent, or has too many of them."""

    head_s = 10.0
    """A request must be whole this long after the connection was made, or after the last answer."""

    end_s = 0.5
    """How long an answer that is under way may take when the page closes."""

    _silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or end it at once where its address has enough."""
        super().connection_made(transport)
        if self._of_this_address() > MOST_OF_ONE_ADDRESS:
            transport.abort()
            return
        self._listen()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request, from now on."""
        self._listen()
        super().on_response_complete()

    def shutdown(self) -> None:
        """End it when its answer is whole, or soon: its peer may never read the rest."""
        super().shutdown()
        self.loop.call_later(self.end_s, self.transport.abort)

    def _of_this_address(self) -> int:
        here = self.client[0] if self.client else ""
        others = (getattr(other, "client", None) for other in self.connections)
        return sum(client is not None and client[0] == here for client in others)

    def _listen(self) -> None:
        self._forget()
        self._silence = self.loop.call_later(self.head_s, self._end_silence)

    def _forget(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _end_silence(self) -> None:
        """A request that is being answered may take its time: the answer listens anew."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
