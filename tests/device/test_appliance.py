"""From nothing to a verdict: image, card, first boot, releases, power cuts, the ways back.

The real programs throughout: `lineside-deploy image`, `flash`, `push`, `rollout`, `push-agent`; the
board is QEMU's with a light barrier at its pin, the broker mosquitto. One image and one card serve
every check, in this order.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.flash.boot_partition import BootPartition, boot_offset
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from tests.device.agent_release import release_next_agent
from tests.device.appliance import build_appliance
from tests.device.emulated_board import EmulatedBoard
from tests.device.line import (
    CARD_BYTES,
    HANGS_S,
    PROGRAM,
    STATION,
    THERE,
    Line,
    flash_and_boot,
    new_line,
)
from tests.device.plant import running_plant
from tests.rig.kernel import RigError
from tests.station_kit import wait_until, write_vibration_bundle

pytestmark = [pytest.mark.device, pytest.mark.timeout(7200)]

EVERY_S = 1.0
"""Parts pass the light barrier so often."""
CUTS = int(os.environ.get("LINESIDE_CUTS", "20"))
UPDATE_S = 40.0
"""Power is cut within so many seconds from the beginning of an update."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A flashed board that has sent its first verdict; parts pass its light barrier."""
    folder = tmp_path_factory.mktemp("device")
    try:
        image = build_appliance()
        with running_plant(folder / "plant", STATION) as plant:
            board = EmulatedBoard(folder / "card.img", folder)
            one = new_line(folder, plant, board)
            one.facts["wheels"] = image.parent / "wheels"
            try:
                with board.barrier.belt(EVERY_S):
                    flash_and_boot(one, image)
                    yield one
            finally:
                board.cut_power()
    except RigError as error:
        pytest.skip(f"NOT TESTED: no appliance can be built or booted here: {error}")


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A figure for who runs the test."""
    with capsys.disabled():
        sys.stderr.write(f"\n{text}\n")


def test_from_flash_to_first_verdict(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    """The card was read back; the station is armed and came with its own certificate."""
    assert line.facts["receipt"]["verified"]
    seconds = [line.facts[name] for name in ("flashed_s", "verdict_s", "processor_s")]
    words = (
        "flash {:.0f} s, first verdict after {:.0f} s, {:.0f} s of the emulator's processor time"
    )
    say(capsys, words.format(*seconds))
    state = line.plant.wait_for("state", lambda one: one["state"] == "armed", 60)
    assert state["bundles"] == {"top": "brightness 1.0.0"}
    assert f"u'{STATION}'" in line.plant.log


def test_each_part_at_the_light_barrier_is_one_verdict(line: Line) -> None:
    """As many verdicts come as parts pass, each for a part of its own."""
    with line.board.barrier.still_belt():
        time.sleep(20)  # what has passed already is decided
        since = line.plant.heard
        line.board.barrier.pulses(5, gap_s=1.5)
        assert wait_until(lambda: len(line.plant.came("verdict", since)) >= 5, HANGS_S)
        time.sleep(10)
        parts = [one["part_id"] for one in line.plant.came("verdict", since)]
    assert len(parts) == len(set(parts)) == 5


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
    done = line.push(line.workshop.signed("1.1.0"))
    assert done.returncode == 0, done.stderr[-2000:]
    line.decided_by("1.1.0", since)


def test_a_release_that_computes_something_else_is_refused(line: Line) -> None:
    """Its parity vectors fail on this processor, and the line goes on with what it has."""
    done = line.push(line.workshop.signed("1.2.0", note="-broken", score_off=0.5))
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
    found = json.loads(done.stdout)
    assert found["stations"][STATION]["progress"] == "returned", done.stdout
    assert "failed its probation" in found["reason"]
    assert line.slot()["version"] == "1.1.0"
    line.decided_by("1.1.0", line.plant.heard)


def test_a_candidate_in_the_shadow_is_promoted(line: Line) -> None:
    """It judges the parts of the line beside the current bundle until the gate lets it pass."""
    since = line.plant.heard
    gate = ["--shadow", "--tolerated=0.01", "--harmful=0.3"]
    answer = line.update(line.workshop.signed("1.3.1"), *gate, "--json")
    assert json.loads(answer.stdout)["state"] == "shadow", answer
    words = f"{PROGRAM} update resume --root /var/lib/lineside"
    found = json.loads(line.ask(f"{words} --wait 300 --json").splitlines()[-1])
    assert (found["state"], found["reason"]) == ("done", "")
    line.decided_by("1.3.1", since)
    before = {one["channels"][0]["bundle"] for one in line.plant.came("verdict", since)}
    assert before <= {"brightness 1.1.0", "brightness 1.3.1"}


def test_power_cut_in_an_update_leaves_a_good_bundle(line: Line) -> None:
    """The board goes dark in the probation of 1.4.0, and decides again after its next boot."""
    since = line.plant.heard
    new = line.workshop.signed("1.4.0")
    update = threading.Thread(target=line.rollout, args=(new, 600), daemon=True)
    update.start()
    line.decided_by("1.4.0", since)
    bundle, line.facts["back_s"] = line.cut_and_come_back()
    assert bundle in ("brightness 1.3.1", "brightness 1.4.0")
    assert line.slot()["fault"] == ""
    assert line.ask("cat /etc/machine-id") == line.facts["machine-id"]


def test_the_agent_is_updated(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    """A set of wheels, an environment of its own, a start on trial; `status` names what runs."""
    if json.loads(line.ask("sudo cat /var/lib/lineside/update/journal.json"))["state"] != "done":
        line.ask(f"{PROGRAM} update promote --root /var/lib/lineside")
    before = line.slot()["agent"]
    new = release_next_agent(line.workshop, line.facts["wheels"])
    since, began = line.plant.heard, time.monotonic()
    words = ["push-agent", "--to", THERE, "--releases", line.workshop.folder / "releases"]
    done = line.deploy(*words, *line.over_ssh, "--json")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert json.loads(done.stdout)["state"] == "done"
    say(capsys, f"agent {before} -> {new} after {time.monotonic() - began:.0f} s")
    assert line.slot()["agent"] == new != before
    line.decided_by("1.4.0", since)
    state = [one for one in line.plant.came("state", since) if one["state"] == "armed"]
    assert state


def test_power_cuts_at_any_moment_of_an_update(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each the station decides with the bundle of before or the new one, and the update ends
    by itself.
    """
    chance, ends = random.Random(18), []
    for number in range(CUTS):
        old = str(line.slot()["version"])
        new = f"1.5.{number}"
        bundle = line.workshop.signed(new)
        update = threading.Thread(target=_update, args=(line, bundle), daemon=True)
        update.start()
        time.sleep(chance.uniform(0, UPDATE_S))
        seen, back_s = line.cut_and_come_back()
        assert seen in (f"brightness {old}", f"brightness {new}"), f"cut {number}"
        slot = _settled(line)
        assert (slot["fault"], slot["version"] in (old, new)) == ("", True), f"cut {number}: {slot}"
        ends.append(f"{number}: {seen} after {back_s:.0f} s, then {slot['version']}")
    say(capsys, f"{CUTS} power cuts: " + "; ".join(ends))


