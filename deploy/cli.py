"""`lineside-deploy`: sign bundles, push them to stations, see what runs there, go back."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.errors import LinesideError, SignatureError

if TYPE_CHECKING:
    from deploy.station import Answer

EPILOG = """examples:
  lineside-deploy keys init keys
  lineside-deploy sign caps-1.0.0.bundle --keys keys
  lineside-deploy push caps-1.0.0.bundle --to station --trust keys/*.pub
  lineside-deploy push caps-1.1.0.bundle --to pi@line3:/var/lib/lineside
  lineside-deploy status pi@line3:/var/lib/lineside
  lineside-deploy rollback pi@line3:/var/lib/lineside caps

exit codes: 0 ok, 1 failed, 2 misuse, 4 station not reached
"""


def main(argv: list[str] | None = None) -> int:
    """Run one verb and give its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LinesideError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The parser with all verbs."""
    top = argparse.ArgumentParser(
        prog="lineside-deploy",
        description="Sign bundles and bring them to stations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"lineside-deploy {version('lineside')}"
    )
    verbs = top.add_subparsers(required=True, dest="verb")
    _register_keys(verbs)
    _register_sign(verbs)
    _register_push(verbs)
    _register_status(verbs)
    _register_rollback(verbs)
    return top


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name, help=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _register_keys(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    keys = _verb(verbs, "keys", "the signing key")
    actions = keys.add_subparsers(required=True, dest="action", metavar="ACTION")
    init = _verb(actions, "init", "make a pair of keys in a new folder")
    init.add_argument("folder", type=Path, metavar="DIR")
    init.set_defaults(run=_keys_init)


def _register_sign(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sign = _verb(verbs, "sign", "sign a bundle")
    sign.add_argument("bundle", type=Path, metavar="BUNDLE")
    sign.add_argument(
        "--keys", type=Path, default=Path("keys"), metavar="DIR", help="folder of keys (keys)"
    )
    sign.add_argument("--out", type=Path, metavar="FILE", help="in the place of signing in place")
    sign.set_defaults(run=_sign)


def _register_push(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    push = _verb(verbs, "push", "install a signed bundle on a station")
    push.add_argument("bundle", type=Path, metavar="BUNDLE")
    push.add_argument("--to", required=True, metavar="TARGET", help="DIR or user@host:DIR")
    push.add_argument(
        "--trust", type=Path, metavar="KEY.pub", help="make the station trust this public key"
    )
    push.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    _ssh_options(push)
    push.set_defaults(run=_push)


def _register_status(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = _verb(verbs, "status", "what a station has installed")
    status.add_argument("target", metavar="TARGET", help="DIR or user@host:DIR")
    status.add_argument("--json", action="store_true", help="one JSON document on stdout")
    _ssh_options(status)
    status.set_defaults(run=_status)


def _register_rollback(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    back = _verb(verbs, "rollback", "make a station's previous bundle current again")
    back.add_argument("target", metavar="TARGET", help="DIR or user@host:DIR")
    back.add_argument(
        "name", nargs="?", metavar="NAME", help="which bundle; may be left out where there is one"
    )
    _ssh_options(back)
    back.set_defaults(run=_rollback)


def _ssh_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--program",
        default="lineside-agent",
        metavar="COMMAND",
        help="the station's program, where it is not on its PATH (lineside-agent)",
    )
    verb.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")


def _keys_init(args: argparse.Namespace) -> int:
    from deploy.keys import PRIVATE, make_keys

    public = make_keys(args.folder)
    print(public)
    print(
        f"{args.folder / PRIVATE} signs: keep it here, and a copy in a safe place; "
        "give stations the .pub file",
        file=sys.stderr,
    )
    return 0


def _sign(args: argparse.Namespace) -> int:
    from deploy.keys import read_keys
    from deploy.sign import sign_bundle

    keys = read_keys(args.keys)
    title = sign_bundle(args.bundle, keys, args.out)
    print(f"{args.out or args.bundle}: {title} signed by {keys.key_id}")
    return 0


def _push(args: argparse.Namespace) -> int:
    from deploy import station
    from edge_agent.contracts.bundle import read_bundle

    target = station.parse_target(args.to, args.program, args.ssh_config)
    if read_bundle(args.bundle).signature is None:
        raise SignatureError(
            "not signed", where=str(args.bundle), cure="run `lineside-deploy sign` on it"
        )
    return _relay(station.install(target, args.bundle, args.trust, dry_run=args.dry_run))


def _status(args: argparse.Namespace) -> int:
    from deploy import station

    target = station.parse_target(args.target, args.program, args.ssh_config)
    return _relay(station.ask(target, "status", *(["--json"] if args.json else [])))


def _rollback(args: argparse.Namespace) -> int:
    from deploy import station

    target = station.parse_target(args.target, args.program, args.ssh_config)
    return _relay(station.ask(target, "rollback", *([args.name] if args.name else [])))


def _relay(answer: Answer) -> int:
    """Repeat what the station said, with its exit code."""
    print(answer.stdout, end="")
    print(answer.stderr, end="", file=sys.stderr)
    return answer.code
