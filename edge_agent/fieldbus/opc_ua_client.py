"""The process that reads an OPC UA server: one line of JSON in, then a line out for each line.

Input: {"url", "username", "password", "timeout_s", "nodes": {name: node id}}, then any lines.
Output: {} once connected; {"values": {name: value}, "faults": {name: reason}}; or {"error", "cure"}
and the end. It ends too when its input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

MISSING = {
    "error": "asyncua is not installed",
    "cure": "pip install 'lineside[opcua]'",
}


def main() -> int:
    """Serve the lines of stdin."""
    try:
        from asyncua.ua.uaerrors import UaError
    except ImportError:
        return _end(MISSING)
    order = json.loads(sys.stdin.readline() or "{}")
    if not order:
        return 0
    try:
        asyncio.run(_serve(order))
    except (OSError, TimeoutError, ValueError, UaError) as error:
        # What else the library raises ends the process: the station starts another one.
        text = str(error) or type(error).__name__
        return _end({"error": text, "cure": "check server, user and node ids"})
    return 0


async def _serve(order: Mapping[str, Any]) -> None:
    from asyncua.client.client import Client

    client = Client(order["url"], timeout=order["timeout_s"])
    if order["username"]:
        client.set_user(order["username"])
        client.set_password(order["password"])
    async with client:
        nodes = {name: client.get_node(node) for name, node in order["nodes"].items()}
        _write({})
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            _write(await _read(client, nodes))


async def _read(client: Any, nodes: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """All values by one request; a status that is not good is a fault of that value."""
    from asyncua.ua.attribute_ids import AttributeIds

    answers = await client.uaclient.read_attributes(
        [node.nodeid for node in nodes.values()], AttributeIds.Value
    )
    values: dict[str, object] = {}
    faults: dict[str, object] = {}
    for name, answer in zip(nodes, answers, strict=True):
        value = None if answer.Value is None else answer.Value.Value
        if not answer.StatusCode.is_good():
            faults[name] = f"the server says {answer.StatusCode.name}"
        elif isinstance(value, bool):
            values[name] = int(value)
        elif value is None or isinstance(value, int | float | str):
            values[name] = value
        else:
            faults[name] = f"a {type(value).__name__} is neither a number nor a text"
    return {"values": values, "faults": faults}


def _end(message: Mapping[str, object]) -> int:
    _write(message)
    return 1


def _write(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
