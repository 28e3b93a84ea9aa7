"""`lineside-agent update`: a bundle goes through every state, and comes back by itself."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import up_to_a_day
from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.errors import BundleError

if TYPE_CHECKING:
    from edge_agent.update.bundle_update import Station
    from edge_agent.update.gate import Gate
    from edge_agent.update.journal import Journal

EXAMPLES = """examples:
  lineside-agent update start caps-1.2.0.bundle --root /var/lib/lineside --probation 60
  lineside-agent update start caps-1.2.0.bundle --root /var/lib/lineside --ask
  lineside-agent update start caps-1.2.0.bundle --root /var/lib/lineside --shadow --harmful 0.02
  lineside-agent update start caps --from https://releases.plant/ --root /var/lib/lineside
  lineside-agent update start caps --from /media/stick/releases --root /var/lib/lineside
  lineside-agent update status --root /var/lib/lineside --json
  lineside-agent update promote --root /var/lib/lineside
  lineside-agent update resume --root /var/lib/lineside
  lineside-agent update abort --root /var/lib/lineside --reason "wrong lot"
  lineside-agent update quarantine --root /var/lib/lineside
  lineside-agent update free 4fc000c7cd67 --root /var/lib/lineside

States: download, verify, stage, self_test, shadow, canary, switch, probation, commit, done; after
a failure roll_back and quarantine; refused is what the station does not take by what it trusts,
and may come again. Each is on disk before it is acted on: after a power cut, `resume` goes on.
`--probation S` watches the running station for S seconds after the switch, and the previous bundle
comes back where the new one is not taken up, or the station disarms.
"""
ASK_S = 1.0
"""Between two looks at a candidate that waits."""
ABORTED = "aborted by a person"


def register(verbs: Verbs) -> None:
    """Add the verb `update`."""
    update = verbs.add_parser(
        "update", help="bring a bundle onto this station step by step", epilog=EXAMPLES
    )
    actions = update.add_subparsers(dest="action", required=True, metavar="ACTION")
    start = _action(actions, "start", "begin an update, and go on as far as it goes", _start)
    start.add_argument("bundle", metavar="BUNDLE", help="a file; with --from, the bundle's name")
    start.add_argument(
        "--from",
        dest="source",
        metavar="DIR|URL",
        help="take the newest release of a folder of releases, of a stick or on a server",
    )
    start.add_argument("--ca", type=Path, metavar="FILE", help="who signs the server's certificate")
    start.add_argument(
        "--ask", action="store_true", help="wait for `update promote` before the switch"
    )
    start.add_argument(
        "--shadow",
        action="store_true",
        help="let the candidate judge beside the current bundle, and the gate decide",
    )
    _add_gate(start)
    start.add_argument(
        "--probation",
        type=up_to_a_day,
        default=0.0,
        metavar="S",
        help="watch the station for S seconds (0: no probation)",
    )
    _action(actions, "status", "how far it is, and why", _status)
    resume = _action(actions, "resume", "go on after a power cut or a failure", _resume)
    resume.add_argument(
        "--wait", type=up_to_a_day, default=0.0, metavar="S", help="ask the gate again for S s"
    )
    _action(actions, "promote", "let a waiting candidate pass, and go on", _promote)
    _register_ends(actions)


def _add_gate(start: argparse.ArgumentParser) -> None:
    for name, text in (
        ("tolerated", "share of items decided otherwise that is good still (0.002)"),
        ("harmful", "share that is harmful (0.01)"),
        ("error-rate", "of the gate's verdicts (0.05)"),
    ):
        start.add_argument(f"--{name}", type=float, metavar="SHARE", help=text)


def _register_ends(actions: Verbs) -> None:
    abort = _action(actions, "abort", "end the update; after the switch, go back", _abort)
    abort.add_argument("--reason", default=ABORTED, help="for the record")
    _action(actions, "quarantine", "which candidates were given up, when and why", _quarantine)
    free = _action(actions, "free", "let a candidate in quarantine be tried again", _free)
    free.add_argument("candidate", metavar="HASH", help="its first word in `quarantine`")


def _action(actions: Verbs, name: str, text: str, run: object) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument(
        "--root", type=Path, required=True, metavar="DIR", help="the station folder"
    )
    parser.add_argument(
        "--state-dir",
        "--state",
        dest="state",
        type=Path,
        metavar="DIR",
        help="the agent's state_dir (that of ROOT/station.toml)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=run)
    return parser


def _station(args: argparse.Namespace, source: Path | bytes | None = None) -> Station:
    from edge_agent.cli.slots import self_test
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.update.state_word import state_dir_of
    from edge_agent.update.watches import watched_station

    state = args.state or state_dir_of(args.root / "station.toml")
    return watched_station(args.root, self_test, SystemClock(), state, source)


def _start(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import candidate_of, opened

    source = _fetched(args) if args.source else Path(args.bundle)
    candidate = candidate_of(source).model_copy(
        update={
            "source": args.source or str(Path(args.bundle).resolve()),
            "by_person": args.ask,
            "probation_s": args.probation,
            "shadow": _gate(args) if args.shadow else None,
        }
    )
    with opened(_station(args, source)) as machine:
        machine.begin(candidate)
        return _print(machine.run(), args)


def _fetched(args: argparse.Namespace) -> bytes:
    """The newest release of a folder of releases."""
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.update.fetch import fetch_release, reader
    from edge_agent.update.signature import required
    from edge_agent.update.station_key import readable
    from edge_agent.update.trust_folder import read_trust_folder

    trust = args.root / "trust"
    trusted = required(read_trust_folder(trust), trust)
    return fetch_release(
        reader(args.source, args.ca),
        args.bundle,
        trusted,
        now_ns=SystemClock().utc_ns(),
        where=args.source,
        decrypt=partial(readable, args.root),
    )


def _gate(args: argparse.Namespace) -> Gate:
    from edge_agent.contracts.core.strict import validate
    from edge_agent.update.gate import Gate

    given = {key: getattr(args, key) for key in ("tolerated", "harmful", "error_rate")}
    found = {key: value for key, value in given.items() if value is not None}
    return validate(Gate, found, "the gate")


def _status(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import journal_of

    return _print(journal_of(args.root), args)


def _resume(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import opened

    station = _station(args)
    end_ns = station.clock.mono_ns() + max(0.0, args.wait) * 1e9
    while True:
        with opened(station) as machine:
            journal = machine.run()
        waits = journal is not None and journal.state in ("shadow", "canary") and not journal.begun
        if not waits or station.clock.mono_ns() >= end_ns:
            return _print(journal, args)
        station.clock.sleep_s(ASK_S)


def _promote(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import opened

    with opened(_station(args)) as machine:
        return _print(machine.promote(), args)


def _abort(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import journal_of, opened
    from edge_agent.update.state_table import ENDS

    before = journal_of(args.root)
    if before is not None and before.state == "done":
        raise BundleError(
            "the update is done: there is nothing to abort",
            where=f"{before.name} {before.version}",
            cure=f"to go back: lineside-agent slots rollback {before.name} --root {args.root}",
        )
    with opened(_station(args)) as machine:
        machine.abort(args.reason)
        journal = machine.run()
    _print(journal, args)
    return 0 if journal is None or journal.state in ENDS else 1


def _quarantine(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import quarantine_of
    from edge_agent.update.quarantine_text import shown

    print(shown(quarantine_of(args.root), as_json=args.json))
    return 0


def _free(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import opened
    from edge_agent.update.quarantine_text import freed_text

    with opened(_station(args)) as machine:
        freed = machine.free(args.candidate)
    print(freed_text(freed, args.candidate, as_json=args.json))
    return 0


def _print(journal: Journal | None, args: argparse.Namespace) -> int:
    if journal is None:
        raise BundleError(
            "no update was begun", where=str(args.root), cure="lineside-agent update start BUNDLE"
        )
    title = f"{journal.name} {journal.version}".strip()
    title = title or Path(journal.source).name or journal.candidate[:12]
    reason = f": {journal.reason}" if journal.reason else ""
    if journal.state == "shadow" and journal.shadow is not None:
        reason = f": at least {journal.shadow.items_without_fault()} items are compared"
    if journal.state == "canary" and not journal.begun:
        reason = ": waits for `lineside-agent update promote`"
    print(journal.model_dump_json() if args.json else f"{title}: {journal.state}{reason}")
    failed = journal.state in ("quarantine", "refused")
    return 1 if failed or (journal.begun and journal.reason) else 0
