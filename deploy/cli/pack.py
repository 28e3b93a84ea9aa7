"""The verb `pack`: a release as one file, and inside the artifact of another updater."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_agent.contracts.core.argument_types import up_to_a_day
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import refuse_open

EXAMPLES = """examples:
  lineside-deploy pack caps-1.2.0.bundle
  lineside-deploy pack caps-1.2.0.bundle --mender raspberrypi4
  lineside-deploy pack caps-1.2.0.bundle --rauc press --cert cert.pem --key key.pem

Writes caps-1.2.0.release, which hawkBit carries as it is; --mender and --rauc wrap it for these.
A station checks the release by the root that it trusts, whatever it came in.
"""
PROGRAM, ROOT, PROBATION_S = "/opt/lineside/bin/lineside-agent", "/var/lib/lineside", 60.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    pack = add_verb(verbs, "pack", "write a release for another updater", EXAMPLES, _pack)
    pack.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle that is released")
    pack.add_argument(
        "--releases", type=Path, default=Path("releases"), metavar="DIR", help="(releases)"
    )
    pack.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to (here)")
    pack.add_argument("--mender", metavar="DEVICE_TYPE", help="Mender's artifact, too")
    pack.add_argument("--rauc", metavar="COMPATIBLE", help="RAUC's bundle, too")
    pack.add_argument("--cert", type=Path, metavar="FILE", help="of RAUC's signature")
    pack.add_argument("--key", type=Path, metavar="FILE", help="of RAUC's or Mender's signature")
    pack.add_argument(
        "--format", choices=["plain", "verity"], default="plain", help="of RAUC (plain)"
    )
    pack.add_argument("--program", default=PROGRAM, metavar="PATH", help=f"there ({PROGRAM})")
    pack.add_argument("--root", default=ROOT, metavar="DIR", help=f"the station there ({ROOT})")
    pack.add_argument(
        "--probation", type=up_to_a_day, default=PROBATION_S, metavar="S", help=f"({PROBATION_S:g})"
    )
    pack.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _pack(args: argparse.Namespace) -> int:
    from deploy.carriers.mender import write_artifact
    from deploy.carriers.release_archive import release_archive
    from edge_agent.contracts.core.files import write_atomic

    if args.rauc and not (args.cert and args.key):
        raise ConfigError(
            "RAUC's bundles are signed", where="--rauc", cure="name --cert and --key, too"
        )
    if args.key is not None:
        refuse_open(args.key, "the private key")
    name, payload = release_archive(args.bundle, args.releases)
    release = args.out / name
    write_atomic(release, payload)
    paths = [release]
    if args.mender:
        paths.append(write_artifact(release, args.out, args.mender, args.key))
    if args.rauc:
        paths.append(_rauc(args, release))
    print(json.dumps([str(path) for path in paths]) if args.json else "\n".join(map(str, paths)))
    return 0


def _rauc(args: argparse.Namespace, release: Path) -> Path:
    from deploy.carriers.rauc import write_rauc_bundle

    return write_rauc_bundle(
        release,
        args.out,
        args.rauc,
        args.cert,
        args.key,
        program=args.program,
        root=args.root,
        probation_s=args.probation,
        form=args.format,
    )
