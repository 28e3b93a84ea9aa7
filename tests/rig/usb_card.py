"""A card in a USB reader, in the guest: the kernel's own gadget, whose memory is a file."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.station_kit import wait_until

ROOM = Path("/run")
GADGETS = Path("/sys/kernel/config/usb_gadget")
SERIAL = "card0001"
MIB = 1 << 20
CARD_BYTES, IMAGE_BYTES = 32 * MIB, 16 * MIB
REPO = Path(__file__).parents[2]
PULLED = "pulled\n"


class UsbCard:
    """Plugged in and pulled out by the kernel's USB controller that is none (dummy_hcd)."""

    def __init__(self) -> None:
        self.memory = ROOM / "card"
        self.memory.write_bytes(bytes(CARD_BYTES))
        self._gadget = GADGETS / "card"
        self._gadget.mkdir()
        for name, value in (("idVendor", "0x1d6b"), ("idProduct", "0x0104")):
            (self._gadget / name).write_text(value)
        for folder in ("strings/0x409", "configs/c.1", "functions/mass_storage.0"):
            (self._gadget / folder).mkdir()
        (self._gadget / "strings/0x409/serialnumber").write_text(SERIAL)
        lun = self._gadget / "functions/mass_storage.0/lun.0"
        (lun / "removable").write_text("1")
        (lun / "file").write_text(str(self.memory))
        (self._gadget / "configs/c.1/mass_storage.0").symlink_to(
            self._gadget / "functions/mass_storage.0"
        )
        self._controller = next(Path("/sys/class/udc").iterdir()).name

    def plug(self) -> str:
        """Its device, once the kernel shows it."""
        (self._gadget / "UDC").write_text(self._controller)
        assert wait_until(lambda: self._disks() and Path(f"/dev/{self._disks()[0]}").exists(), 60)
        return f"/dev/{self._disks()[0]}"

    def pull(self) -> None:
        """As a hand does, whatever is at work."""
        (self._gadget / "UDC").write_text("\n")

    def boots(self) -> bool:
        """Whether a board would take it for a card with a system."""
        with self.memory.open("rb") as stream:
            return stream.read(512)[510:] == b"\x55\xaa"

    def remove(self) -> None:
        """Give the controller back."""
        (self._gadget / "configs/c.1/mass_storage.0").unlink()
        for folder in ("functions/mass_storage.0", "configs/c.1", "strings/0x409", "."):
            (self._gadget / folder).rmdir()

    def _disks(self) -> list[str]:
        return [path.name for path in Path("/sys/block").glob("sd*") if path.name.startswith("sd")]


def usb_card() -> object:
    """`lineside-deploy flash` onto a card in a USB reader; one of another serial; one that is
    pulled out in the middle."""
    image = ROOM / "os.img"
    content = bytearray(random.Random(7).randbytes(IMAGE_BYTES))
    content[510:512] = b"\x55\xaa"
    image.write_bytes(content)
    card = UsbCard()
    device = card.plug()
    other = _flash(image, device, "--serial=card0002")
    untouched = not any(card.memory.read_bytes())
    began = time.monotonic()
    done = _flash(image, device, f"--serial={SERIAL}")
    took_s = time.monotonic() - began
    card.pull()
    same = card.memory.read_bytes()[:IMAGE_BYTES] == content
    card.memory.write_bytes(bytes(CARD_BYTES))
    pulled = _pulled(image, card)
    card.remove()
    return {
        "other": [other.returncode, other.stderr[-300:]],
        "untouched": untouched,
        "code": done.returncode,
        "said": done.stderr[-300:],
        "verified": json.loads(done.stdout or "{}").get("verified"),
        "same": same,
        "took_s": round(took_s, 1),
        "pulled": pulled,
        "boots": card.boots(),
    }


def _words(image: Path, device: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "deploy", "flash", str(image), device, "--yes", "--json", *more]


def _flash(image: Path, device: str, *more: str) -> subprocess.CompletedProcess[str]:
    words = _words(image, device, *more)
    return subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=False)


def _pulled(image: Path, card: UsbCard) -> list[object]:
    """Exit code and last words of a flasher whose card is pulled out while it writes."""
    device = card.plug()
    words = _words(image, device)
    with subprocess.Popen(words, cwd=REPO, stderr=subprocess.PIPE, text=True) as flasher:
        assert flasher.stderr is not None
        said = []
        for line in flasher.stderr:
            said.append(line)
            if line.startswith("write") and " 0 %" not in line and PULLED not in said:
                card.pull()
                said.append(PULLED)
    return [flasher.returncode, "".join(said)[-400:]]
