"""RabbitMQ 4 of Debian 13 in a folder of its own, whatever Debian this is: one node, or a cluster.

Needs root and mmdebstrap. The folder is made once (two minutes, 180 MB) and kept below
~/.cache/lineside.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.brokers import free_port, wait_for_port

TREE = Path.home() / ".cache" / "lineside" / "rabbitmq4"
PACKAGES = "rabbitmq-server,erlang-base,bash,coreutils,libc-bin,sed,grep"
SUITE = "trixie"
START_S = 180.0
NODES = 3
COOKIE = "lineside"
CLUSTER = """\
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.durable_queue_type = quorum
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit1@localhost
cluster_formation.classic_config.nodes.2 = rabbit2@localhost
cluster_formation.classic_config.nodes.3 = rabbit3@localhost
"""
ENTER = """
mount --bind /dev {tree}/dev && mount -t proc proc {tree}/proc && mount --bind {place} {tree}/rb &&
exec chroot {tree} /usr/bin/env -i HOME=/rb/home PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
 {settings} {program}
"""


class NoRabbitError(Exception):
    """RabbitMQ cannot be run here; says why."""


def rabbit_tree() -> Path:
    """The folder; raises NoRabbitError where it cannot be made."""
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        raise NoRabbitError("needs root and mmdebstrap (apt install mmdebstrap)")
    if not (TREE / "complete").is_file():
        shutil.rmtree(TREE, ignore_errors=True)
        TREE.parent.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--mode=root", "--variant=extract", f"--include={PACKAGES}"]
        done = subprocess.run(
            [*words, SUITE, str(TREE)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoRabbitError(f"Debian 13 is not reachable: {done.stderr[-200:]}")
        (TREE / "complete").touch()
    for name in ("proc", "dev", "rb"):
        (TREE / name).mkdir(exist_ok=True)
    if not (TREE / "usr" / "bin" / "sh").exists():
        (TREE / "usr" / "bin" / "sh").symlink_to("bash")
    (TREE / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (TREE / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nrabbitmq:x:101:101::/var/lib/rabbitmq:/bin/sh\n"
    )
    return TREE


@dataclass
class Node:
    """A node with the configuration of `place`, which it sees as /rb.

    epmd: port of the program by which nodes find each other; 0: the node starts its own.
    """

    place: Path
    name: str = "rabbit"
    epmd: int = 0
    _amqp: int = field(default_factory=free_port)
    _dist: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, without waiting."""
        (self.place / "home").mkdir(exist_ok=True)
        cookie = self.place / "home" / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(COOKIE)
            cookie.chmod(0o400)
        settings = {
            "RABBITMQ_NODENAME": f"{self.name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self._amqp,
            "RABBITMQ_DIST_PORT": self._dist,
            "RABBITMQ_MNESIA_BASE": "/rb/data",
            "RABBITMQ_LOG_BASE": "/rb/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "/rb/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": "/rb/rabbitmq.conf",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "'+S 1:1 +sbwt none'",
        }
        if self.epmd:
            settings["ERL_EPMD_PORT"] = self.epmd
        program = "/bin/bash /usr/lib/rabbitmq/bin/rabbitmq-server"
        self._process = _enter(self.place, settings, program)

    def wait(self) -> None:
        """Wait until it serves; raises TimeoutError with the end of its log."""
        until, out = time.monotonic() + START_S, self.place / "out.log"
        while b"completed with" not in out.read_bytes():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > until:
                raise TimeoutError(out.read_text(errors="replace")[-2000:])
            time.sleep(0.3)

    def kill(self) -> None:
        """As a power cut: SIGKILL for everything of it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that takes long."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


class RabbitCluster:
    """Three nodes with quorum queues; ports: of MQTT, one for each node."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port() for _ in range(NODES)]
        epmd = free_port()
        self.nodes = [Node(folder / f"{k}", f"rabbit{k}", epmd) for k in range(1, NODES + 1)]
        self._folder = folder
        self._epmd_port = epmd
        self._epmd: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait until all nodes serve."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # The nodes' own would end with the node that is killed.
        self._epmd = _enter(self._folder, {}, f"/usr/bin/epmd -port {self._epmd_port}")
        wait_for_port(self._epmd_port, START_S)
        for node, port in zip(self.nodes, self.ports, strict=True):
            node.place.mkdir(parents=True)
            (node.place / "rabbitmq.conf").write_text(CLUSTER.format(mqtt=port))
            (node.place / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
            node.start()
        for node in self.nodes:
            node.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)

    @property
    def copies(self) -> int:
        """On how many nodes' disks a queue lies."""
        return sum(any(node.place.glob("data/*/quorum/*/*/config")) for node in self.nodes)


def _enter(place: Path, settings: Mapping[str, object], program: str) -> subprocess.Popen[bytes]:
    """Run a program of the tree, which sees `place` as /rb; its output goes to out.log there."""
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    script = ENTER.format(tree=rabbit_tree(), place=place, settings=words, program=program)
    # A mount and a process namespace of its own: mounts and Erlang's port mapper end with it.
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    with (place / "out.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)
