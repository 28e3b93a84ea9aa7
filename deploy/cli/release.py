"""The verb `release`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cli.keys import add_release_options, opened
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.signing.repository import Repository

EXAMPLES = """examples:
  lineside-deploy release caps-1.0.0.bundle
  lineside-deploy release caps-1.0.0.bundle --line castings --keys keys --to /srv/releases
  lineside-deploy release --agent wheels-aarch64
  lineside-deploy release --withdraw main/caps-1.0.0.bundle
  lineside-deploy release --refresh
  lineside-deploy release caps-1.0.0.bundle --encrypt-for stations.toml

The folder of releases holds TUF metadata and files: copy it to any HTTPS server or a USB stick.
The bundle itself carries the metadata too. `--refresh` signs for another life time before what
was signed expires; stations go on running with what they have, but take nothing new.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    release = add_verb(verbs, "release", "sign bundles and publish them", EXAMPLES, _release)
    release.add_argument("bundles", type=Path, nargs="*", metavar="BUNDLE")
    release.add_argument("--line", default="main", help="the product line (main)")
    release.add_argument(
        "--agent", type=Path, metavar="DIR", help="publish the agent's wheels as one set"
    )
    release.add_argument("--withdraw", metavar="LINE/FILE", help="take a release back")
    release.add_argument(
        "--encrypt-for",
        type=Path,
        metavar="STATIONS.toml",
        help="let only the stations of this inventory read the bundles",
    )
    release.add_argument("--refresh", action="store_true", help="sign again what is released")
    add_release_options(release)


def _release(args: argparse.Namespace) -> int:
    asked = [bool(args.bundles), args.agent is not None, args.withdraw is not None, args.refresh]
    if sum(asked) != 1:
        raise ConfigError(
            "nothing to do" if not any(asked) else "these exclude each other",
            where="lineside-deploy release",
            cure="name bundles, or --agent, or --withdraw, or --refresh",
        )
    repository = opened(args)
    text = _done(args, repository)
    found = {"releases": str(repository.folder), "released": repository.released()}
    print(json.dumps(found) if args.json else text)
    return 0


def _done(args: argparse.Namespace, repository: Repository) -> str:
    """Do what is asked; what was done, in words."""
    if args.withdraw is not None:
        repository.withdraw(args.withdraw)
        return f"{args.withdraw}  withdrawn"
    if args.refresh:
        repository.refresh()
        return f"{repository.folder}: signed again"
    if args.agent is not None:
        from deploy.signing.wheel_release import release_agent

        paths = [release_agent(args.agent, repository)]
    else:
        from deploy.signing.release import release_bundles

        stations = _keys_of(args.encrypt_for) if args.encrypt_for else []
        paths = release_bundles(args.bundles, args.line, repository, stations)
    released = repository.released()
    return "\n".join(f"{path}  sha256 {released[path][:12]}" for path in paths)


def _keys_of(path: Path) -> list[bytes]:
    """The public key of every station of an inventory; raises ConfigError."""
    from deploy.rollout.inventory import read_inventory

    stations = read_inventory(path).station
    without = [row.name for row in stations if not row.key]
    if without:
        raise ConfigError(
            f"{len(without)} stations have no key, first {without[0]}",
            where=str(path),
            cure="add the line that `lineside-agent slots key` prints there",
        )
    return [bytes.fromhex(row.key) for row in stations]
