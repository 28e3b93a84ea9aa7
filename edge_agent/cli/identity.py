"""`lineside-agent identity`: the station's private key, and its certificate."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge_agent.contracts.core.command import Verbs

EXAMPLES = """examples:
  lineside-agent identity request /var/lib/lineside/station.toml > press3.csr
  lineside-agent identity install /var/lib/lineside/station.toml < press3.pem

`request` makes the key of mqtt.tls.key_file where there is none and prints a certificate request
(PKCS #10); `install` stores the certificate that an authority made of it in mqtt.tls.cert_file.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `identity`."""
    identity = verbs.add_parser("identity", help="this station's key and certificate")
    identity.epilog = EXAMPLES
    actions = identity.add_subparsers(dest="action", required=True, metavar="ACTION")
    _action(actions, "request", "print a certificate request", _request)
    _action(actions, "install", "store the certificate that stdin gives", _install)


def _action(actions: Verbs, name: str, text: str, run: Any) -> None:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument("config", type=Path, metavar="STATION.toml")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=run)


def _files(args: argparse.Namespace) -> tuple[str, Path, Path]:
    """The station's id, and where key and certificate lie."""
    from edge_agent.broker.identity import key_files
    from edge_agent.station.config import read_config

    config = read_config(args.config)
    tls = None if config.mqtt is None else config.mqtt.tls
    return config.station.id, *key_files(tls, args.config)


def _request(args: argparse.Namespace) -> int:
    from edge_agent.broker.identity import certificate_request

    name, key, _ = _files(args)
    text = certificate_request(key, name, args.config.stat().st_gid).decode()
    print(json.dumps({"request": text}) if args.json else text, end="")
    return 0


def _install(args: argparse.Namespace) -> int:
    from edge_agent.broker.identity import install_certificate

    _, key, certificate = _files(args)
    pem = sys.stdin.buffer.read(1 << 16)
    subject = install_certificate(key, certificate, pem, args.config.stat().st_gid)
    shown = {"certificate": str(certificate), "subject": subject}
    print(json.dumps(shown) if args.json else f"{certificate}: {subject}")
    return 0
