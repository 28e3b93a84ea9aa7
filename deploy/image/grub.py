"""GRUB on the boot partition: it starts one of two systems, and counts how often it was tried."""

from __future__ import annotations

from deploy.image.layout import Layout
from deploy.image.system_files import system_file

LOADER = "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"
"""Of Debian's grub-efi-arm64-bin, in the root; it looks for its files in FOLDER."""

FOLDER = "EFI/debian"
ENVIRONMENT_BYTES = 1024
HEAD = "# GRUB Environment Block\n"
FIRST = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "0", "B_TRY": "0"}
"""Of an image whose system is A; B is empty."""


def grub_files(layout: Layout) -> dict[str, bytes]:
    """grub.cfg and its environment, by their places on the boot partition."""
    ids = "".join(
        f'set uuid_{name}="{layout.partition_uuid(number)}"\n'
        for name, number in (("a", 2), ("b", 3))
    )
    return {
        f"{FOLDER}/grub.cfg": (ids + system_file("grub.txt")).encode(),
        f"{FOLDER}/grubenv": environment_block(FIRST),
    }


def environment_block(values: dict[str, str]) -> bytes:
    """As grub-editenv writes it (GRUB manual, "The GRUB environment block")."""
    text = HEAD + "".join(f"{name}={value}\n" for name, value in values.items())
    return text.encode().ljust(ENVIRONMENT_BYTES, b"#")
