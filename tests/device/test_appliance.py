"""From nothing to a verdict: image, card, first boot, release, power cut, the way back.

The real programs throughout: `lineside-deploy image`, `flash`, `push`, `rollout`; the board
is QEMU's, the broker mosquitto. One image, one card and two boots serve every check.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.flash.boot_partition import BootPartition, boot_offset
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from tests.device.appliance import build_appliance
from tests.device.emulated_board import HOST, EmulatedBoard
from tests.device.plant import Plant, running_plant
from tests.rig.kernel import RigError
from tests.signing_kit import Workshop, open_workshop
from tests.station_kit import write_vibration_bundle

pytestmark = [pytest.mark.device, pytest.mark.timeout(7200)]

STATION = "press3"
CARD_BYTES = 3 << 30
FIRST_VERDICT_S = 2400
"""A limit against hanging; the time is printed, and asked of a quiet machine by the figures."""
PROGRAM = "sudo -n /opt/lineside/bin/lineside-agent"
THERE = "station:/var/lib/lineside"


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

    def rollout(self, bundle: Path, probation_s: int) -> subprocess.CompletedProcess[str]:
        """A release onto the station, and its probation there."""
        folder = self.folder / f"rollout-{bundle.stem}"
        words = ["rollout", "start", bundle, "--stations", self.folder / "stations.toml"]
        return self.deploy(*words, "--folder", folder, f"--probation={probation_s}", "--json")

    def decided_by(self, version: str, since: int, limit_s: float = 600) -> dict[str, Any]:
        """A verdict of this version of the bundle."""
        wanted = f"brightness {version}"
        return self.plant.wait_for(
            "verdict",
            lambda one: one["channels"][0]["bundle"] == wanted and one["verdict"] != "NO-VERDICT",
            limit_s,
            since,
        )


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A flashed board that has sent its first verdict."""
    folder = tmp_path_factory.mktemp("device")
    try:
        image = build_appliance()
        with running_plant(folder / "plant", STATION) as plant:
            board = EmulatedBoard(folder / "card.img", folder)
            one = _new_line(folder, plant, board)
            try:
                _flash_and_boot(one, image)
                yield one
            finally:
                board.cut_power()
    except RigError as error:
        pytest.skip(f"NOT TESTED: no appliance can be built or booted here: {error}")


def _new_line(folder: Path, plant: Plant, board: EmulatedBoard) -> Line:
    key = folder / "id"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(words, check=True)
    ssh = board.ssh_config(key)
    pem, private = plant.certificate(STATION)
    (folder / "station.toml").write_text(
        f'[station]\nid = "{STATION}"\nstate_dir = "/var/lib/lineside/state"\n'
        f'[mqtt]\nhost = "{HOST}"\nport = {plant.port}\nkeepalive_s = 3600\n'
        '[mqtt.tls]\nca_file = "/var/lib/lineside/tls/ca.pem"\n'
        'cert_file = "/var/lib/lineside/tls/own.pem"\nkey_file = "/var/lib/lineside/tls/own.key"\n'
        '[trust]\nroot = "/var/lib/lineside"\n[line]\ndeadline_ms = 60000\n'
        '[[channel]]\nname = "top"\nkind = "image"\n'
        'bundle = "/var/lib/lineside/bundles/brightness"\n'
        '[channel.source]\ndriver = "simulated"\nwidth_px = 64\nheight_px = 48\nrate_hz = 0.5\n'
    )
    (folder / "board.toml").write_text(
        f'hostname = "{STATION}"\n[user]\nname = "line"\nauthorized_keys = ["id.pub"]\n[files]\n'
        f'"/var/lib/lineside/tls/ca.pem" = "{plant.folder}/ca.pem"\n'
        f'"/var/lib/lineside/tls/own.pem" = "{pem}"\n'
        f'"/var/lib/lineside/tls/own.key" = "{private}"\n'
    )
    (folder / "stations.toml").write_text(
        f'program = "{PROGRAM}"\nssh_config = "{ssh}"\n'
        f'[[station]]\nname = "{STATION}"\nhost = "{THERE}"\n'
    )
    workshop = open_workshop(folder / "workshop")
    return Line(folder, workshop, plant, board, folder / "card.img", ssh)


def _flash_and_boot(one: Line, image: Path) -> None:
    bundle = one.workshop.signed("1.0.0")
    with one.card.open("wb") as stream:
        stream.truncate(CARD_BYTES)
    began = time.monotonic()
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
    one.facts["flashed_s"] = time.monotonic() - began
    one.board.switch_on()
    try:
        one.facts["first"] = one.decided_by("1.0.0", 0, FIRST_VERDICT_S)
    except TimeoutError as error:
        log = one.ask("sudo cat /var/log/lineside-first-boot.log; sudo journalctl -b | tail -80")
        raise AssertionError(f"{error}\n{one.board.log[-3000:]}\n{log[-6000:]}") from error
    one.facts["verdict_s"] = time.monotonic() - began


