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
    from deploy.signing.token import TokenUri

EXAMPLES = """examples:
  lineside-deploy keys init keys
  lineside-deploy keys init keys --passphrase-file phrase.txt
  lineside-deploy keys line castings
  lineside-deploy keys rotate online
  lineside-deploy keys rotate root-2
  lineside-deploy keys init keys --pin-file pin.txt \\
      --pkcs11 'pkcs11:token=line?module-path=/usr/lib/softhsm/libsofthsm2.so'

`keys init` makes three root keys, of which two must sign a new root, and one key each for the
product lines' list (targets), the first product line (line-main), and snapshot and timestamp
(online). Store the root keys apart and offline; a release needs line and online alone.
`keys rotate` replaces a key: the old one counts no longer at a station that has seen the release.
--pkcs11 makes the keys on a token or HSM, which they never leave; NAME=URI does so for one key.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    keys = add_verb(verbs, "keys", "the workshop's keys", EXAMPLES)
    actions = keys.add_subparsers(required=True, dest="action", metavar="ACTION")
    init = add_verb(actions, "init", "make the keys in a new folder", EXAMPLES, _init)
    init.add_argument("folder", type=Path, metavar="DIR")
    add_secrets(init)
    _add_token(init)
    _add_life(init)
    line = add_verb(actions, "line", "add a product line with a key of its own", EXAMPLES, _line)
    line.add_argument("name", metavar="LINE", help="lower-case letters, digits and -")
    _add_token(line)
    add_release_options(line)
    text = "replace a key; the old one counts no longer"
    rotate = add_verb(actions, "rotate", text, EXAMPLES, _rotate)
    rotate.add_argument(
        "role", metavar="ROLE", help="root-1, root-2, root-3, targets, online, or a product line"
    )
    _add_token(rotate)
    add_release_options(rotate)


def add_keys_options(verb: argparse.ArgumentParser) -> None:
    """Add `--keys` and `--passphrase-file`."""
    verb.add_argument(
        "--keys", type=Path, default=Path("keys"), metavar="DIR", help="folder of keys (keys)"
    )
    add_secrets(verb)


def keyring(args: argparse.Namespace) -> Keyring:
    """The keys that the command line names; raises ConfigError."""
    return _keyring(args.keys, args)


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


def _keyring(folder: Path, args: argparse.Namespace) -> Keyring:
    from deploy.signing.keys import Keyring, first_line

    files = ((args.passphrase_file, "the pass phrase"), (args.pin_file, "the PIN"))
    passphrase, pin = (None if path is None else first_line(path, what) for path, what in files)
    tokens = _tokens(getattr(args, "pkcs11", None) or [])
    return Keyring(folder, passphrase, None if pin is None else pin.decode(), tokens)


def _tokens(given: list[str]) -> dict[str, TokenUri]:
    """Name of a key, or nothing for all others -> its token."""
    from deploy.signing.token import SCHEME, TokenUri

    pairs = (text.partition(f"={SCHEME}") for text in given)
    return {
        name if mark else "": TokenUri.parse(SCHEME + uri if mark else name)
        for name, mark, uri in pairs
    }


def add_secrets(verb: argparse.ArgumentParser) -> None:
    """Add `--passphrase-file` and `--pin-file`, which every use of a private key needs."""
    verb.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line encrypts the keys"
    )
    verb.add_argument(
        "--pin-file", type=Path, metavar="FILE", help="its first line opens the token"
    )


def _add_token(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--pkcs11",
        action="append",
        metavar="[NAME=]URI",
        help="make the key on this token (pkcs11:token=LABEL?module-path=FILE)",
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

    root = make_keys(_keyring(args.folder, args), _life(args))
    print(json.dumps({"root": str(root), "keys": str(args.folder)}) if args.json else root)
    print(
        f"give stations {root}; store the keys root-1, root-2 and root-3 apart and offline, "
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
    from deploy.signing.keys import line_key

    keys = keyring(args)
    for name in (args.role, line_key(args.role)):
        token = keys.token_of(name)
        if token is not None and not args.pkcs11:  # the new one lies where the old one does
            args.pkcs11 = [str(token)]
    repository = opened(args)
    repository.rotate(args.role)
    found = {"rotated": args.role, "releases": str(repository.folder)}
    text = f"{args.role}: new key in {args.keys}, named in the metadata of {repository.folder}"
    print(json.dumps(found) if args.json else text)
    return 0
