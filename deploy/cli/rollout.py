"""The verb `rollout`: a release onto many stations, group after group."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cli.collect import password_of
from deploy.cli.keys import add_keys_options, keyring
from edge_agent.contracts.core.argument_types import per_minute, up_to_a_day
from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    from deploy.rollout.inventory import Inventory
    from deploy.rollout.journal import Rollout
    from deploy.rollout.transport import Release, Transport

EXAMPLES = """examples:
  lineside-deploy rollout start caps-1.2.0.bundle --stations stations.toml
  lineside-deploy rollout start caps-1.2.0.bundle --groups 1,10,50,100% --max-failures 2% --ask
  lineside-deploy rollout status
  lineside-deploy rollout pause
  lineside-deploy rollout approve
  lineside-deploy rollout resume
  lineside-deploy rollout start caps-1.2.0.bundle --stations plant.toml --keys keys

`start` goes from group to group; with --ask it ends after each group, and `approve` begins the
next. When more than --max-failures of the stations begun so far have failed, every station that
has the release goes back, and no other is touched. `pause` and `stop` are obeyed between two
batches. A controller that died is started again with `resume`; stations update, watch and return
without it. A journal whose rollout has ended is set aside by the next `start`.
With a table [mqtt] in the inventory, stations that run `lineside-agent follow` get desired states
over that broker, signed by the key `online` of --keys, and fetch the release themselves.
"""
MOST_NAMED = 20
"""Stations that failed or are not back, in words."""
PROBATION_S = 60.0
"""As other updaters watch a station (docs/update-adapters.md)."""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "bring a release onto many stations, group after group"
    rollout = add_verb(verbs, "rollout", text, EXAMPLES)
    actions = rollout.add_subparsers(required=True, dest="action", metavar="ACTION")
    _add_start(actions)
    for name, text, run in (
        ("status", "how far it is", _status),
        ("resume", "go on after a pause, or a controller that died", _resume),
        ("approve", "let the next group begin, and go on", _approve),
        ("pause", "begin no other station", _pause),
        ("stop", "end here; stations keep what they have", _stop),
    ):
        verb = add_verb(actions, name, text, EXAMPLES, run)
        _common(verb)
        if run in (_resume, _approve):
            _over(verb)


def _add_start(actions: Verbs) -> None:
    start = add_verb(actions, "start", "begin a rollout", EXAMPLES, _start)
    start.add_argument("bundle", type=Path, metavar="BUNDLE")
    start.add_argument(
        "--groups",
        default="1,10,50,100%",
        metavar="TOTALS",
        help="stations after each group; those beyond the last stay out (%(default)s)",
    )
    start.add_argument(
        "--max-failures",
        default="2%",
        metavar="SHARE",
        help="of the stations begun; more, and all go back (%(default)s)",
    )
    start.add_argument(
        "--per-minute",
        type=per_minute,
        default=60.0,
        metavar="N",
        help="stations that begin in a minute (%(default)g)",
    )
    start.add_argument(
        "--probation",
        type=up_to_a_day,
        default=PROBATION_S,
        metavar="S",
        help="watch each station for S seconds after its switch (%(default)g); 0: do not watch",
    )
    start.add_argument(
        "--ask", action="store_true", help="after each group, wait for `approve` of the next"
    )
    _common(start)
    _over(start)


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--stations",
        type=Path,
        metavar="FILE",
        help="inventory (at the start stations.toml, afterwards that of the start)",
    )
    verb.add_argument(
        "--folder", type=Path, default=Path("rollout"), metavar="DIR", help="its journal (rollout)"
    )
    verb.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _over(verb: argparse.ArgumentParser) -> None:
    """Where the newest signature lies, and what a rollout over MQTT signs with."""
    add_keys_options(verb)
    verb.add_argument(
        "--releases",
        type=Path,
        metavar="DIR",
        help="the folder of releases, for the newest signature; with [mqtt] also the roots "
        "(releases, beside the folder of keys)",
    )


def _start(args: argparse.Namespace) -> int:
    from deploy.rollout.inventory import cut_groups, read_inventory, share
    from deploy.rollout.journal import Rollout, StationProgress, begin_rollout, refuse_at_work
    from edge_agent.contracts.core.files import sha256_hex

    refuse_at_work(args.folder)
    stations = args.stations or Path("stations.toml")
    inventory, release = read_inventory(stations), _release(args.bundle)
    _newest(args.bundle, _releases(args))  # what was withdrawn is refused before it begins
    names = inventory.in_order()
    groups = cut_groups(names, args.groups)
    chosen = [name for group in groups for name in group]
    rollout = Rollout(
        bundle=str(args.bundle.resolve()),
        bundle_sha256=sha256_hex(release.payload),
        inventory=str(stations.resolve()),
        title=f"{release.name} {release.version}",
        name=release.name,
        groups=groups,
        stations={name: StationProgress() for name in chosen},
        left_out=len(names) - len(chosen),
        max_failures=share(args.max_failures),
        per_minute=args.per_minute,
        probation_s=args.probation,
        ask=args.ask,
    )
    with _opened(_transport(args, inventory, release, rollout)) as transport:
        begin_rollout(args.folder, rollout)
        return _run(args, transport)


def _status(args: argparse.Namespace) -> int:
    from deploy.rollout.journal import read_rollout

    return _print(read_rollout(args.folder), args)


def _resume(args: argparse.Namespace) -> int:
    from deploy.rollout.journal import read_rollout

    return _go_on(args, read_rollout(args.folder))


def _go_on(args: argparse.Namespace, rollout: Rollout) -> int:
    from deploy.rollout.inventory import read_inventory
    from deploy.rollout.journal import read_wish, write_rollout, write_wish
    from edge_agent.contracts.core.files import sha256_hex

    release = _release(Path(rollout.bundle))
    if sha256_hex(release.payload) != rollout.bundle_sha256:
        raise ConfigError(
            "is not the file that this rollout began with",
            where=rollout.bundle,
            cure="put the first one back, or begin another rollout",
        )
    path = args.stations or Path(rollout.inventory)
    inventory = read_inventory(path)
    inventory.refuse_without(rollout.stations, path)
    with _opened(_transport(args, inventory, release, rollout)) as transport:
        if read_wish(args.folder) != "stop":  # of a controller that ended before it obeyed
            write_wish(args.folder, None)
        write_rollout(args.folder, rollout)
        return _run(args, transport)


def _approve(args: argparse.Namespace) -> int:
    from deploy.rollout.journal import read_rollout

    rollout = read_rollout(args.folder)
    return _go_on(args, rollout.model_copy(update={"approved": rollout.group}))


def _pause(args: argparse.Namespace) -> int:
    from deploy.rollout.journal import read_rollout, write_wish

    rollout = read_rollout(args.folder)
    write_wish(args.folder, "pause")
    return _print(rollout, args)


def _stop(args: argparse.Namespace) -> int:
    from deploy.rollout.journal import read_rollout, write_rollout, write_wish

    rollout = read_rollout(args.folder)
    write_wish(args.folder, "stop")
    if rollout.phase in ("paused", "asking"):  # no controller is at work that could obey
        rollout = rollout.model_copy(update={"phase": "stopped", "reason": "stop"})
        write_rollout(args.folder, rollout)
    return _print(rollout, args)


def _release(path: Path) -> Release:
    from deploy.rollout.transport import Release
    from edge_agent.contracts.core.errors import SignatureError
    from edge_agent.contracts.core.files import sha256_hex
    from edge_agent.contracts.model.bundle import archive_of, read_bundle

    bundle = read_bundle(path)
    if bundle.signature is None:
        raise SignatureError(
            "not signed", where=str(path), cure="run `lineside-deploy release` on it"
        )
    digest = sha256_hex(bundle.manifest_bytes)
    return Release(path.name, archive_of(bundle), bundle.manifest, digest)


def _run(args: argparse.Namespace, transport: Transport) -> int:
    from deploy.rollout.controller import Controller
    from edge_agent.contracts.core.clock import SystemClock

    return _print(Controller(args.folder, transport, SystemClock()).run(), args)


@contextmanager
def _opened(transport: Transport) -> Iterator[Transport]:
    """Nothing is written before the way to the stations is open."""
    transport.open()
    try:
        yield transport
    finally:
        transport.close()


def _transport(
    args: argparse.Namespace, inventory: Inventory, release: Release, rollout: Rollout
) -> Transport:
    """The way that the inventory says; the other one's libraries are not loaded."""
    releases, broker = _releases(args), inventory.mqtt
    if broker is None:
        from deploy.rollout.transports.ssh import SshTransport

        newest = partial(_newest, Path(rollout.bundle), releases)
        return SshTransport(inventory, release, rollout.probation_s, newest)
    from deploy.rollout.transports.mqtt import MqttTransport
    from deploy.signing.desired import DesiredSigner
    from edge_agent.contracts.core.clock import SystemClock

    signer = DesiredSigner(keyring(args), releases)
    target = broker.target(password_of(broker.password_file))
    return MqttTransport(
        target,
        release,
        signer,
        SystemClock(),
        probation_s=rollout.probation_s,
        report_keys=inventory.report_keys(),
    )


