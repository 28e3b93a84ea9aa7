"""The verb `push`; and what the verbs that speak to a host have in common."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError, SignatureError

if TYPE_CHECKING:
    from deploy.push.host import Answer, Host
    from edge_agent.contracts.model.manifest import Manifest

EXAMPLES = """examples:
  lineside-deploy push caps-1.0.0.bundle --to station --trust keys/root.json
  lineside-deploy push caps-1.1.0.bundle --to pi@line3:/var/lib/lineside
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    push = add_verb(verbs, "push", "install a signed bundle on a host", EXAMPLES, _push)
    push.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE")
    push.add_argument("--to", required=True, metavar="HOST", help="DIR or user@host:DIR")
    push.add_argument(
        "--trust",
        type=Path,
        nargs="+",
        default=[],
        metavar="ROOT.json",
        help="the root that a station without one shall trust; of several, the bundle's own",
    )
    push.add_argument(
        "--releases",
        type=Path,
        metavar="DIR",
        help="take the newest signature from this folder of releases (releases, if it is there)",
    )
    push.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    add_host_options(push)


def add_host_options(verb: argparse.ArgumentParser) -> None:
    """Add `--program`, `--ssh-config` and `--json`."""
    verb.add_argument(
        "--program",
        default="lineside-agent",
        metavar="COMMAND",
        help="the host's program, where it is not on its PATH (lineside-agent)",
    )
    verb.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")
    verb.add_argument("--json", action="store_true", help="one JSON document on stdout")


def named_host(text: str, arguments: argparse.Namespace) -> Host:
    """The host `text` with the options that the command line gave; raises ConfigError."""
    from deploy.push.host import parse_host

    return parse_host(text, arguments.program, arguments.ssh_config)


def relay(answer: Answer) -> int:
    """Print what the host answered and return its exit code.

    The greeting goes to stderr, so that `--json` leaves one document on stdout.
    """
    print(answer.greeting + answer.stderr, end="", file=sys.stderr)
    print(answer.stdout, end="")
    return answer.code


def _push(args: argparse.Namespace) -> int:
    from deploy.push.host import install
    from deploy.push.trust import releasing_root, root_text

    host = named_host(args.to, args)
    path = _bundle(args.bundle, args.trust)
    manifest, payload = _newest(path, args.releases)
    root = releasing_root(args.trust, payload, str(path))
    if root is not None:
        root_text(root)  # what is wrong here is said before a host is called
    _refuse_too_old(host, manifest)
    words = [*(["--dry-run"] if args.dry_run else []), *(["--json"] if args.json else [])]
    return relay(install(host, path.name, payload, root, *words))


def _refuse_too_old(host: Host, manifest: Manifest) -> None:
    """Raises BundleError for a host that cannot read its bundle, before it is sent."""
    from deploy.push.station import UPDATE_FIRST, station_word
    from edge_agent.contracts.core.errors import BundleError, StorageError

    if not host.address:  # this version of Lineside is its program
        return
    with contextlib.suppress(StorageError):  # a host that says nothing of itself judges by itself
        if why := station_word(host).cannot_read(manifest):
            raise BundleError(why, where=str(host), cure=UPDATE_FIRST)


def _bundle(named: Path | None, roots: list[Path]) -> Path:
    """The bundle; `--trust ROOT.json BUNDLE` takes it for one more root, from which it is removed.

    Raises ConfigError where none is named.
    """
    if named is None and len(roots) > 1:
        return roots.pop()
    if named is None:
        raise ConfigError(
            "no bundle is named", where="push", cure="lineside-deploy push BUNDLE --to HOST"
        )
    return named


def _newest(path: Path, releases: Path | None) -> tuple[Manifest, bytes]:
    """The bundle with the newest signature at hand: metadata may have been refreshed since."""
    from edge_agent.contracts.model.bundle import read_bundle

    bundle = read_bundle(path)
    if bundle.signature is None:
        raise SignatureError(
            "not signed", where=str(path), cure="run `lineside-deploy release` on it"
        )
    from deploy.signing.release import releases_folder, with_newest_signature

    folder = releases_folder(releases, Path("releases"))
    return bundle.manifest, with_newest_signature(bundle, folder)
