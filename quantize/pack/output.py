"""Where a result may be written: never over what it is made from, nor over a stranger's file."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.model.manifest import Manifest

ANOTHER = "name another file"
NETWORK_SUFFIXES = (".keras", ".h5", ".hdf5", ".onnx", ".tflite", ".pb", ".pt", ".pth")


def refuse_target(out: Path, run: Path) -> None:
    """Raises ConfigError where `out` cannot be written, or lies in the run folder `run`."""
    folder = out.parent
    if out.is_dir():
        raise ConfigError("is a folder", where=str(out), cure=ANOTHER)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        cure = "make the folder, or check the rights on it"
        raise ConfigError("cannot be written", where=str(out), cure=cure)
    if out.resolve().is_relative_to(run.resolve()):
        raise ConfigError("lies in the run itself", where=str(out), cure=ANOTHER)


def refuse_file(run: Path) -> None:
    """Raises ConfigError for a file in the place of a run folder, such as a network's."""
    if not run.is_file():
        return
    what = "is a file, and a run is a folder"
    cure = "name the folder that lineside-train fit makes, such as runs/castings"
    if run.suffix.lower() in NETWORK_SUFFIXES:
        what = "is a network alone"
        cure = (
            "convert a run: lineside-train fit makes one, with the held-out samples that prove "
            "the conversion; two .tflite files are compared by lineside-quantize compare"
        )
    raise ConfigError(what, where=str(run), cure=cure)


def bundle_there(out: Path, name: str) -> Manifest | None:
    """The manifest of the bundle at `out`, None where nothing is there.

    Raises ConfigError for anything but a bundle of that name.
    """
    if not os.path.lexists(out):
        return None
    try:
        old = read_bundle(out).manifest
    except BundleError as error:
        what = "is there already and is no bundle"
        raise ConfigError(what, where=str(out), cure=ANOTHER) from error
    if old.spec.name != name:
        what = f"is the bundle of {old.spec.name}, not of {name}"
        raise ConfigError(what, where=str(out), cure=ANOTHER)
    return old


def refuse_other_suffix(out: Path, suffix: str) -> None:
    """Raises ConfigError where a file of another kind than `suffix` would be replaced."""
    if os.path.lexists(out) and out.suffix != suffix:
        raise ConfigError(f"is there already and is no {suffix}", where=str(out), cure=ANOTHER)
