"""Rollouts over a real broker: 200 stations with update machines, 10,000 that answer at once."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.brokers import Mosquitto
from benchmarks.rollout_rows import rollout_of
from benchmarks.rows import Row, say
from deploy.broker.target import BrokerTarget
from deploy.rollout.controller import Controller
from deploy.rollout.journal import Rollout, read_rollout, write_rollout
from deploy.rollout.transport import Release
from deploy.rollout.transports.mqtt import MqttTransport
from deploy.signing.desired import DesiredSigner
from deploy.signing.keys import Keyring
from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.rollout.work import current
from edge_agent.update.slots import install
from tests.signing_kit import Workshop, open_workshop

GROUPS = "10,50,100%"
MANY = 10_000
NAME = "brightness"


@dataclass(frozen=True)
class Ran:
    """A rollout that has ended; cpu_s: of the controller's process alone."""

    rollout: Rollout
    wall_s: float
    cpu_s: float


def rollout_mqtt_rows(folder: Path, *, quick: bool) -> list[Row]:
    """A bad release, then a good one, over 200 stations (20); then 10,000 (500) that answer."""
    count, many = (20, 500) if quick else (200, MANY)
    workshop = open_workshop(folder / "workshop")
    install(workshop.signed("1.0.0"), folder / "seed", lambda _: None, trust=workshop.public)
    stations = folder / "stations"
    names = [f"s{k:03d}" for k in range(count)]
    for name in names:
        shutil.copytree(folder / "seed", stations / name, symlinks=True)
    bad, good = workshop.signed("1.1.0"), workshop.signed("1.2.0")
    releases = workshop.folder / "releases"
    with Mosquitto(folder / "broker") as broker:
        with _fleet("followers", broker.port, stations, releases, "--bad=1.1.0"):
            failed = _roll_out(workshop, bad, broker.port, folder / "bad", names)
            touched = sum((stations / name / "rollout").is_dir() for name in names)
            back = sum(current(stations / name, NAME)[0] == "1.0.0" for name in names)
            done = _roll_out(workshop, good, broker.port, folder / "good", names)
            new = sum(current(stations / name, NAME)[0] == "1.2.0" for name in names)
        with _fleet("answers", broker.port, workshop.public, releases):
            paper = [f"p{k:05d}" for k in range(many)]
            large = _roll_out(workshop, good, broker.port, folder / "paper", paper)
    say(f"phases {failed.rollout.phase}, {done.rollout.phase}, {large.rollout.phase}")
    answered = len(large.rollout.names("done"))
    of = f"over MQTT, of {count}"
    return [
        Row(f"rollout: touched by a bad release {of}", touched, "lower", "", count, reach=10),
        Row(f"rollout: not back {of}", count - back, "lower", "", count, reach=0),
        Row("rollout: all back over MQTT after", failed.wall_s, "lower", "s", count, reach=120),
        Row(f"rollout: without a good release {of}", count - new, "lower", "", count, reach=0),
        Row("rollout: good release over MQTT", done.wall_s, "lower", "s", count),
        Row(f"rollout: unanswered over MQTT, of {many}", many - answered, "lower", "", many),
        Row(
            f"rollout: controller's CPU time a station over MQTT, of {many}",
            large.cpu_s * 1000 / many,
            "lower",
            "ms",
            many,
        ),
        Row(f"rollout: over MQTT to {many}", large.wall_s, "lower", "s", many),
    ]


def _roll_out(workshop: Workshop, bundle: Path, port: int, folder: Path, names: list[str]) -> Ran:
    read = read_bundle(bundle)
    release = Release(bundle.name, b"", read.manifest, sha256_hex(read.manifest_bytes))
    signer = DesiredSigner(Keyring(workshop.keys), workshop.folder / "releases")
    transport = MqttTransport(BrokerTarget("127.0.0.1", port), release, signer, SystemClock())
    write_rollout(folder, rollout_of(names, per_minute=60.0, steps=GROUPS))
    begun_s, before_s = time.perf_counter(), _cpu_s()
    transport.open()
    try:
        Controller(folder, transport, ManualClock()).run()
    finally:
        transport.close()
    ran = Ran(read_rollout(folder), time.perf_counter() - begun_s, _cpu_s() - before_s)
    say(f"{release.version} to {len(names)}: {ran.wall_s:.1f} s, controller {ran.cpu_s:.1f} s CPU")
    return ran


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def _fleet(kind: str, port: int, *words: Path | str) -> Iterator[None]:
    """Stations in a process of their own, so that the controller's cost is its own."""
    command = [sys.executable, "-m", "benchmarks.rollout_fleet", kind, str(port)]
    running = subprocess.Popen(
        [*command, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    stdin, stdout = running.stdin, running.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("a process without pipes")
    stdout.readline()
    try:
        yield
    finally:
        stdin.close()
        running.wait(60)
        stdout.close()