def _releases(args: argparse.Namespace) -> Path:
    from deploy.signing.release import releases_folder

    return releases_folder(args.releases, args.keys.resolve().parent / "releases")


def _newest(path: Path, releases: Path) -> bytes:
    """The bundle file as a push would send it now; raises SignatureError for a withdrawn one."""
    from deploy.signing.release import with_newest_signature
    from edge_agent.contracts.model.bundle import read_bundle

    return with_newest_signature(read_bundle(path), releases)


def _print(rollout: Rollout, args: argparse.Namespace) -> int:
    if args.json:
        print(rollout.model_dump_json())
    else:
        counts = Counter(row.progress for row in rollout.stations.values())
        parts = ", ".join(f"{count} {progress}" for progress, count in sorted(counts.items()))
        reason = f": {rollout.reason}" if rollout.reason else ""
        group = f"group {rollout.group + 1} of {len(rollout.groups)}"
        print(f"{rollout.title}: {rollout.phase}{reason}\n{group}; {parts}")
        left = rollout.left()
        more = [f"... and {len(left) - MOST_NAMED} more: --json"] if len(left) > MOST_NAMED else []
        print("".join(f"{line}\n" for line in [*left[:MOST_NAMED], *more]), end="")
    if rollout.left_out:
        print(
            f"{rollout.left_out} more stations of the inventory are in no group and keep what they "
            "have: a rollout with --groups that end with 100% reaches them",
            file=sys.stderr,
        )
    return 1 if rollout.phase in ("failed", "returning") else 0
