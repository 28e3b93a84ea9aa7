"""The verb `flash`: an image onto a card."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cli.keys import add_secrets, keyring
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.flash.disk import Disk
    from deploy.flash.flash import Customise
    from deploy.flash.os_list import Entry
    from deploy.flash.plan import Plan
    from deploy.flash.write import Progress
    from deploy.signing.keys import KeyPair

EXAMPLES = """examples:
  lineside-deploy flash pios-lite.img.xz /dev/sdb --dry-run
  lineside-deploy flash pios-lite.img.xz /dev/sdb --sha256 SUM --keys keys --receipt card7.json
  lineside-deploy flash pios-lite.img.xz /dev/sdb --station station.toml --board board.toml \\
      --os-list os_list.json --trust keys/root.json --wheels wheels --bundle caps-1.0.0.bundle

Nothing is written to a disk that is in use, read-only, too small, or not removable unless its
--serial is given. The first MiB is written last: a card that was pulled out does not boot.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    flash = add_verb(verbs, "flash", "write an image to a card and read it back", EXAMPLES, _flash)
    flash.add_argument("image", type=Path, metavar="IMAGE", help=".img, .img.xz, .gz or .zst")
    flash.add_argument("device", metavar="DEVICE", help="the whole card, as /dev/sdb")
    flash.add_argument("--serial", default="", help="the disk must have this serial")
    flash.add_argument("--sha256", default="", metavar="SUM", help="of IMAGE as downloaded")
    flash.add_argument("--bmap", type=Path, metavar="FILE", help="block map: write its blocks only")
    flash.add_argument("--no-verify", action="store_true", help="do not read back")
    flash.add_argument("--station", type=Path, metavar="STATION.toml", help="with --board")
    flash.add_argument("--board", type=Path, metavar="BOARD.toml", help="name, user, network")
    flash.add_argument("--os-list", type=Path, metavar="FILE", help="list that has IMAGE's entry")
    flash.add_argument("--trust", type=Path, metavar="ROOT.json", help="root to trust")
    flash.add_argument("--releases", type=Path, default=Path("releases"), metavar="DIR")
    flash.add_argument("--wheels", type=Path, metavar="DIR", help="the agent's wheels, with pip's")
    flash.add_argument("--bundle", type=Path, nargs="+", default=[], metavar="BUNDLE")
    flash.add_argument("--keys", type=Path, metavar="DIR", help="folder of keys for the receipt")
    add_secrets(flash)
    flash.add_argument("--receipt", type=Path, metavar="FILE", help="write a signed receipt")
    flash.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    flash.add_argument("--yes", action="store_true", help="do not ask before writing")
    flash.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _flash(args: argparse.Namespace) -> int:
    from deploy.flash.flash import Steps, flash
    from deploy.flash.plan import Wanted, make_plan

    if (args.receipt is None) != (args.keys is None):
        cure = "give both: a receipt is signed"
        raise ConfigError("--receipt and --keys go together", where="command line", cure=cure)
    keys = _keys(args)
    entry, files = _first_boot(args)
    wanted = Wanted(args.image, args.device, args.serial, args.bmap, args.sha256)
    if entry:
        wanted = replace(
            wanted,
            file_sha256=args.sha256 or entry.file_sha256,
            image_bytes=entry.extract_bytes,
            image_sha256=entry.extract_sha256,
        )
    plan = make_plan(wanted)
    customise = _customiser(plan, entry, files) if entry else None
    print(_sentence(plan), file=sys.stderr)
    if args.dry_run:
        _print(args, {"dry_run": True, "device": args.device, "bytes": plan.source.image_bytes})
        return 0
    if not args.yes:
        _ask(plan.disk)
    receipt = flash(plan, Steps(verify=not args.no_verify, customise=customise), _progress())
    if keys:
        _write_receipt(args.receipt, receipt, keys)
    _print(args, receipt)
    return 0


def _keys(args: argparse.Namespace) -> KeyPair | None:
    if args.keys is None:
        return None
    from deploy.signing.keys import read_keys

    return read_keys(keyring(args))


def _customiser(plan: Plan, entry: Entry, files: dict[str, bytes | Path]) -> Customise:
    from deploy.flash.customise import customiser

    return customiser(plan, entry.init_format, files)


def _write_receipt(path: Path, receipt: Mapping[str, object], keys: KeyPair) -> None:
    from deploy.flash.receipt import sign_receipt
    from edge_agent.contracts.core.files import write_atomic

    write_atomic(path, sign_receipt(receipt, keys))


def _first_boot(args: argparse.Namespace) -> tuple[Entry | None, dict[str, bytes | Path]]:
    """The image's entry and the station's files; nothing where the card is not customised."""
    given = [args.board, args.station, args.os_list]
    if not any(given):
        _refuse_station_options(args)
        return None, {}
    if not all(given):
        cure = "give all three, or none of them"
        what = "--station, --board and --os-list go together"
        raise ConfigError(what, where="command line", cure=cure)
    # The schemas of board.toml take longer to import than a small card to write.
    from deploy.flash.board import read_board
    from deploy.flash.boot_files import Contents, station_files
    from deploy.flash.check_contents import check_contents
    from deploy.flash.os_list import find_entry

    entry = find_entry(args.os_list, args.image)
    contents = Contents(
        board=read_board(args.board),
        folder=args.board.parent,
        station=args.station,
        trust=args.trust,
        releases=args.releases,
        wheels=args.wheels,
        bundles=tuple(args.bundle),
        agent_in_image=entry.init_format == "lineside",
    )
    files = station_files(contents)
    check_contents(contents)
    return entry, files


def _refuse_station_options(args: argparse.Namespace) -> None:
    """What only a station needs would be left out without a word."""
    named = {"--trust": args.trust, "--wheels": args.wheels, "--bundle": args.bundle}
    found = [option for option, value in named.items() if value]
    if found:
        raise ConfigError(
            "a card has a use for it only where it starts as a station",
            where=", ".join(found),
            cure="add --station, --board and --os-list, or leave it out",
        )


def _print(args: argparse.Namespace, found: Mapping[str, object]) -> None:
    print(json.dumps(found) if args.json else f"{args.device}: {_outcome(found)}")


def _outcome(found: Mapping[str, object]) -> str:
    if "dry_run" in found:
        return "fit for this image; nothing was written"
    return "written and read back" if found["verified"] else "written, not read back"


def _sentence(plan: Plan) -> str:
    disk, source = plan.disk, plan.source
    name = " ".join(part for part in (disk.model, disk.serial) if part) or "no serial"
    return (
        f"{disk.path} ({name}, {disk.size_bytes >> 20} MiB) gets {source.path.name} "
        f"({source.image_bytes >> 20} MiB); everything on it is lost"
    )


def _ask(disk: Disk) -> None:
    """Let the user type the serial, or the path of a disk without one; raises ConfigError."""
    word = disk.serial or disk.path
    if not sys.stdin.isatty():
        cure = "add --yes when you are sure of the device"
        raise ConfigError("nobody can confirm", where=disk.path, cure=cure)
    print(f"type {word} to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != word:
        raise ConfigError("not confirmed", where=disk.path, cure="nothing was written")


def _progress() -> Progress:
    """A line on stderr at every tenth of a stage."""
    shown: set[tuple[str, int]] = set()

    def show(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if (stage, tenth) not in shown:
            shown.add((stage, tenth))
            print(f"{stage} {tenth * 10} % of {total >> 20} MiB", file=sys.stderr, flush=True)

    return show
