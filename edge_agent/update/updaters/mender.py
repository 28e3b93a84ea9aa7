"""Mender: the update module `lineside` of its client.

Source: Mender's "Update modules v3 protocol". The client calls the module once for each state, with
the state and a folder: `files/` has the payload, `tmp/` is the module's own and empty at first.
The module's answer to a state that it does not know is nothing, and success.
"""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.update.updater import Call, Updater

if TYPE_CHECKING:
    from edge_agent.update.handed_over import HandOver

ANSWERS = {
    "NeedsArtifactReboot": "No",
    "SupportsRollback": "Yes",
    "NeedsUnpackedArtifact": "Yes",
}
"""What the client asks before it begins."""
GIVES_BACK = ("ArtifactRollback", "ArtifactFailure")
MARK = "lineside-update"
"""The file of `tmp/` that holds the name of this update, so that one of before is never undone."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("state", metavar="STATE", help="ArtifactInstall, ArtifactCommit, ...")
    parser.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="of this update")


def _run(call: Call) -> int:
    state, folder = call.options.state, call.options.folder
    if state in ANSWERS:
        call.say(ANSWERS[state])
    if folder is None:
        return 0
    mark = folder / "tmp" / MARK
    if state == "ArtifactInstall":
        payload = _payload(folder / "files")
        if not mark.exists():
            write_atomic(mark, secrets.token_hex(8).encode())
        _hand_over(call, mark).bring(payload)
    elif state == "ArtifactCommit":
        _hand_over(call, mark).commit()
    elif state in GIVES_BACK and mark.exists():
        _hand_over(call, mark).give_back("Mender rolled it back")
    return 0


def _hand_over(call: Call, mark: Path) -> HandOver:
    from edge_agent.update.handed_over import HandOver

    try:
        name = mark.read_text()
    except OSError as error:
        raise BundleError(
            "this update was not begun by the module", where=str(mark), cure="install it again"
        ) from error
    return HandOver(call.station, f"mender {name}", probation_s=call.options.probation)


def _payload(files: Path) -> Path:
    found = sorted(files.iterdir()) if files.is_dir() else []
    if len(found) != 1:
        raise BundleError(
            f"{len(found)} files, a payload of type `lineside` has one",
            where=str(files),
            cure="write the artifact with `lineside-deploy pack --mender`",
        )
    return found[0]


UPDATER = Updater("a state of Mender's update module", _add_options, _run)
