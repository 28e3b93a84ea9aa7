"""Calling the programs of other updaters, with their own words where they fail."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from edge_agent.contracts.core.errors import DeviceError, StorageError

LIMIT_S = 3600
"""A whole system is packed within minutes; on a slow disk within an hour."""


def call(words: Sequence[str], package: str, *others: str, limit_s: float = LIMIT_S) -> None:
    """Run a program; raises DeviceError where it is not installed, StorageError where it fails or
    does not end within `limit_s`.

    package: Debian's packages that have it and `others`, the programs that it calls itself.
    """
    for program in (words[0], *others):
        if shutil.which(program) is None:
            cure = f"apt install {package}, or build it elsewhere"
            raise DeviceError("is not installed", where=program, cure=cure)
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        what = f"did not end within {limit_s:g} s"
        cure = "look whether the disk is full or slow, and start it again"
        raise StorageError(what, where=words[0], cure=cure) from error
    if done.returncode:
        raise StorageError(
            f"ended with {done.returncode} ({(done.stderr or done.stdout).strip()[-400:]})",
            where=words[0],
            cure="mend what it names",
        )
