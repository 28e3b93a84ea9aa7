"""A Modbus device: `python modbus_server.py tcp PORT`, or `serial PATH`; every register is 321."""

from __future__ import annotations

import asyncio
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def serve(kind: str, place: str) -> None:
    """Serve until the process is killed."""
    words = [SimData(0, count=16, values=321, datatype=DataType.REGISTERS)]
    bits = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
    device = SimDevice(id=1, simdata=(bits, bits, words, words))
    server: ModbusTcpServer | ModbusSerialServer
    if kind == "tcp":
        server = ModbusTcpServer(device, address=("127.0.0.1", int(place)))
    else:
        server = ModbusSerialServer(device, framer=FramerType.RTU, port=place, baudrate=19200)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
