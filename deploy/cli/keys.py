"""The verb `keys`: the workshop's keys, product lines, rotation."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.signing.keys import Keyring
    from deploy.signing.metadata import Life
    from deploy.signing.repository import Repository

EXAMPLES = """examples:
  lineside-deploy keys init keys
  lineside-deploy keys init keys --passphrase-file phrase.txt
  lineside-deploy keys line castings
  lineside-deploy keys rotate online
  lineside-deploy keys rotate root-2

`keys init` makes three root keys, of which two must sign a new root, and one key each for the
product lines' list (targets), the first product line (line-main), and snapshot and timestamp
(online). Store the root keys apart and offline; a release needs line and online alone.
`keys rotate` replaces a key: the old one counts no longer at a station that has seen the release.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    keys = add_verb(verbs, "keys", "the workshop's keys", EXAMPLES)
    actions = keys.add_subparsers(required=True, dest="action", metavar="ACTION")
    init = add_verb(actions, "init", "make the keys in a new folder", EXAMPLES, _init)
    init.add_argument("folder", type=Path, metavar="DIR")
    _add_passphrase(init)
    _add_life(init)
    line = add_verb(actions, "line", "add a product line with a key of its own", EXAMPLES, _line)
    line.add_argument("name", metavar="LINE", help="lower-case letters, digits and -")
    add_release_options(line)
    text = "replace a key; the old one counts no longer"
    rotate = add_verb(actions, "rotate", text, EXAMPLES, _rotate)
    rotate.add_argument(
        "role", metavar="ROLE", help="root-1, root-2, root-3, targets, online, or a product line"
    )
    add_release_options(rotate)


def add_keys_options(verb: argparse.ArgumentParser) -> None:
    """Add `--keys` and `--passphrase-file`."""
    verb.add_argument(
        "--keys", type=Path, default=Path("keys"), metavar="DIR", help="folder of keys (keys)"
    )
    _add_passphrase(verb)


def keyring(args: argparse.Namespace) -> Keyring:
    """The keys that the command line names; raises ConfigError."""
    from deploy.signing.keys import Keyring

    return Keyring(args.keys, passphrase(args.passphrase_file))


def add_release_options(verb: argparse.ArgumentParser) -> None:
    """Add `--keys`, `--to`, `--days`, `--passphrase-file` and `--json`."""
    add_keys_options(verb)
    verb.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="the folder of releases (releases, beside the folder of keys)",
    )
    _add_life(verb)


def opened(args: argparse.Namespace) -> Repository:
    """The folder of releases that the command line names; raises ConfigError."""
    from deploy.signing.repository import Repository

    folder = args.to or args.keys.resolve().parent / "releases"
    return Repository(folder, keyring(args), _life(args))


def passphrase(path: Path | None) -> bytes | None:
    """The first line of the file; None without one. Raises ConfigError."""
    if path is None:
        return None
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(
            f"the pass phrase cannot be read ({error.strerror})",
            where=str(path),
            cure="write it there, readable by this user only (chmod 600)",
        ) from error
    if not lines or not lines[0]:
        raise ConfigError("the pass phrase is empty", where=str(path), cure="write one there")
    return lines[0]


def _add_passphrase(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line encrypts the keys"
    )


def _add_life(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="life time of what is signed (root 1095, lines 365, timestamp 90)",
    )
    verb.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _life(args: argparse.Namespace) -> Life:
    from deploy.signing.metadata import Life, utc
    from edge_agent.contracts.core.clock import SystemClock

    if args.days is not None and not 1 <= args.days <= 3650:
        raise ConfigError(f"--days {args.days}", cure="give 1 to 3650 days")
    return Life(utc(SystemClock().utc_ns()), args.days)


def _init(args: argparse.Namespace) -> int:
    from deploy.signing.new_keys import make_keys

    root = make_keys(args.folder, _life(args), passphrase(args.passphrase_file))
    print(json.dumps({"root": str(root), "keys": str(args.folder)}) if args.json else root)
    print(
        f"give stations {root}; store root-1.pem, root-2.pem and root-3.pem apart and offline, "
        "with a copy each: releases do not need them",
        file=sys.stderr,
    )
    return 0


def _line(args: argparse.Namespace) -> int:
    from pydantic import TypeAdapter, ValidationError

    from edge_agent.contracts.model.signature import Line

    cure = "use lower-case letters, digits and -, at most 32, and no name of a TUF role"
    wrong = ConfigError(f"{args.name!r} is no name of a product line", cure=cure)
    try:
        TypeAdapter(Line).validate_python(args.name)
    except ValidationError as error:
        raise wrong from error
    if args.name in ("root", "targets", "snapshot", "timestamp"):
        raise wrong
    repository = opened(args)
    repository.add_line(args.name)
    lines = repository.lines()
    print(json.dumps({"lines": lines}) if args.json else f"product lines: {', '.join(lines)}")
    return 0


def _rotate(args: argparse.Namespace) -> int:
    repository = opened(args)
    repository.rotate(args.role)
    found = {"rotated": args.role, "releases": str(repository.folder)}
    print(json.dumps(found) if args.json else f"{args.role}: new key, in {repository.folder}")
    return 0
