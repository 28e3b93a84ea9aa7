"""`lineside-agent users`: who may do what on the station's page."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs

if TYPE_CHECKING:
    from edge_agent.web.users import UserFile

EXAMPLES = """examples:
  lineside-agent users add anna --role operator --config station.toml
  lineside-agent users add ben --role engineer --password-stdin < password.txt
  lineside-agent users list --json
  lineside-agent users remove anna

roles: viewer sees; operator also stops passing and reports missed defects; quality also labels;
engineer also sees the system and configures
"""
ROLES = ("viewer", "operator", "quality", "engineer")


def register(verbs: Verbs) -> None:
    """Add the verb `users`."""
    users = verbs.add_parser("users", help="people and roles of the page", epilog=EXAMPLES)
    actions = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = _action(actions, "add", "add a person, or give a new role and password")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=ROLES, required=True)
    add.add_argument("--password-stdin", action="store_true", help="first line of standard input")
    add.set_defaults(run=_add)
    remove = _action(actions, "remove", "remove a person, whose sessions end at once")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)
    listing = _action(actions, "list", "everybody and the role")
    listing.add_argument("--json", action="store_true", help="one JSON document on stdout")
    listing.set_defaults(run=_list)


def _action(actions: Verbs, name: str, text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument("--config", type=Path, default=Path("station.toml"), metavar="STATION.toml")
    return parser


def _file(args: argparse.Namespace) -> UserFile:
    from edge_agent.contracts.core.errors import DeviceError
    from edge_agent.contracts.core.extras import ARGON2, missing
    from edge_agent.station.config import read_config

    try:
        from edge_agent.web.users import UserFile
    except ImportError as error:
        raise missing(ARGON2, "users") from error
    path = read_config(args.config).web.users_file
    if path.is_dir():
        raise DeviceError("users_file is a folder", where=str(path), cure="name a file")
    return UserFile(path)


def _add(args: argparse.Namespace) -> int:
    from edge_agent.web.users import Role

    users = _file(args)
    is_new = users.add(args.name, Role(args.role), _password(from_stdin=args.password_stdin))
    print(f"{args.name} is {'a new' if is_new else 'now'} {args.role}", file=sys.stderr)
    return 0


def _remove(args: argparse.Namespace) -> int:
    _file(args).remove(args.name)
    print(f"{args.name} is removed", file=sys.stderr)
    return 0


def _list(args: argparse.Namespace) -> int:
    roles = {name: user.role.value for name, user in sorted(_file(args).users().items())}
    if args.json:
        print(json.dumps({"users": roles}))
    else:
        for name, role in roles.items():
            print(f"{role:9} {name}")
    return 0


def _password(*, from_stdin: bool) -> str:
    from edge_agent.contracts.core.errors import ConfigError

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("again: ") != password:
        raise ConfigError("the two passwords differ", cure="try again")
    return password
