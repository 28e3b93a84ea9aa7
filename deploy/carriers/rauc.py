"""RAUC's bundle with a release as an image, whose hook hands it to the station's agent."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy.carriers.rauc_bundle import HEAD, write_bundle

SLOT = "lineside"
"""The class of the slot in system.conf; nothing is written to its device."""
HOOK = "lineside-hook"
MANIFEST = (
    HEAD
    + """[hooks]
filename={hook}

[image.{slot}]
filename={image}
hooks=install
"""
)
HOOK_TEXT = """#!/bin/sh
exec {program} updater rauc "$1" --root {root} --probation {probation_s:g}
"""


def write_rauc_bundle(
    release: Path,
    out: Path,
    compatible: str,
    cert: Path,
    key: Path,
    *,
    program: str,
    root: str,
    probation_s: float,
    form: str = "plain",
) -> Path:
    """Write OUT/NAME-VERSION.raucb by rauc; its path. form: RAUC's `format`, plain or verity.

    program, root: the agent and the station's folder on the device. Raises DeviceError or
    StorageError.
    """
    bundle = out / f"{release.stem}.raucb"
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        (folder / release.name).write_bytes(release.read_bytes())
        hook = folder / HOOK
        hook.write_text(HOOK_TEXT.format(program=program, root=root, probation_s=probation_s))
        hook.chmod(0o755)
        text = MANIFEST.format(
            compatible=compatible,
            version=release.stem.rpartition("-")[2],
            form=form,
            hook=HOOK,
            slot=SLOT,
            image=release.name,
        )
        write_bundle(folder, text, bundle, cert, key)
    return bundle
