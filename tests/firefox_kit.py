"""Debian's Firefox by WebDriver BiDi, which it speaks itself (no geckodriver is packaged).

Source: W3C, "WebDriver BiDi", editor's draft: modules session, browsingContext, script, input, log
and network.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from benchmarks.brokers import free_port

FIREFOX = Path("/usr/bin/firefox-esr")
UP_S, ANSWER_S, FIND_S = 90.0, 180.0, 60.0
"""The first answer comes when the browser has started: minutes on a busy machine."""
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]
ENTER = "\ue007"


@dataclass
class FirefoxTab:
    """One tab. errors: what its console told; hosts: whom it asked."""

    socket: ClientConnection
    context: str = ""
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    _number: int = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are kept."""
        self._number += 1
        sent = {"id": self._number, "method": method, "params": params}
        self.socket.send(json.dumps(sent))
        while True:
            found = json.loads(self.socket.recv(timeout=ANSWER_S))
            if found.get("id") == self._number:
                assert found["type"] == "success", found
                result: dict[str, Any] = found["result"]
                return result
            self._take(found)

    def goto(self, address: str) -> None:
        """Open a page: a live picture never ends to load."""
        self.send("browsingContext.navigate", context=self.context, url=address, wait="none")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.send(
            "script.evaluate",
            expression=expression,
            target={"context": self.context},
            awaitPromise=True,
        )
        return found.get("result", {}).get("value")

    def wait_for(self, expression: str) -> None:
        """Until an expression is true in the page, which may not be there yet."""
        until = time.monotonic() + FIND_S
        while time.monotonic() < until:
            with suppress(AssertionError):
                if self.evaluate(f"Boolean({expression})") is True:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{expression} did not come: {self.evaluate('document.title')}")

    def press(self, selector: str) -> None:
        """Click an element with the pointer, where it is."""
        found_by = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(found_by)
        self.evaluate(f"{found_by}.scrollIntoView({{block: 'center'}})")
        found = self.send(
            "browsingContext.locateNodes",
            context=self.context,
            locator={"type": "css", "value": selector},
        )
        origin = {"type": "element", "element": {"sharedId": found["nodes"][0]["sharedId"]}}
        actions: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": actions})

    def type(self, keys: str) -> None:
        """Keys, one after the other, to what has the focus."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def shot(self, path: Path) -> None:
        """Keep a picture."""
        found = self.send("browsingContext.captureScreenshot", context=self.context)
        path.write_bytes(base64.b64decode(found["data"]))

    def _act(self, source: dict[str, Any]) -> None:
        self.send("input.performActions", context=self.context, actions=[source])

    def _take(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "log.entryAdded" and params["level"] == "error":
            self.errors.append(str(params["text"]))
        if event.get("method") == "network.beforeRequestSent":
            self.hosts.add(params["request"]["url"].split("/")[2])


@contextmanager
def firefox_tab(profile: Path) -> Iterator[FirefoxTab]:
    """A tab of a Firefox without a window, with a profile of its own."""
    port = free_port()
    words = [str(FIREFOX), "--headless", "--remote-debugging-port", str(port)]
    profile.mkdir()
    program = subprocess.Popen(
        [*words, "--profile", str(profile), "--width", "1280", "--height", "800"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with _connected(port, program) as socket:
            tab = FirefoxTab(socket)
            tab.send("session.new", capabilities={})
            tab.send("session.subscribe", events=EVENTS)
            tab.context = tab.send("browsingContext.getTree")["contexts"][0]["context"]
            yield tab
            with suppress(WebSocketException, AssertionError):
                tab.send("browser.close")
    finally:
        program.terminate()
        program.wait(30)


def _connected(port: int, program: subprocess.Popen[bytes]) -> ClientConnection:
    until = time.monotonic() + UP_S
    while time.monotonic() < until and program.poll() is None:
        with suppress(OSError, WebSocketException):
            return connect(f"ws://127.0.0.1:{port}/session", max_size=1 << 26, proxy=None)
        time.sleep(0.2)
    raise AssertionError("Firefox did not come up")
