"""The process that serves values over OPC UA: lines of JSON in, a line out for each.

First line: {"endpoint", "folder", "values": {name: value}}, answered by {} when it listens. Each
further line {"values"} sets them, in that order, and is answered by {}. Or {"error", "cure"}, and
the end. It ends too when its input does. Values are read-only for clients.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.line_program import NO_ASYNCUA, answer, read_order, refuse

NAMESPACE = "urn:lineside"


def main() -> int:
    """Serve until stdin ends."""
    try:
        import asyncua.server  # noqa: F401
    except ImportError:
        return refuse(NO_ASYNCUA)
    order = read_order()
    if not order:
        return 0
    try:
        asyncio.run(_serve(order))
    except (OSError, ValueError) as error:
        return refuse(
            DeviceError(str(error), where=order["endpoint"], cure="another program has the port")
        )
    return 0


async def _serve(order: Mapping[str, Any]) -> None:
    from asyncua.server.server import Server
    from asyncua.ua.uatypes import NodeId

    server = Server()
    await server.init()
    server.set_endpoint(order["endpoint"])
    server.set_server_name(order["folder"])
    space = await server.register_namespace(NAMESPACE)
    top = NodeId.from_string(f"ns={space};s={order['folder']}")
    folder = await server.nodes.objects.add_object(top, order["folder"])
    nodes = {}
    for name, value in order["values"].items():
        node = NodeId.from_string(f"ns={space};s={order['folder']}.{name}")
        nodes[name] = await folder.add_variable(node, name, value)
    async with server:
        answer({})
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            for name, value in json.loads(line)["values"].items():
                await nodes[name].write_value(value)
            answer({})


if __name__ == "__main__":
    sys.exit(main())
