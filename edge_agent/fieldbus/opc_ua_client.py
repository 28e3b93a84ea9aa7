"""The process that reads an OPC UA server: one line of JSON in, then a line out for each line.

Input: {"url", "username", "password", "timeout_s", "nodes": {name: node id}}, then any lines.
Output: {} once connected; {"values": {name: value}, "faults": {name: reason}}; or {"error", "cure"}
and the end. It ends too when its input does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.line_program import NO_ASYNCUA, answer, read_order, refuse


def main() -> int:
    """Serve the lines of stdin."""
    try:
        from asyncua.ua.uaerrors import UaError
    except ImportError:
        return refuse(NO_ASYNCUA)
    order = read_order()
    if not order:
        return 0
    try:
        asyncio.run(_serve(order))
    except (OSError, TimeoutError, ValueError, UaError) as error:
        # What else the library raises ends the process: the station starts another one.
        text = str(error) or type(error).__name__
        return refuse(DeviceError(text, where=order["url"], cure="check server, user and node ids"))
    return 0


async def _serve(order: Mapping[str, Any]) -> None:
    from asyncua.client.client import Client

    client = Client(order["url"], timeout=order["timeout_s"])
    if order["username"]:
        client.set_user(order["username"])
        client.set_password(order["password"])
    async with client:
        nodes = {name: client.get_node(node) for name, node in order["nodes"].items()}
        answer({})
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            answer(await _read(client, nodes))


async def _read(client: Any, nodes: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """All values by one request; a status that is not good is a fault of that value."""
    from asyncua.ua.attribute_ids import AttributeIds

    answers = await client.uaclient.read_attributes(
        [node.nodeid for node in nodes.values()], AttributeIds.Value
    )
    values: dict[str, object] = {}
    faults: dict[str, object] = {}
    for name, found in zip(nodes, answers, strict=True):
        value = None if found.Value is None else found.Value.Value
        if not found.StatusCode.is_good():
            faults[name] = f"the server says {found.StatusCode.name}"
        elif isinstance(value, bool):
            values[name] = int(value)
        elif value is None or isinstance(value, int | float | str):
            values[name] = value
        else:
            faults[name] = f"a {type(value).__name__} is neither a number nor a text"
    return {"values": values, "faults": faults}


if __name__ == "__main__":
    sys.exit(main())
