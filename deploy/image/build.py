"""An appliance image from nothing: tree, partitions, and the papers by which it is flashed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from deploy.flash.boot_files import WHEELS_SHA256, wheel_files
from deploy.image import grub
from deploy.image.block_map import block_map
from deploy.image.filesystems import make_boot, make_root, make_state, tree_bytes
from deploy.image.layout import Layout, layout_for, write_table
from deploy.image.tree import Recipe, build_tree
from deploy.image.two_systems import (
    BundleSigner,
    check_signer,
    read_two_systems,
    system_version,
    write_update,
)
from deploy.image.workstation import check_workstation
from edge_agent.contracts.core.errors import ConfigError, LinesideError
from edge_agent.contracts.core.files import write_atomic

LOADER = "usr/lib/systemd/boot/efi/systemd-bootaa64.efi"
LOADER_PLACE = "EFI/BOOT/BOOTAA64.EFI"
COMMAND_LINE = "root=PARTUUID={root} ro quiet panic=30"
"""A kernel that cannot go on starts again; the console is the one that the board names."""


@dataclass(frozen=True)
class Built:
    """The files of a finished image, its size in bytes and its sha256.

    update: RAUC's bundle of its system, where one was asked for.
    """

    image: Path
    os_list: Path
    bmap: Path
    size_bytes: int
    sha256: str
    update: Path | None = None


def read_recipe(
    wheels: Path, suite: str, mirror: str, *, rauc: str = "", keyring: Path | None = None
) -> Recipe:
    """The recipe; raises ConfigError where wheels are missing, or where a secret is in `mirror`.

    rauc, keyring: the kind of board whose bundles of RAUC a system takes, and whose signature; none
    for an image of one system.
    """
    files = wheel_files(wheels)
    name = files.pop(WHEELS_SHA256)
    paths = (path for path in files.values() if isinstance(path, Path))
    chosen = tuple(paths)
    two = None
    if keyring is not None:
        two = read_two_systems(rauc, keyring, system_version(chosen, datetime.now(UTC)))
    if re.search(r"://[^/\s]*@", mirror):
        cure = "name a mirror that asks for none: its address lies on every board"
        raise ConfigError("has a user or a password", where="--mirror", cure=cure)
    return Recipe(suite, mirror, chosen, name.decode() if isinstance(name, bytes) else "", two)


def checked_recipe(
    read: Callable[[], Recipe], out: Path, signer: BundleSigner | None = None
) -> Recipe:
    """The recipe of `out`, where nothing is in the way of building it.

    read: gives it, as read_recipe does. signer: of RAUC's bundle, where one is asked for, too.
    Raises ConfigError that names everything that is, or the one error.
    """
    recipes: list[Recipe] = []
    faults: list[LinesideError] = []
    room = partial(check_workstation, out.parent, bundles=signer is not None)
    signs = () if signer is None else (partial(check_signer, signer),)
    for check in (lambda: recipes.append(read()), partial(check_out, out), *signs, room):
        try:
            check()
        except LinesideError as error:
            faults.append(error)
    if len(faults) > 1:
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise ConfigError(f"{len(faults)} things are in the way:{lines}", where=str(out))
    if faults:
        raise faults[0]
    return recipes[0]


def build_image(
    recipe: Recipe, out: Path, say: Callable[[str], None], signer: BundleSigner | None = None
) -> Built:
    """Build `out`, its list of images and its block map; raises ConfigError, StorageError.

    `out` appears when it is whole: an image of before stays until then. signer: of RAUC's bundle,
    which is written beside it where the image is one of two systems.
    """
    check_out(out)
    check_workstation(out.parent, bundles=signer is not None)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".lineside-image-") as workshop:
        folder = Path(workshop)
        root, state = build_tree(recipe, folder, say)
        say("the partitions")
        image = folder / out.name
        systems = 1 if recipe.two is None else 2
        layout = assemble(image, root, state, secrets.randbits(32) or 1, systems=systems)
        update = None
        if recipe.two is not None and signer is not None:
            say("RAUC's bundle of the system")
            update = out.with_suffix(".raucb")
            write_update(image, layout.system, update, recipe.two, signer)
        built = replace(write_papers(image, out, recipe.suite), update=update)
        image.replace(out)
        return built


def check_out(out: Path) -> None:
    """Raise ConfigError where `out` cannot be an image."""
    if out.suffix != ".img" or not out.parent.is_dir() or (out.exists() and not out.is_file()):
        cure = "name a file that ends in .img, in a folder that exists"
        raise ConfigError("no image can be written there", where=str(out), cure=cure)


def assemble(image: Path, root: Path, state: Path, disk_id: int, *, systems: int = 1) -> Layout:
    """Write the partitions of `root` and `state` to `image`.

    Of one system, kernel and initramfs leave `root` for the boot partition. disk_id: by which the
    kernel finds the disk; each build has its own, not 0.
    """
    layout = layout_for(tree_bytes(root), disk_id, systems=systems)
    write_table(image, layout)
    if systems == 1:
        kernel, initramfs = root / "boot/vmlinuz", root / "boot/initrd.img"
        make_boot(image, layout.boot, boot_files(layout, root, kernel, initramfs))
        kernel.unlink()
        initramfs.unlink()
    else:
        make_boot(image, layout.boot, {LOADER_PLACE: root / grub.LOADER, **grub.grub_files(layout)})
    make_root(image, layout.system, root)
    make_state(image, layout.state, state)
    return layout


def boot_files(
    layout: Layout, root: Path, kernel: Path, initramfs: Path
) -> dict[str, bytes | Path]:
    """What UEFI starts, and its one entry (uapi-group.org, boot loader specification)."""
    line = COMMAND_LINE.format(root=layout.partition_uuid(2))
    entry = f"title Lineside\nlinux /vmlinuz\ninitrd /initrd.img\noptions {line}\n"
    return {
        LOADER_PLACE: root / LOADER,
        "loader/loader.conf": b"timeout 0\ndefault lineside.conf\n",
        "loader/entries/lineside.conf": entry.encode(),
        "vmlinuz": kernel,
        "initrd.img": initramfs,
    }


def write_papers(image: Path, out: Path, suite: str) -> Built:
    """The list of images and the block map of `image`, beside `out`, where it will lie."""
    with image.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    size = image.stat().st_size
    os_list, bmap = out.with_suffix(".os_list.json"), out.with_suffix(".bmap")
    entry = {
        "name": f"Lineside appliance on Debian {suite}, arm64 UEFI",
        "url": out.name,
        "init_format": "lineside",
        "extract_size": size,
        "extract_sha256": found,
    }
    write_atomic(bmap, block_map(image))
    write_atomic(os_list, (json.dumps({"os_list": [entry]}, indent=1) + "\n").encode())
    return Built(out, os_list, bmap, size, found)
