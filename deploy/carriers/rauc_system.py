"""RAUC's bundle with a whole system: the root file system of an appliance image."""

from __future__ import annotations

from pathlib import Path

from deploy.carriers.rauc_bundle import HEAD, write_bundle

SLOT_CLASS = "rootfs"
"""Of both systems in the board's system.conf."""

ROOT = "rootfs.ext4"
PACKING = "-comp zstd"
"""Words for mksquashfs; Debian's kernel unpacks it."""

MANIFEST = (
    HEAD
    + """[image.{slot}]
filename={image}
"""
)


def write_system_bundle(
    folder: Path,
    out: Path,
    compatible: str,
    version: str,
    cert: Path,
    key: Path,
    *,
    packing: str = PACKING,
    form: str = "verity",
    keyring: Path | None = None,
) -> None:
    """Write `out` by rauc from `folder`, which holds ROOT; raises DeviceError, StorageError.

    packing: words for mksquashfs. form: RAUC's `format`; of verity the board checks each block when
    it reads it, plain needs no device mapper. keyring: by which rauc checks what it has signed.
    """
    text = MANIFEST.format(
        compatible=compatible, version=version, slot=SLOT_CLASS, image=ROOT, form=form
    )
    words = [f"--mksquashfs-args={packing}"]
    if keyring is not None:
        words.append(f"--keyring={keyring}")
    write_bundle(folder, text, out, cert, key, words)
