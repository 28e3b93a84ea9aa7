"""A simulated EtherNet/IP PLC whose program looks into the tags themselves.

cpppo's server needs 7 ms of processor for each request: a program that asked it in each of its
cycles would leave no time for the station's requests.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from benchmarks.brokers import wait_for_port
from benchmarks.plc_memory import COMMAND_WORDS, STATUS_WORDS


class EthernetIpTags:
    """cpppo's server in a thread of the program's process."""

    def __init__(self, port: int) -> None:
        from cpppo.server.enip import device
        from cpppo.server.enip.main import main

        tags: dict[str, Any] = {}

        class Tag(device.Attribute):  # type: ignore[misc]
            """An array that the program can find by its name."""

            def __init__(self, name: str, *words: Any, **options: Any) -> None:
                super().__init__(name, *words, **options)
                tags[name] = self

        blocks = [f"LinesideCommand=INT[{COMMAND_WORDS}]", f"LinesideStatus=INT[{STATUS_WORDS}]"]
        self._tags = tags
        self._control: dict[str, Any] = {"control": {"done": False, "disable": False}}
        self._server = threading.Thread(
            target=main,
            kwargs={
                "argv": ["-a", f"127.0.0.1:{port}", *blocks],
                "attribute_class": Tag,
                "server": self._control,
            },
            daemon=True,
        )
        self._server.start()
        wait_for_port(port)

    def read_status(self) -> list[int]:
        """What the station wrote."""
        return [int(word) & 0xFFFF for word in self._tags["LinesideStatus"][0:STATUS_WORDS]]

    def write_command(self, words: Sequence[int]) -> None:
        """What the station reads."""
        signed = [word - (word >> 15 << 16) for word in words]
        self._tags["LinesideCommand"][0 : len(words)] = signed

    def stop(self) -> None:
        """Stop the server."""
        self._control["control"]["done"] = True
        self._server.join(10)
