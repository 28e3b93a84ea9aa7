"""A server that never ends an answer: real sockets, a byte now and then."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

STEP_S = 0.02


@dataclass(frozen=True)
class Drip:
    """What it sends at once, and then a byte of `then` every STEP_S, for ever."""

    first: bytes
    then: bytes = b" "


HEAD = Drip(b"", b"HTTP/1.1 200 OK")
HEADERS = Drip(b"HTTP/1.1 200 OK\r\n", b"X-Wait: " + b"1" * 100 + b"\r\n")
BODY = Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
CHUNKS = Drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")
HTTP = {"head": HEAD, "headers": HEADERS, "body": BODY, "chunks": CHUNKS}


@contextmanager
def dripping(drip: Drip) -> Iterator[int]:
    """The port of a server that reads what it is sent and answers with `drip`."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        thread = threading.Thread(target=_serve, args=(listening, drip, stop))
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            stop.set()
            thread.join()


def _serve(listening: socket.socket, drip: Drip, stop: threading.Event) -> None:
    threads: list[threading.Thread] = []
    while not stop.is_set():
        try:
            client, _ = listening.accept()
        except TimeoutError:
            continue
        threads.append(threading.Thread(target=_answer, args=(client, drip, stop)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _answer(client: socket.socket, drip: Drip, stop: threading.Event) -> None:
    with client, contextlib.suppress(OSError):
        client.recv(1 << 16)
        client.sendall(drip.first)
        for number in itertools.cycle(range(len(drip.then))):
            if stop.wait(STEP_S):
                return
            client.sendall(drip.then[number : number + 1])
