"""No connection outlives the loop that served it, however its peer behaves."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import pytest

from edge_agent.contracts.core.loop_end import end_connections
from tests.descriptors import open_sockets

FLOOD = bytes(1 << 24)


class Flood(asyncio.Protocol):
    """Sends more than its peer ever reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(FLOOD)  # type: ignore[attr-defined]


async def serve_and_end(late: bool) -> None:
    """Serve a peer that does not read; `late`: it comes while the server closes."""
    server = await asyncio.get_running_loop().create_server(Flood, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):
        if not late:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)  # the loop sees that a connection waits
        server.close()
        await end_connections()


@pytest.mark.parametrize("late", [False, True], ids=["does not read", "comes at the end"])
def test_a_connection_is_closed_at_the_end_of_its_loop(late: bool) -> None:
    gc.collect()  # a socket that another test left is not this one's
    before = open_sockets()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        asyncio.run(serve_and_end(late))
        assert open_sockets() == before
        gc.collect()
