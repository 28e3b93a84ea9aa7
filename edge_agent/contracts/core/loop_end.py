"""The end of an event loop that served connections: none is left to the garbage collector."""

from __future__ import annotations

import asyncio

ACCEPT_TURNS = 10
"""Turns of a loop after which a connection that was accepted has a transport (asyncio: 3)."""
END_S = 2.0
PAUSE_S = 0.005


async def end_connections() -> None:
    """Abort the connections of this loop's servers, and wait until their sockets are closed.

    Call it after the servers' own shutdown. pymodbus ends the connections that it knows, and one
    that is accepted while it closes has no protocol yet; uvicorn leaves open one whose peer does
    not read what it was sent. The wait ends after two seconds at the latest.
    """
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    latest_s = loop.time() + END_S
    while (left := _open_transports(loop)) and loop.time() < latest_s:
        for transport in left:
            transport.abort()
        await asyncio.sleep(PAUSE_S)


def _open_transports(loop: asyncio.AbstractEventLoop) -> list[asyncio.WriteTransport]:
    """asyncio names its transports by descriptor, and sets the socket to None at the very end."""
    known = getattr(loop, "_transports", {})
    return [each for each in list(known.values()) if getattr(each, "_sock", None) is not None]
