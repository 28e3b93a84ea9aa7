"""A subscriber that keeps every verdict it hears, by event_id."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Listens to prefix/station/#; duplicates are counted apart, as a plant's database would."""

    def __init__(self, port: int, station: str, prefix: str = "lineside", v5: bool = True) -> None:
        protocol = mqtt.MQTTv5 if v5 else mqtt.MQTTv311
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.duplicates = 0
        self.states: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.latest: dict[str, dict[str, Any]] = {}
        self.kinds: Counter[str] = Counter()
        self._topic = f"{prefix}/{station}/#"
        self._port = port
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        version = CallbackAPIVersion.VERSION2
        self._client = mqtt.Client(version, client_id=f"audit-{station}", protocol=protocol)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if not self._subscribed.wait(10):
            raise TimeoutError("the broker did not take the subscription within 10 s")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, count: int, limit_s: float) -> int:
        """Wait until `count` different verdicts are here; returns how many are."""
        until = time.monotonic() + limit_s
        with self._changed:
            while len(self.verdicts) < count and time.monotonic() < until:
                self._changed.wait(0.2)
            return len(self.verdicts)

    def wait_until_armed(self, limit_s: float, agent: subprocess.Popen[Any] | None = None) -> bool:
        """Wait for a state `armed`; False where none came in time, or before the agent ended."""
        until = time.monotonic() + limit_s
        with self._changed:
            while not any(state["state"] == "armed" for state in self.states):
                ended = agent is not None and agent.poll() is not None
                if ended or time.monotonic() > until:
                    return False
                self._changed.wait(0.05)
        return True

    def counts(self) -> Counter[str]:
        """Verdict -> how many."""
        with self._changed:
            return Counter(message["verdict"] for message in self.verdicts.values())

    def snapshot(self) -> list[dict[str, Any]]:
        """The verdicts so far, oldest first."""
        with self._changed:
            return list(self.verdicts.values())

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        document = json.loads(message.payload)
        with self._changed:
            self.kinds[document["kind"]] += 1
            self.latest[document["kind"]] = document
            if document["kind"] == "verdict":
                self.duplicates += document["event_id"] in self.verdicts
                self.verdicts[document["event_id"]] = document
            elif document["kind"] == "state":
                self.states.append(document)
            elif document["kind"] == "gap":
                self.gaps.append(document)
            self._changed.notify_all()
