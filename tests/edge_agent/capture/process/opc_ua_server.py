"""An OPC UA server with a press: `python opc_ua_server.py PORT`; writes `up` when it listens."""

from __future__ import annotations

import asyncio
import sys

from asyncua import Server, ua


async def serve(port: int) -> None:
    """Part counts up ten times a second; Force is Part / 10; Broken has a bad status."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    space = await server.register_namespace("press")
    press = await server.nodes.objects.add_object(ua.NodeId("Press", space), "Press")
    force = await press.add_variable(ua.NodeId("Press.Force", space), "Force", 0.0)
    part = await press.add_variable(ua.NodeId("Press.Part", space), "Part", 0)
    broken = await press.add_variable(ua.NodeId("Press.Broken", space), "Broken", 1.0)
    bad = ua.DataValue(ua.Variant(1.0), ua.StatusCode(ua.StatusCodes.BadSensorFailure))
    await server.write_attribute_value(broken.nodeid, bad)
    async with server:
        sys.stdout.write("up\n")
        sys.stdout.flush()
        number = 0
        while True:
            await asyncio.sleep(0.1)
            number += 1
            await part.write_value(number)
            await force.write_value(number / 10)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
