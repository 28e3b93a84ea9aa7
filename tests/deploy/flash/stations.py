"""A station's files for the tests, and an image with a boot partition."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from deploy.flash.board import Board, read_board

MIB = 1 << 20
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2mUo9vGN5bSDJ0xCzM9qgJ6GQF0m3kC1k7 ann@plant\n"
PASSWORD = "\"quotes' $(reboot) ; \\ 100%"
SSID = "it's; [here]$(x)"


def make_board(folder: Path) -> Board:
    """board.toml with a hostile network, a certificate and one user."""
    (folder / "id.pub").write_text(PUBLIC_KEY)
    (folder / "wifi-password").write_text(PASSWORD + "\n")
    (folder / "wifi-password").chmod(0o600)
    (folder / "ca.pem").write_text("certificate\n")
    (folder / "board.toml").write_text(
        'hostname = "press3"\ntimezone = "Europe/Berlin"\n'
        '[user]\nname = "line"\nauthorized_keys = ["id.pub"]\n'
        f"[wifi]\nssid = {json.dumps(SSID)}\npassword_file = 'wifi-password'\ncountry = 'DE'\n"
        '[files]\n"/var/lib/lineside/tls/ca.pem" = "ca.pem"\n'
    )
    (folder / "station.toml").write_text('[station]\nid = "press3"\n')
    return read_board(folder / "board.toml")


def make_boot_image(path: Path, table: str = "dos") -> None:
    """An image of 24 MiB: a FAT boot partition at 4 MiB with cmdline.txt, and a second one."""
    path.write_bytes(bytes(24 * MIB))
    kind = "c" if table == "dos" else "U"
    script = f"label: {table}\nstart=8192,size=24576,type={kind}\nstart=32768,size=8192,type=L\n"
    subprocess.run(["sfdisk", "-q", str(path)], input=script.encode(), check=True)
    fat = ["mkfs.vfat", "-n", "bootfs", "--offset", "8192", str(path), str(12 * 1024)]
    subprocess.run(fat, check=True, capture_output=True)
    target = ["mcopy", "-i", f"{path}@@{4 * MIB}", "-", "::/cmdline.txt"]
    subprocess.run(target, input=b"console=tty1 root=/dev/mmcblk0p2 rootwait\n", check=True)


def make_os_list(path: Path, image: str, init: str, **more: object) -> None:
    """A list with groups, as Raspberry Pi publishes it."""
    entry = {"name": "OS", "url": f"https://example.org/a/{image}", "init_format": init, **more}
    other = {**entry, "url": "https://example.org/a/other.img"}
    groups = {"os_list": [{"name": "group", "subitems": [other, entry]}]}
    path.write_text(json.dumps(groups))
