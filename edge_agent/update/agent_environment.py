"""An agent's environment: built from a wheel set by the set's own pip, and tried by one start.

Nothing is fetched, and nothing of the set but pip is run while it is built: wheels alone are taken,
each with the sha256 of the signed list.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.model.wheel_set import INSTALLER, WheelSet

BUILD_S, TRY_S = 1800, 180
LAST_CHARACTERS = 300
READABLE = 0o022
"""The agent's user runs what root installs, whatever root's umask."""


def refuse_other_machine(wheels: WheelSet) -> None:
    """Raises BundleError that names the first wheel that this machine's Python does not take."""
    taken = set(sys_tags())
    for wheel in wheels.wheels:
        try:
            *_, tags = parse_wheel_filename(wheel.file)
        except InvalidWheelFilename as error:
            raise BundleError(str(error), where=wheels.name, cure="release it again") from error
        if not tags & taken:
            python = ".".join(map(str, sys.version_info[:2]))
            raise BundleError(
                f"{wheel.file} is not for this machine ({os.uname().machine}, Python {python})",
                where=wheels.name,
                cure="release wheels for this kind of machine",
            )


def refuse_full_disk(free_bytes: int, wheels: Sequence[Path], where: Path) -> None:
    """Raises StorageError where less is free than the wheels unpack to; BundleError for no zip.

    where: the slot.
    """
    try:
        needed = sum(map(_unpacked_bytes, wheels))
    except BadZipFile as error:
        raise BundleError(str(error), where=str(where), cure="release it again") from error
    if free_bytes < needed:
        raise StorageError(
            f"no space for the new agent: {needed / 1e6:.1f} MB are needed, "
            f"{free_bytes / 1e6:.1f} MB are free",
            where=str(where),
            cure="free some space",
        )


def build_environment(slot: Path, wheels: Path, chosen: WheelSet) -> None:
    """A virtual environment in the empty folder `slot`, from the files in `wheels`; durable.

    Raises BundleError where pip refuses them, StorageError where the disk does.
    """
    files = [wheels / wheel.file for wheel in chosen.wheels]
    refuse_full_disk(shutil.disk_usage(wheels).free, files, slot)
    bare = [sys.executable, "-m", "venv", "--without-pip", str(slot)]
    _call(bare, "cannot hold an environment", BUILD_S)
    pins = slot / "pins.txt"
    pins.write_text(
        "".join(f"{w.project}=={w.version} --hash=sha256:{w.sha256}\n" for w in chosen.wheels)
    )
    pip = wheels / chosen.wheel(INSTALLER).file / "pip"
    options = ["--isolated", "--disable-pip-version-check", "--no-index", "--no-deps"]
    options += ["--no-cache-dir", "--only-binary=:all:", "--require-hashes"]
    _call(
        [_python(slot), str(pip), "install", *options, f"--find-links={wheels}", "-r", str(pins)],
        "cannot be installed",
        BUILD_S,
    )
    os.sync()  # thousands of files, written by another program


def try_environment(slot: Path, chosen: WheelSet, config: Path, owner: Path) -> None:
    """Start the new agent: it must name its version and take the station's own station.toml.

    Whoever owns the folder `owner` runs it, never root for a station of the agent's user. Raises
    BundleError.
    """
    agent = [_python(slot), "-P", "-m", "edge_agent"]
    said = _call([*agent, "--version"], "does not start", TRY_S, owner).split()
    if said[-1:] != [chosen.version]:
        raise BundleError(
            f"says that it is {' '.join(said)[:60]!r}",
            where=f"{chosen.name} {chosen.version}",
            cure="release the wheel whose name has its own version",
        )
    if config.is_file():
        _call([*agent, "config", str(config)], "does not take this station.toml", TRY_S, owner)


def _unpacked_bytes(wheel: Path) -> int:
    with ZipFile(wheel) as archive:
        return sum(one.file_size for one in archive.infolist())


def _python(slot: Path) -> str:
    return str(slot / "bin" / "python")


def _call(command: Sequence[str], fault: str, limit_s: int, owner: Path | None = None) -> str:
    """The output of a command of the new environment; raises BundleError with its last words."""
    found = owner.stat() if owner is not None and owner.exists() and os.geteuid() == 0 else None
    rights = {"user": found.st_uid, "group": found.st_gid, "extra_groups": []} if found else {}
    kept = ("PATH", "LANG", "TMPDIR")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
            env=environment,
            cwd="/",
            umask=READABLE,
            **rights,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"{fault} within {limit_s} s", where=command[0], cure="look at the board's load"
        ) from error
    if done.returncode == 0:
        return str(done.stdout)
    words = " ".join((done.stderr or done.stdout).split())[-LAST_CHARACTERS:]
    if "No space left" in words:
        raise StorageError("no space for the new agent", where=command[0], cure="free some space")
    raise BundleError(
        f"{fault} ({words})", where=command[0], cure="mend it, and release a higher version"
    )
