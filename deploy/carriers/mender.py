"""Mender's artifact with a release as its payload, for the update module `lineside`."""

from __future__ import annotations

from pathlib import Path

from deploy.carriers.programs import call

MODULE = "lineside"
"""The type of the payload: the name of the module's file on the device."""


def write_artifact(release: Path, out: Path, device_type: str, key: Path | None = None) -> Path:
    """Write OUT/NAME-VERSION.mender by mender-artifact; its path. key: signs the artifact.

    Raises DeviceError or StorageError.
    """
    artifact = out / f"{release.stem}.mender"
    words = ["mender-artifact", "write", "module-image", "--type", MODULE]
    words += ["--artifact-name", release.stem, "--device-type", device_type]
    words += ["--software-name", release.stem.rpartition("-")[0]]
    words += ["--software-version", release.stem.rpartition("-")[2]]
    words += ["--file", str(release), "--output-path", str(artifact)]
    call([*words, *(["--key", str(key)] if key else [])], "mender-artifact")
    return artifact
