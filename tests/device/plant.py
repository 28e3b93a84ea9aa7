"""A plant for one station: a mosquitto that asks for certificates, and who listens to it."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from benchmarks.brokers import find_mosquitto, free_port, wait_for_port
from deploy.broker.certificates import ensure_certificates
from tests.device.emulated_board import HOST
from tests.rig.kernel import RigError, run_tool

CONFIG = """\
listener {port} 0.0.0.0
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
acl_file {folder}/acl
user root
log_dest file {folder}/mosquitto.log
"""
RIGHTS = "user {station}\ntopic readwrite lineside/{station}/#\n\nuser listener\ntopic read #\n"


class Plant:
    """What the station said, in order: (topic's last word, document). port: of the broker."""

    def __init__(self, folder: Path, station: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.station = station
        self._heard: list[tuple[str, dict[str, Any]]] = []
        self._news = threading.Condition()

    @property
    def log(self) -> str:
        """The broker's own log: who came with which certificate."""
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    @property
    def heard(self) -> int:
        """How many messages have come."""
        with self._news:
            return len(self._heard)

    def came(self, stream: str, since: int) -> list[dict[str, Any]]:
        """The documents of `stream` after `since` messages."""
        with self._news:
            return [document for kind, document in self._heard[since:] if kind == stream]

    def wait_for(
        self, stream: str, fits: Callable[[dict[str, Any]], bool], limit_s: float, since: int = 0
    ) -> dict[str, Any]:
        """The first document of `stream` after `since` messages that fits; TimeoutError."""
        until = time.monotonic() + limit_s
        with self._news:
            at = since
            while True:
                for kind, document in self._heard[at:]:
                    if kind == stream and fits(document):
                        return document
                at = len(self._heard)
                if (left := until - time.monotonic()) <= 0:
                    last = [kind for kind, _ in self._heard[-5:]]
                    raise TimeoutError(f"no such {stream} in {limit_s:.0f} s; last came {last}")
                self._news.wait(left)

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate of the plant's authority for `name`, and its key."""
        pem, key, ask = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        new += ["-subj", f"/CN={name}", "-keyout", str(key), "-out", str(ask)]
        run_tool(new, self.folder, "no key")
        sign = ["openssl", "x509", "-req", "-in", str(ask), "-days", "30", "-CAcreateserial"]
        sign += ["-CA", "ca.pem", "-CAkey", "ca.key", "-out", str(pem)]
        run_tool(sign, self.folder, "no certificate")
        return pem, key

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            kind = message.topic.rpartition("/")[2]
            self._heard.append((kind, json.loads(message.payload or b"{}")))
            self._news.notify_all()


@contextmanager
def running_plant(folder: Path, station: str) -> Iterator[Plant]:
    """A plant whose broker runs and is listened to; raises RigError."""
    program = find_mosquitto()
    if program is None:
        raise RigError("no mosquitto: apt install mosquitto")
    folder.mkdir()
    plant = Plant(folder, station)
    ensure_certificates(folder, ["127.0.0.1", HOST], datetime.now(UTC))
    (folder / "acl").write_text(RIGHTS.format(station=station))
    config = folder / "mosquitto.conf"
    config.write_text(CONFIG.format(port=plant.port, folder=folder))
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as broker:
        try:
            wait_for_port(plant.port)
            client = _listener(plant)
            yield plant
            client.loop_stop()
        finally:
            broker.terminate()


def _listener(plant: Plant) -> mqtt.Client:
    pem, key = plant.certificate("listener")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    context = ssl.create_default_context(cafile=plant.folder / "ca.pem")
    context.load_cert_chain(pem, key)
    client.tls_set_context(context)
    client.on_connect = lambda one, *_: one.subscribe("lineside/#", 1)
    client.on_message = plant._take
    client.connect("127.0.0.1", plant.port)
    client.loop_start()
    return client
