"""`lineside-agent slots`: what bundles this station holds; `lineside-deploy` calls it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.own_version import own_version

if TYPE_CHECKING:
    from edge_agent.contracts.model.bundle import Bundle
    from edge_agent.update.slots import SlotStatus, Switched

LAST_PCR = 23

EXAMPLES = """examples:
  lineside-agent slots install caps-1.2.0.bundle --root /var/lib/lineside
  lineside-agent slots install caps-1.0.0.bundle --root station --trust root.json
  lineside-agent slots status --root station --json
  lineside-agent slots status --root station --json --station
  lineside-agent slots rollback caps --root station
  lineside-agent slots key --root /var/lib/lineside
  lineside-agent slots key --root /var/lib/lineside --tpm

`key` prints two lines for stations.toml: releases can be encrypted for `key`, and by `report_key` a
rollout over MQTT knows the station's own reports. With --tpm the board's TPM 2.0 seals the first
one, by the programs of tpm2-tools: a new one, or the one that was in a file, which is removed.
"""


def register(verbs: Verbs) -> None:
    """Add the verb `slots`."""
    slots = _verb(verbs, "slots", "install bundles on this station, show them, go back")
    actions = slots.add_subparsers(dest="action", required=True, metavar="ACTION")
    _register_install(actions)
    status = _verb(actions, "status", "what is installed")
    _common(status)
    status.add_argument(
        "--station",
        action="store_true",
        help="with --json: one object of the station: its agent, what it reads, its slots",
    )
    status.set_defaults(run=_status)
    key = _verb(actions, "key", "this station's public keys; made where there are none")
    _common(key)
    key.add_argument(
        "--tpm", action="store_true", help="the board's TPM 2.0 seals the key that decrypts"
    )
    key.add_argument(
        "--pcrs",
        type=pcr_list,
        metavar="N,N",
        help="the TPM gives it only while these PCRs (sha256) are as now; `none`: always",
    )
    key.set_defaults(run=_key)
    back = _verb(actions, "rollback", "make the previous bundle current again")
    back.add_argument(
        "name", nargs="?", metavar="NAME", help="which bundle; may be left out where there is one"
    )
    _common(back)
    back.set_defaults(run=_rollback)


def self_test(bundle: Bundle) -> None:
    """Load the model and run its parity vectors on this machine."""
    from edge_agent.infer.bundle_inspector import load_inspector
    from edge_agent.infer.trial import Trials

    load_inspector(bundle, trials=Trials()).close()


def pcr_list(text: str) -> tuple[int, ...]:
    """PCRs of a TPM, as in `0,7`; `none` is none of them."""
    if text == "none":
        return ()
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) <= LAST_PCR for word in words):
        raise argparse.ArgumentTypeError(f"{text!r}: numbers from 0 to {LAST_PCR}, as in 0,7")
    return tuple(sorted({int(word) for word in words}))


def _register_install(actions: Verbs) -> None:
    install = _verb(actions, "install", "check a bundle, test it on this machine, make it current")
    install.add_argument("bundle", type=Path, metavar="BUNDLE")
    _common(install)
    install.add_argument(
        "--trust",
        type=Path,
        metavar="ROOT.json",
        help="the root that a station without one trusts from now on",
    )
    install.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    install.set_defaults(run=_install)


def _verb(verbs: Verbs, name: str, text: str) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=text, epilog=EXAMPLES)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", type=Path, required=True, metavar="DIR", help="the station folder"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _install(args: argparse.Namespace) -> int:
    from edge_agent.update import slots

    done = slots.install(args.bundle, args.root, self_test, trust=args.trust, dry_run=args.dry_run)
    words = "can be installed" if args.dry_run else "is current"
    _print_switched(done, args, words)
    return 0


def _rollback(args: argparse.Namespace) -> int:
    from edge_agent.update import slots

    name = args.name or _only_name(args.root)
    _print_switched(slots.rollback(name, args.root, self_test), args, "is current again")
    return 0


def _status(args: argparse.Namespace) -> int:
    from edge_agent.contracts.model.manifest import FORMATS_READ
    from edge_agent.update import slots
    from edge_agent.update.agent_slots import agent_version

    # A folder that no bundle was pushed to yet is no fault of who asks what the station reads.
    found = slots.status(args.root) if args.root.exists() or not args.station else []
    agent = agent_version(args.root, own_version())
    rows = [dataclasses.asdict(slot) for slot in found]
    if args.json and args.station:
        own = {"agent": agent, "program": own_version(), "formats": list(FORMATS_READ)}
        print(json.dumps({**own, "slots": rows}))
    elif args.json:
        # A list, each row with the agent: what workshops of before read.
        print(json.dumps([{**row, "agent": agent} for row in rows]))
    else:
        lines = [_line(slot) for slot in found] or [f"{args.root}: no bundles"]
        print("\n".join([*lines, f"agent {agent}"]))
    return 1 if any(slot.fault for slot in found) else 0


def _key(args: argparse.Namespace) -> int:
    from edge_agent.update.station_key import move_to_tpm, public_keys
    from edge_agent.update.tpm import Tpm

    if args.pcrs is not None and not args.tpm:
        raise ConfigError("belongs to --tpm", where="--pcrs", cure="add --tpm")
    if args.tpm:
        move_to_tpm(args.root, args.pcrs, Tpm())
    found = public_keys(args.root)
    lines = (f'{name} = "{key}"' for name, key in found.items())
    print(json.dumps(found) if args.json else "\n".join(lines))
    return 0


def _only_name(root: Path) -> str:
    from edge_agent.update import slots

    names = slots.installed_names(root)
    if len(names) != 1:
        raise ConfigError(
            f"{len(names)} bundles are installed",
            where=str(root),
            cure=f"name one of {', '.join(names)}" if names else "push one first",
        )
    return names[0]


def _print_switched(done: Switched, args: argparse.Namespace, words: str) -> None:
    if args.json:
        print(json.dumps(dataclasses.asdict(done)))
        return
    before = f", {done.replaced} before" if done.replaced and done.changed else ""
    print(f"{done.name} {done.version} {words} in {args.root}{before} (sha256 {done.sha256[:12]})")


def _line(slot: SlotStatus) -> str:
    parts = [f"{slot.name} {slot.version or '-'}"]
    parts += [f"sha256 {slot.sha256[:12]}"] if slot.sha256 else []
    parts += [f"previous {slot.previous or '-'}", f"minimum {slot.min_version or '-'}"]
    return "  ".join(parts) + (f"\n  FAULT {slot.fault}" if slot.fault else "")
