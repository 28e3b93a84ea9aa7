"""An appliance of two systems: a new one that works stays, one that does not is left by itself.

The real programs throughout: `lineside-deploy image --rauc`, `flash`, GRUB under UEFI, and on the
board RAUC. The bundles come on a stick. One image and one card serve every check, in this order.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.two_systems import SYSTEM
from tests.device.appliance import COMPATIBLE, build_two_systems, make_signer
from tests.device.emulated_board import EmulatedBoard
from tests.device.line import HANGS_S, STATION, Line, flash_and_boot, new_line
from tests.device.plant import running_plant
from tests.device.system_bundle import read_root, system_bundle, write_stick
from tests.rig.kernel import RigError
from tests.station_kit import wait_until

pytestmark = [pytest.mark.device, pytest.mark.timeout(7200)]

CARD_BYTES = 5 << 30
PARTS_EVERY_S = 2.0
UNIT = "etc/systemd/system/lineside-system-good.service"
AGENT = "opt/lineside-image/bin/lineside-agent"
STARTS = "lineside: system "
"""GRUB says which one, on the serial line."""
NEW, BROKEN = "2.0.0", "3.0.0"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A flashed board that has sent its first verdict; a stick with bundles is in it."""
    folder = tmp_path_factory.mktemp("two")
    try:
        image, cert = build_two_systems()
        stick = folder / "stick.img"
        write_stick(stick, bundles(folder, image, cert))
        with running_plant(folder / "plant", STATION) as plant:
            board = EmulatedBoard(folder / "card.img", folder, stick)
            one = new_line(folder, plant, board)
            try:
                with board.barrier.belt(PARTS_EVERY_S):
                    flash_and_boot(one, image, CARD_BYTES)
                    yield one
            finally:
                board.cut_power()
    except RigError as error:
        pytest.skip(f"NOT TESTED: no appliance can be built or booted here: {error}")


def cut_root(image: Path, root: Path) -> None:
    """Copy the file system of the image's first system to `root`, without the rest of its room."""
    words = ["partx", "-g", "-o", "START", "-n", "2", str(image)]
    start = int(subprocess.run(words, check=True, capture_output=True).stdout) * 512
    words = [
        "dd",
        f"if={image}",
        f"of={root}",
        "bs=1M",
        "conv=sparse",
        "iflag=skip_bytes,count_bytes",
    ]
    with image.open("rb") as stream:
        stream.seek(start + 1024 + 4)
        size = int.from_bytes(stream.read(4), "little") * 4096
    subprocess.run([*words, f"skip={start}", f"count={size}", "status=none"], check=True)


