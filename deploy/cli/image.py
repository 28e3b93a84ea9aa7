"""The verb `image`: an appliance image from Debian packages and the agent's wheels."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.image.two_systems import BundleSigner

EXAMPLES = """examples:
  lineside-deploy image appliance.img --wheels wheels --dry-run
  lineside-deploy image appliance.img --wheels wheels
  lineside-deploy image appliance.img --wheels wheels --rauc press --cert cert.pem --key key.pem
  lineside-deploy flash appliance.img /dev/sdb --os-list appliance.os_list.json \\
      --bmap appliance.bmap --station station.toml --board board.toml --trust keys/root.json

As root. For arm64 boards with UEFI, and QEMU's `virt`. The root is read-only; what a station writes
lies on a partition of its own, which grows with the card.

--rauc makes an image of two systems, of which RAUC writes the one that does not run, for boards of
this kind; --cert is what these take bundles by. With --key, OUT.raucb is the bundle of this system.
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
    image.add_argument("--rauc", metavar="COMPATIBLE", help="two systems, updated by RAUC")
    image.add_argument("--cert", type=Path, metavar="FILE", help="of RAUC's signature")
    signs = "of RAUC's signature; writes OUT.raucb, too"
    image.add_argument("--key", type=Path, metavar="FILE", help=signs)
    image.add_argument(
        "--keyring", type=Path, metavar="FILE", help="what boards check RAUC's bundles by (--cert)"
    )
    image.add_argument("--dry-run", action="store_true", help="check everything, build nothing")
    image.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _image(args: argparse.Namespace) -> int:
    from deploy.image.build import build_image, checked_recipe, read_recipe

    keyring, signer = _rauc(args)
    words = (args.wheels, args.suite, args.mirror)
    read = partial(read_recipe, *words, rauc=args.rauc or "", keyring=keyring)
    recipe = checked_recipe(read, args.out, signer)
    if args.dry_run:
        found = {"dry_run": True, "image": str(args.out), "wheels": len(recipe.wheels)}
        print(json.dumps(found) if args.json else f"{args.out}: can be built; nothing was written")
        return 0
    built = build_image(recipe, args.out, _say, signer)
    rows = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(built).items()
    }
    lines = [f"{built.image}: {built.size_bytes >> 20} MiB"]
    if built.update is not None:
        lines.append(f"{built.update}: {built.update.stat().st_size >> 20} MiB")
    print(json.dumps(rows) if args.json else "\n".join(lines))
    print(
        f"next: lineside-deploy flash {built.image} DEVICE --os-list {built.os_list} "
        f"--bmap {built.bmap} --station STATION.toml --board BOARD.toml",
        file=sys.stderr,
    )
    return 0


def _rauc(args: argparse.Namespace) -> tuple[Path | None, BundleSigner | None]:
    """The certificates by which a board of two systems takes bundles, and who signs one now."""
    from deploy.image.two_systems import BundleSigner

    if not args.rauc:
        for name in ("cert", "key", "keyring"):
            if getattr(args, name):
                cure = "name the kind of board with --rauc, or leave it out"
                raise ConfigError("is of an image of two systems", where=f"--{name}", cure=cure)
        return None, None
    keyring = args.keyring or args.cert
    if keyring is None or (args.key and not args.cert):
        cure = "name --cert, whose key signs them; --keyring, where an authority signed it"
        raise ConfigError("bundles of RAUC are signed", where="--rauc", cure=cure)
    return keyring, BundleSigner(args.cert, args.key, keyring) if args.key else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
