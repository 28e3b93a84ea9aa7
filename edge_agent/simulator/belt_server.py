"""The simulated belt as devices at a TCP port, in a process of its own that no station can hurry.

A client's first line says what it is connected to:

    barrier     it gets a JSON line for each edge: {"mono_ns", "seq"}
    camera      for each picture a JSON line {"mono_ns", "seq", "width", "height"}, then RGB bytes
    gate        it writes 0 (let parts through) or 1 and a line end; the gate answers the same.
                It shuts by itself when nothing was written for its watchdog's time, or when the
                connection ends.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable
from time import monotonic_ns

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.simulator.belt import BeltPlan, BeltTally, GateRecord, Outcome

ROLES = ("barrier", "camera", "gate")
SEND_BYTES = 1 << 22
"""Bytes that may wait for a slow client; one that is slower loses its connection."""


class BeltServer:
    """One belt; open() listens, run() moves it until `stop` or for `count` parts.

    The belt starts when barrier, camera and gate are connected for the first time, and stands
    still for nobody after that. tell: is told of each part that has gone.
    """

    def __init__(
        self,
        plan: BeltPlan,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        watchdog_s: float = 0.04,
        tell: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self.tally = BeltTally()
        self.gate = GateRecord(round(watchdog_s * 1e9))
        self._plan = plan
        self._where = (host, port)
        self._tell = tell
        self._clients: dict[str, socket.socket] = {}
        self._absent_until_ns = dict.fromkeys(ROLES, monotonic_ns())
        self._lock = threading.Lock()
        self._all_there = threading.Event()
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while closed."""
        return 0 if self._listener is None else int(self._listener.getsockname()[1])

    def open(self) -> None:
        """Listen; raises DeviceError where the port is taken."""
        try:
            self._listener = socket.create_server(self._where)
        except OSError as error:
            raise DeviceError(
                f"cannot listen ({error.strerror})",
                where=f"{self._where[0]}:{self._where[1]}",
                cure="choose another --port, or end the program that has it",
            ) from error
        threading.Thread(target=self._accept, name="belt-accept", daemon=True).start()

    def run(self, stop: threading.Event, count: int = 0) -> None:
        """Move the belt; count 0: until `stop`."""
        while not self._all_there.wait(0.1):
            if stop.is_set():
                return
        for at_ns, what, k in self._plan.happenings(monotonic_ns()):
            if count and k >= count:
                if what == "gone":
                    return
                continue
            if stop.wait(max(0.0, (at_ns - monotonic_ns()) / 1e9)):
                return
            if what == "barrier":
                self._send("barrier", {"mono_ns": at_ns, "seq": k})
            elif what == "camera":
                self._send_picture(at_ns, k)
            else:
                self._let_go(at_ns, k)

    def close(self) -> None:
        """Stop to listen and leave every client."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for role in ROLES:
            self._leave(role)

    def _accept(self) -> None:
        while (listener := self._listener) is not None:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._greet, args=[client], name="belt-client", daemon=True
            ).start()

    def _greet(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        client.settimeout(2.0)
        with client.makefile("rb") as lines:
            try:
                role = lines.readline(20).decode("ascii", "replace").strip()
            except OSError:
                role = ""
            if role not in ROLES:
                client.close()
                return
            client.sendall(b"ok\n")
            self._join(role, client)
            self._serve(role, client)

    def _serve(self, role: str, client: socket.socket) -> None:
        """Until the client is gone: read the gate's orders, or wait for the end."""
        client.settimeout(1.0)
        waiting = b""
        while True:
            try:
                got = client.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if not got:
                break
            *orders, waiting = (waiting + got).split(b"\n")
            if role == "gate" and orders:
                self.gate.switch(orders[-1] == b"0", monotonic_ns())
                with contextlib.suppress(OSError):
                    client.sendall(b"".join(order + b"\n" for order in orders))
        self._leave(role, client)
        client.close()

    def _join(self, role: str, client: socket.socket) -> None:
        with self._lock:
            old = self._clients.pop(role, None)
            if old is not None:
                _hang_up(old)
            self._clients[role] = client
            self._absent_until_ns[role] = monotonic_ns()
            if len(self._clients) == len(ROLES):
                self._all_there.set()

    def _leave(self, role: str, client: socket.socket | None = None) -> None:
        with self._lock:
            if client is not None and self._clients.get(role) is not client:
                return
            old = self._clients.pop(role, None)
            if old is None:
                return
            if role == "gate":
                self.gate.switch(False, monotonic_ns())
            _hang_up(old)

    def _send(self, role: str, head: dict[str, int], payload: bytes = b"") -> None:
        client = self._clients.get(role)
        if client is None:
            return
        try:
            _, ready, _ = select.select([], [client], [], 0)
            if ready:
                client.sendall(json.dumps(head).encode() + b"\n" + payload)
                return
        except (OSError, ValueError):
            pass
        self._leave(role, client)  # the belt waits for no client

    def _send_picture(self, at_ns: int, k: int) -> None:
        image = self._plan.picture(k)
        head = {"mono_ns": at_ns, "seq": k, "width": image.shape[1], "height": image.shape[0]}
        self._send("camera", head, image.tobytes())

    def _let_go(self, gone_ns: int, k: int) -> None:
        plan = self._plan
        edge_ns = gone_ns - plan.ns_after(plan.gate_mm + plan.part_mm)
        half_ns = plan.ns_after(plan.part_mm / 2)
        centre_ns = edge_ns + plan.ns_after(plan.gate_mm)
        open_ns = self.gate.open_ns(centre_ns - half_ns, centre_ns + half_ns)
        with self._lock:
            there = len(self._clients) == len(ROLES)
            followed = there and max(self._absent_until_ns.values()) < edge_ns
        outcome = Outcome(k, plan.is_bad(k), open_ns / 1e6, 2 * half_ns / 1e6, followed)
        self.tally.add(outcome)
        self._tell(outcome)


def _hang_up(client: socket.socket) -> None:
    """End a connection; the thread that reads it closes it."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
