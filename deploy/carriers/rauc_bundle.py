"""A folder as RAUC's signed bundle, whatever is in it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.carriers.programs import call

HEAD = """[update]
compatible={compatible}
version={version}

[bundle]
format={form}

"""
"""How each manifest begins."""


def write_bundle(
    folder: Path, manifest: str, out: Path, cert: Path, key: Path, words: Sequence[str] = ()
) -> None:
    """Write `out` by rauc from `folder`, which gets the manifest; one of before stays until then.

    words: further options of rauc. Raises DeviceError where a program is not installed,
    StorageError where it fails.
    """
    (folder / "manifest.raucm").write_text(manifest)
    with tempfile.TemporaryDirectory(dir=out.parent) as place:
        new = Path(place) / out.name
        options = [f"--cert={cert}", f"--key={key}", *words]
        command = ["rauc", *options, "bundle", str(folder), str(new)]
        call(command, "rauc squashfs-tools", "mksquashfs")
        new.replace(out)