def bundles(folder: Path, image: Path, cert: Path) -> list[Path]:
    """Of a system that works, of one whose agent does not start, and one that a stranger signed."""
    root = folder / "root.ext4"
    cut_root(image, root)
    unit = read_root(root, UNIT)
    good, bad, foreign = (folder / f"{name}.raucb" for name in ("good", "bad", "foreign"))
    system_bundle(root, good, NEW, cert, {SYSTEM: f"{NEW}\n"})
    short = re.sub("LINESIDE_PROOF_S=.*", "LINESIDE_PROOF_S=60", unit)
    broken = {SYSTEM: f"{BROKEN}\n", AGENT: "#!/bin/false\n", UNIT: short}
    system_bundle(root, bad, BROKEN, cert, broken)
    root.unlink()
    stranger = folder / "stranger.pem"
    make_signer(stranger)
    with root.open("wb") as stream:
        stream.truncate(4 << 20)
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", root], check=True)
    system_bundle(root, foreign, NEW, stranger, {"lost": secrets.token_hex(1 << 15)})
    return [good, bad, foreign]


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A figure for who runs the test."""
    with capsys.disabled():
        sys.stderr.write(f"\n{text}\n")


def environment(line: Line) -> dict[str, str]:
    """What GRUB finds at the next start."""
    said = line.ask("sudo cat /boot/firmware/EFI/debian/grubenv").splitlines()
    return dict(row.split("=", 1) for row in said if "=" in row)


def became_good(line: Line, system: str) -> None:
    """The system that runs has proven itself, and GRUB has its tries back."""

    def is_good() -> bool:
        found = environment(line)
        return (found["ORDER"][:1], found[f"{system}_OK"], found[f"{system}_TRY"]) == (
            system,
            "1",
            "0",
        )

    log = "sudo journalctl -b -u lineside-system-good -u rauc"
    assert wait_until(is_good, HANGS_S), f"{environment(line)} {line.ask(log)}"


def runs(line: Line) -> tuple[str, str]:
    """Slot and name of the system that runs."""
    said = line.ask(f"cat /proc/cmdline /{SYSTEM}")
    found = re.search(r"rauc\.slot=([AB])", said)
    assert found is not None, said
    return found[1], said.split()[-1]


def restart(line: Line) -> float:
    """Restart the board; seconds until a verdict comes after GRUB has started something."""
    began, starts = time.monotonic(), line.board.log.count(STARTS)
    line.ask("sudo systemctl reboot")
    assert wait_until(lambda: line.board.log.count(STARTS) > starts, HANGS_S), line.board.log[
        -3000:
    ]
    line.decided_by("1.0.0", line.plant.heard)
    return time.monotonic() - began


def install(line: Line, name: str) -> str:
    """`rauc install` of a bundle of the stick, and what it says."""
    line.ask("findmnt /mnt >/dev/null || sudo mount -o ro /dev/vdb /mnt")
    return line.ask(f"sudo rauc install /mnt/{name}.raucb 2>&1; echo ended with $?")


def test_the_bundle_beside_the_image_has_the_system_that_is_in_it(tmp_path: Path) -> None:
    try:
        image, cert = build_two_systems()
    except RigError as error:
        pytest.skip(f"NOT TESTED: no appliance can be built here: {error}")
    root, bundle = tmp_path / "root.ext4", image.with_suffix(".raucb")
    cut_root(image, root)
    said = read_bundle(bundle, cert)
    assert said["RAUC_MF_COMPATIBLE"] == COMPATIBLE
    assert said["RAUC_MF_VERSION"] == read_root(root, SYSTEM).strip()
    with root.open("rb") as stream:
        assert said["RAUC_IMAGE_DIGEST_0"] == hashlib.file_digest(stream, "sha256").hexdigest()
    stranger = tmp_path / "stranger.pem"
    make_signer(stranger)
    with pytest.raises(subprocess.CalledProcessError):
        read_bundle(bundle, stranger)


def read_bundle(bundle: Path, keyring: Path) -> dict[str, str]:
    """What rauc says of a bundle that it has checked by `keyring`."""
    words = ["rauc", f"--keyring={keyring}", "info", "--output-format=shell", str(bundle)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = (line.split("=", 1) for line in said.splitlines() if "=" in line)
    return {name: value.strip("'") for name, value in rows}


def test_system_a_proves_itself_and_the_state_has_the_rest_of_the_card(line: Line) -> None:
    assert runs(line)[0] == "A"
    became_good(line, "A")
    size = int(line.ask("findmnt -n -b -o SIZE /state"))
    assert size > (1 << 30)
    said = line.ask("sudo sfdisk --verify /dev/vda 2>&1")
    assert "No errors detected" in said, said


def test_a_bundle_that_a_stranger_signed_is_refused(line: Line) -> None:
    said = install(line, "foreign")
    assert "ended with 1" in said
    assert "signature" in said, said
    assert environment(line)["ORDER"] == "A B"


def test_a_new_system_runs_after_a_restart_and_marks_itself_good(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    said = install(line, "good")
    assert "ended with 0" in said, said
    installed_s = time.monotonic() - began
    say(capsys, f"rauc install {installed_s:.0f} s, then a verdict after {restart(line):.0f} s")
    assert runs(line) == ("B", NEW)
    became_good(line, "B")


def test_a_system_whose_agent_does_not_start_is_left_after_three_tries(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    said = install(line, "bad")
    assert "ended with 0" in said, said
    before = len(line.board.log)
    say(capsys, f"three tries and back to a verdict: {restart(line):.0f} s")
    tries = re.findall(rf"{STARTS}([AB]) \(tries A (\d), B (\d)\)", line.board.log[before:])
    assert tries == [("A", "1", "0"), ("A", "2", "0"), ("A", "3", "0"), ("B", "3", "1")]
    assert runs(line) == ("B", NEW)
    became_good(line, "B")
    said = line.ask("sudo journalctl -b -u lineside-system-good -o cat")
    assert "system A was left after its tries" in said, said


def test_the_station_is_the_same_in_each_system(line: Line) -> None:
    """Identity and state are the station's, not the system's."""
    assert line.ask("hostname").strip() == STATION
    assert line.slot()["version"] == "1.0.0"
