"""The verb `image`: an appliance image from Debian packages and the agent's wheels."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy image appliance.img --wheels wheels --dry-run
  lineside-deploy image appliance.img --wheels wheels
  lineside-deploy flash appliance.img /dev/sdb --os-list appliance.os_list.json \\
      --bmap appliance.bmap --station station.toml --board board.toml --trust keys/root.json

As root. For arm64 boards with UEFI, and QEMU's `virt`. The root is read-only; what a station writes
lies on a partition of its own, which grows with the card.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "build a bootable arm64 appliance image"
    image = add_verb(verbs, "image", text, EXAMPLES, _image)
    image.add_argument("out", type=Path, metavar="OUT.img", help="with OUT.os_list.json, OUT.bmap")
    wheels = "the agent's wheels for aarch64, with pip's"
    image.add_argument("--wheels", type=Path, required=True, metavar="DIR", help=wheels)
    image.add_argument("--suite", default="bookworm", help="of Debian (bookworm)")
    image.add_argument("--mirror", default="", metavar="URL", help="of Debian's packages")
    image.add_argument("--dry-run", action="store_true", help="check everything, build nothing")
    image.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _image(args: argparse.Namespace) -> int:
    from deploy.image.build import build_image, checked_recipe

    recipe = checked_recipe(args.wheels, args.suite, args.mirror, args.out)
    if args.dry_run:
        found = {"dry_run": True, "image": str(args.out), "wheels": len(recipe.wheels)}
        print(json.dumps(found) if args.json else f"{args.out}: can be built; nothing was written")
        return 0
    built = build_image(recipe, args.out, _say)
    rows = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(built).items()
    }
    print(json.dumps(rows) if args.json else f"{built.image}: {built.size_bytes >> 20} MiB")
    print(
        f"next: lineside-deploy flash {built.image} DEVICE --os-list {built.os_list} "
        f"--bmap {built.bmap} --station STATION.toml --board BOARD.toml",
        file=sys.stderr,
    )
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
