"""RAUC: the slot hook of a bundle, which takes the place of writing into the slot's device.

Source: RAUC's reference, "Hooks". RAUC calls `slot-install` with what it knows in the environment:
RAUC_IMAGE_NAME is the image in the mounted bundle. What the hook does not know is no failure.
"""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError, LinesideError
from edge_agent.update.updater import Call, Updater

IMAGE = "RAUC_IMAGE_NAME"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hook", metavar="HOOK", help="slot-install")


def _run(call: Call) -> int:
    if call.options.hook != "slot-install":
        return 0
    image = os.environ.get(IMAGE)
    if not image:
        raise ConfigError(
            f"{IMAGE} is not set", where="slot-install", cure="let RAUC call the hook, not a person"
        )
    from edge_agent.update.handed_over import HandOver

    hand_over = HandOver(
        call.station, f"rauc {secrets.token_hex(8)}", probation_s=call.options.probation
    )
    # RAUC has no commit for a slot that it does not boot: its word is the hook's end.
    try:
        journal = hand_over.bring(Path(image), waits=False)
    except LinesideError as error:
        hand_over.give_back(str(error))  # else it stays at work, and the next one waits for it
        raise
    call.say(f"{journal.name} {journal.version} is current")
    return 0


UPDATER = Updater("the slot hook of a RAUC bundle", _add_options, _run)