def _loop(card: Path) -> str:
    words = ["losetup", "--find", "--show", str(card)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RigError(f"no loop device: {done.stderr.strip()}")
    return done.stdout.strip()


def test_from_flash_to_first_verdict(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    """The card was read back; the station is armed and came with its own certificate."""
    assert line.facts["receipt"]["verified"]
    flashed, verdict = line.facts["flashed_s"], line.facts["verdict_s"]
    with capsys.disabled():
        sys.stderr.write(f"\nflash {flashed:.0f} s, first verdict after {verdict:.0f} s\n")
    state = line.plant.wait_for("state", lambda one: one["state"] == "armed", 60)
    assert state["bundles"] == {"top": "brightness 1.0.0"}
    assert f"u'{STATION}'" in line.plant.log


def test_the_root_is_read_only_and_the_state_grew_with_the_card(line: Line) -> None:
    """Identity is the board's own; what is written survives on the third partition."""
    assert "Read-only file system" in line.ask("sudo touch /usr/x")
    assert line.ask("hostname").strip() == STATION
    assert len(line.ask("cat /etc/machine-id").strip()) == 32
    size = int(line.ask("findmnt -n -b -o SIZE /state"))
    assert size > CARD_BYTES - (2 << 30)
    line.facts["machine-id"] = line.ask("cat /etc/machine-id")


def test_secrets_left_the_boot_partition_and_nobody_has_a_password(line: Line) -> None:
    assert "No such file" in line.ask("sudo ls /boot/firmware/lineside")
    assert "No such file" in line.ask("sudo ls /var/lib/lineside-first-boot")
    shadow = line.ask("sudo cat /etc/shadow").splitlines()
    assert [one for one in shadow if one.split(":")[1][:1] not in ("!", "*")] == []


def test_a_release_is_pushed_over_the_network(line: Line) -> None:
    since = line.plant.heard
    new = line.workshop.signed("1.1.0")
    done = line.deploy("push", new, "--to", THERE, "--ssh-config", line.ssh, "--program", PROGRAM)
    assert done.returncode == 0, done.stderr[-2000:]
    line.decided_by("1.1.0", since)


def test_a_release_that_computes_something_else_is_refused(line: Line) -> None:
    """Its parity vectors fail on this processor, and the line goes on with what it has."""
    broken = line.workshop.signed("1.2.0", note="-broken", score_off=0.5)
    words = ["push", broken, "--to", THERE, "--ssh-config", line.ssh, "--program", PROGRAM]
    done = line.deploy(*words)
    assert done.returncode == 1, done.stdout
    line.decided_by("1.1.0", line.plant.heard)


def test_a_broken_release_rolls_back_by_itself(line: Line) -> None:
    """It passes every check of a bundle, but this station cannot be armed with it."""
    path = line.folder / "brightness-1.3.0.bundle"
    write_vibration_bundle(path)
    plain = read_bundle(path)
    spec = plain.manifest.spec.model_copy(update={"name": "brightness"})
    manifest = plain.manifest.model_copy(update={"version": "1.3.0", "spec": spec})
    write_bundle(path, manifest, plain.files)
    line.workshop.sign(path)
    done = line.rollout(path, probation_s=20)
    assert done.returncode == 1, done.stdout
    station = json.loads(done.stdout)["stations"][STATION]
    assert "1.3.0" not in str(_slots(line)["version"])
    assert station["reason"], done.stdout
    line.decided_by("1.1.0", line.plant.heard)


def test_power_cut_in_an_update_leaves_a_good_bundle(line: Line) -> None:
    """The board goes dark in the probation of 1.4.0, and decides again after its next boot."""
    since = line.plant.heard
    new = line.workshop.signed("1.4.0")
    update = threading.Thread(target=line.rollout, args=(new, 600), daemon=True)
    update.start()
    line.decided_by("1.4.0", since)
    line.board.cut_power()
    since = line.plant.heard
    began = time.monotonic()
    line.board.switch_on()
    seen = line.plant.wait_for("verdict", lambda one: one["verdict"] != "NO-VERDICT", 900, since)
    back_s = time.monotonic() - began
    line.facts["back_s"] = back_s
    assert seen["channels"][0]["bundle"] in ("brightness 1.1.0", "brightness 1.4.0")
    assert _slots(line)["fault"] == ""
    assert line.ask("cat /etc/machine-id") == line.facts["machine-id"]


def test_the_card_is_whole_after_the_power_cut(line: Line, tmp_path: Path) -> None:
    """Cut once more, and looked at from outside: file systems, boot files, no secrets."""
    line.board.cut_power()
    copy = tmp_path / "card.img"
    shutil.copyfile(line.card, copy)
    with copy.open("rb") as stream:
        head = stream.read(1 << 20)
    boot = BootPartition(str(copy), boot_offset(head))
    assert b"PARTUUID" in boot.read("loader/entries/lineside.conf")
    start = int.from_bytes(head[446 + 32 + 8 : 446 + 32 + 12], "little") * 512
    words = ["/usr/sbin/e2fsck", "-f", "-y", f"{copy}?offset={start}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout[-2000:]


def _slots(line: Line) -> dict[str, Any]:
    words = ["status", THERE, "--ssh-config", line.ssh, "--program", PROGRAM, "--json"]
    until = time.monotonic() + 300
    while True:
        done = line.deploy(*words)
        if done.returncode == 0 or time.monotonic() > until:
            break
    (slot,) = json.loads(done.stdout)
    assert isinstance(slot, dict)
    return slot
