"""A network between a station and its broker, with the faults of a plant's."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from typing import Literal, Self

State = Literal["fine", "black-hole", "slow", "reset"]
SLOW_BYTES_S = 1000


class BadNetwork:
    """Forwards a port to the broker's.

    state: fine; black-hole: connections are made and nothing passes, as behind a dead firewall;
    slow: 1 kB/s upwards; reset: each connection is reset after `reset_after` bytes.
    """

    def __init__(self, broker_port: int, reset_after: int = 4000) -> None:
        self.state: State = "fine"
        self.connections = 0
        self._broker_port = broker_port
        self._reset_after = reset_after
        self._dead: set[int] = set()
        self._stop = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._server], [], [], 0.1)
            if not ready:
                continue
            with contextlib.suppress(OSError):
                link, _ = self._server.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(link,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def cut_silently(self) -> None:
        """Every connection that is there goes silent for ever, without a word to either side."""
        self._dead.update(range(self.connections + 1))

    def _serve(self, link: socket.socket) -> None:
        number, passed = self.connections, 0
        with contextlib.ExitStack() as ending:
            ending.enter_context(link)
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:
                return  # it is stopped
            ending.enter_context(broker)
            while not self._stop.is_set():
                if self.state == "black-hole" or number in self._dead:
                    time.sleep(0.02)
                    continue
                ready, _, _ = select.select([link, broker], [], [], 0.05)
                for source in ready:
                    target = broker if source is link else link
                    size = 100 if self.state == "slow" and source is link else 65536
                    try:
                        content = source.recv(size)
                        if not content:
                            return
                        target.sendall(content)
                    except OSError:
                        return
                    if source is link:
                        passed += len(content)
                    if size == 100:
                        time.sleep(len(content) / SLOW_BYTES_S)
                if self.state == "reset" and passed > self._reset_after:
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
