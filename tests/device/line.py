"""The line of the device test: a flashed board, its plant and workshop, and what one does there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.push.host import Answer, hand_over, parse_host
from tests.device.emulated_board import BARRIER_LINE, HOST, EmulatedBoard
from tests.device.plant import Plant
from tests.rig.kernel import RigError
from tests.signing_kit import Workshop
from tests.wheel_kit import agent_workshop

STATION = "press3"
CARD_BYTES = 3 << 30
HANGS_S = 2400
"""A limit against hanging, whatever else this machine does; times are printed, and asked of a quiet
machine by the figures."""
PROGRAM = "sudo -n /opt/lineside/bin/lineside-agent"
THERE = "station:/var/lib/lineside"
STATION_TOML = f"""
[station]
id = "{STATION}"
state_dir = "/var/lib/lineside/state"
[mqtt]
host = "{HOST}"
port = {{port}}
keepalive_s = 3600
[mqtt.tls]
ca_file = "/var/lib/lineside/tls/ca.pem"
cert_file = "/var/lib/lineside/tls/own.pem"
key_file = "/var/lib/lineside/tls/own.key"
[trust]
root = "/var/lib/lineside"
[line]
deadline_ms = 60000
join = "trigger"
[trigger]
driver = "gpio"
line = {BARRIER_LINE}
debounce_ms = 0
[[channel]]
name = "top"
kind = "image"
bundle = "/var/lib/lineside/bundles/brightness"
match = {{{{ window_ms = [0, 1000] }}}}
[channel.source]
driver = "simulated"
width_px = 64
height_px = 48
rate_hz = 2
"""
"""A camera that runs free, and a light barrier that says which of its frames is a part."""
BOARD_TOML = f"""
hostname = "{STATION}"
[user]
name = "line"
authorized_keys = ["id.pub"]
[files]
"/var/lib/lineside/tls/ca.pem" = "{{ca}}"
"/var/lib/lineside/tls/own.pem" = "{{pem}}"
"/var/lib/lineside/tls/own.key" = "{{key}}"
"""


@dataclass
class Line:
    """Everything of one run; facts: what was seen, by name."""

    folder: Path
    workshop: Workshop
    plant: Plant
    board: EmulatedBoard
    card: Path
    ssh: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def ask(self, command: str) -> str:
        """What a command says on the board."""
        return self.board.ask(self.ssh, command)

    def deploy(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """One of the deployer's verbs."""
        command = [sys.executable, "-m", "deploy", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def push(self, bundle: Path) -> subprocess.CompletedProcess[str]:
        """`lineside-deploy push` to the board."""
        return self.deploy("push", bundle, "--to", THERE, *self.over_ssh)

    def update(self, bundle: Path, *options: str) -> Answer:
        """`lineside-agent update start` on the board, with a bundle that is handed over by ssh."""
        host = parse_host(THERE, PROGRAM, self.ssh)
        return hand_over(host, ["update", "start"], bundle.name, bundle.read_bytes(), *options)

    def rollout(self, bundle: Path, probation_s: int) -> subprocess.CompletedProcess[str]:
        """A release onto the station, and its probation there."""
        folder = self.folder / f"rollout-{bundle.stem}"
        words = ["rollout", "start", bundle, "--stations", self.folder / "stations.toml"]
        return self.deploy(*words, "--folder", folder, f"--probation={probation_s}", "--json")

    def decided_by(self, version: str, since: int, limit_s: float = HANGS_S) -> dict[str, Any]:
        """A verdict of this version of the bundle."""
        wanted = f"brightness {version}"
        return self.plant.wait_for(
            "verdict",
            lambda one: one["channels"][0]["bundle"] == wanted and one["verdict"] != "NO-VERDICT",
            limit_s,
            since,
        )

    def slot(self) -> dict[str, Any]:
        """The board's only slot, as `lineside-deploy status` shows it."""
        until = time.monotonic() + HANGS_S
        while True:
            done = self.deploy("status", THERE, *self.over_ssh, "--json")
            if done.returncode == 0 or time.monotonic() > until:
                break
        (slot,) = json.loads(done.stdout)
        assert isinstance(slot, dict)
        return slot

    def cut_and_come_back(self, limit_s: float = HANGS_S) -> tuple[str, float]:
        """Power is cut and comes back: the bundle that decides then, and after how many seconds."""
        self.board.cut_power()
        since, began = self.plant.heard, time.monotonic()
        self.board.switch_on()
        seen = self.plant.wait_for(
            "verdict", lambda one: one["verdict"] != "NO-VERDICT", limit_s, since
        )
        return str(seen["channels"][0]["bundle"]), time.monotonic() - began

    @property
    def over_ssh(self) -> list[str]:
        """How a verb of the deployer reaches the board."""
        return ["--ssh-config", str(self.ssh), "--program", PROGRAM]


def new_line(folder: Path, plant: Plant, board: EmulatedBoard) -> Line:
    """A station's papers, and a workshop; nothing is flashed yet."""
    key = folder / "id"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(words, check=True)
    ssh = board.ssh_config(key)
    pem, private = plant.certificate(STATION)
    names = {"ca": plant.folder / "ca.pem", "pem": pem, "key": private}
    (folder / "station.toml").write_text(STATION_TOML.format(port=plant.port))
    (folder / "board.toml").write_text(BOARD_TOML.format(**names))
    (folder / "stations.toml").write_text(
        f'program = "{PROGRAM}"\nssh_config = "{ssh}"\n'
        f'[[station]]\nname = "{STATION}"\nhost = "{THERE}"\n'
    )
    workshop = agent_workshop(folder / "workshop")
    return Line(folder, workshop, plant, board, folder / "card.img", ssh)


def flash_and_boot(one: Line, image: Path, card_bytes: int = CARD_BYTES) -> None:
    """From an empty card to the first verdict on the broker; facts: flashed_s, verdict_s, first."""
    bundle = one.workshop.signed("1.0.0")
    with one.card.open("wb") as stream:
        stream.truncate(card_bytes)
    began = time.monotonic()
    _flash(one, image, bundle)
    one.facts["flashed_s"] = time.monotonic() - began
    one.board.switch_on()
    try:
        one.facts["first"] = one.decided_by("1.0.0", 0, HANGS_S)
    except TimeoutError as error:
        log = one.ask("sudo cat /var/log/lineside-first-boot.log; sudo journalctl -b | tail -80")
        raise AssertionError(f"{error}\n{one.board.log[-3000:]}\n{log[-6000:]}") from error
    one.facts["verdict_s"] = time.monotonic() - began
    one.facts["processor_s"] = one.board.processor_s


def _flash(one: Line, image: Path, bundle: Path) -> None:
    device = _loop(one.card)
    try:
        done = one.deploy(
            *("flash", image, device, "--serial", one.card, "--yes", "--json"),
            *("--os-list", image.with_suffix(".os_list.json")),
            *("--bmap", image.with_suffix(".bmap"), "--trust", one.workshop.public),
            *("--station", one.folder / "station.toml", "--board", one.folder / "board.toml"),
            *("--bundle", bundle),
        )
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    assert done.returncode == 0, done.stderr[-2000:]
    one.facts["receipt"] = json.loads(done.stdout)


def _loop(card: Path) -> str:
    words = ["losetup", "--find", "--show", str(card)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"no loop device: {done.stderr.strip()}")
    return done.stdout.strip()
