"""Customising a written card: the station's files and what starts them at the first boot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deploy.flash.boot_files import hook_files
from deploy.flash.boot_partition import BootPartition, boot_offset, put_files
from deploy.flash.card import Card
from deploy.flash.fat import read_room, refuse_too_much
from deploy.flash.flash import Customise
from deploy.flash.os_list import InitFormat
from deploy.flash.plan import Plan

LONGEST_CMDLINE = b"c" * 2048
"""COMMAND_LINE_SIZE of Linux on arm64; that of the image is read from the card."""


def customiser(plan: Plan, init: InitFormat, files: Mapping[str, bytes | Path]) -> Customise:
    """What `flash` calls between read-back and the first MiB.

    Raises InputError here, before anything is written, where the image has no boot partition, and
    StorageError where that has no room for the files.
    """
    offset = boot_offset(plan.head)
    image = plan.source.path
    hooks = hook_files(init, "", LONGEST_CMDLINE)
    refuse_too_much(read_room(image, offset), {**files, **hooks}, str(image))

    def customise(card: Card) -> dict[str, str]:
        partition = BootPartition(card.disk.path, offset)
        cmdline = partition.read("cmdline.txt") if init == "systemd" else b""
        if init == "cloudinit-nocloud":
            partition.label("CIDATA")
        hostname = files["lineside/hostname"]
        name = hostname.decode() if isinstance(hostname, bytes) else hostname.read_text()
        return put_files(card, offset, {**files, **hook_files(init, name, cmdline)})

    return customise