def _update(line: Line, bundle: Path) -> None:
    """Bring a bundle onto the board, as far as the power lets it."""
    with contextlib.suppress(DeviceError):
        line.update(bundle, "--probation=10")


def _settled(line: Line) -> dict[str, object]:
    """The slot, once the update that was cut has ended by itself."""

    def has_ended() -> bool:
        said = line.ask(f"{PROGRAM} update status --root /var/lib/lineside --json")
        found = re.search(r'"state":"(\w+)"', said)
        return found is not None and found[1] in ("done", "quarantine")

    assert wait_until(has_ended, HANGS_S), line.ask("sudo journalctl -b -u lineside-update")
    return line.slot()


def test_the_card_is_whole_after_the_power_cuts(line: Line, tmp_path: Path) -> None:
    """Cut once more, and looked at from outside: file systems, boot files, no secrets."""
    line.board.cut_power()
    copy = tmp_path / "card.img"
    shutil.copyfile(line.card, copy)
    with copy.open("rb") as stream:
        head = stream.read(1 << 20)
    boot = BootPartition(str(copy), boot_offset(head))
    assert b"PARTUUID" in boot.read("loader/entries/lineside.conf")
    # In a file of its own: e2fsck forgets an offset once it has gone through the journal.
    state = tmp_path / "state.img"
    entry = head[446 + 32 : 446 + 48]
    start, size = (int.from_bytes(entry[at : at + 4], "little") * 512 for at in (8, 12))
    words = ["dd", f"if={copy}", f"of={state}", "bs=1M", "conv=sparse", f"skip={start}"]
    flags = [f"count={size}", "iflag=skip_bytes,count_bytes"]
    subprocess.run([*words, *flags], check=True, stderr=subprocess.DEVNULL)
    words = ["/usr/sbin/e2fsck", "-f", "-y", str(state)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
