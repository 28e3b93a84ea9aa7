"""`lineside-agent self-update`: a new agent goes through every state, and comes back by itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.errors import BundleError

if TYPE_CHECKING:
    from edge_agent.update.agent_update import AgentStation
    from edge_agent.update.journal import Journal
    from edge_agent.update.machine import UpdateMachine

EXAMPLES = """examples:
  lineside-agent self-update start --from https://releases.plant/ --root /var/lib/lineside
  lineside-agent self-update start --from /media/stick/releases --root /var/lib/lineside --ask
  lineside-agent self-update status --root /var/lib/lineside --json
  lineside-agent self-update resume --root /var/lib/lineside
  lineside-agent self-update rollback --root /var/lib/lineside
  lineside-agent self-update abort --root /var/lib/lineside --reason "not this week"

Takes the newest wheel set of a folder of releases, builds an environment of its own from it, lets
the launcher try it, and keeps it once it is armed. The states are those of `update`; each is on
disk before it is acted on, and `resume`, or another `start`, goes on after a power cut. The
candidate waits until the station is armed; with --ask, until `self-update promote`.
"""

RESTART = "systemctl restart --no-block lineside-agent"
"""A service that is not armed yet counts as starting: that is for the launcher to judge."""


def register(verbs: Verbs) -> None:
    """Add the verb `self-update`."""
    update = verbs.add_parser(
        "self-update", help="bring a new agent onto this station", epilog=EXAMPLES
    )
    actions = update.add_subparsers(dest="action", required=True, metavar="ACTION")
    start = _action(actions, "start", "begin an update, and go on as far as it goes", _start)
    start.add_argument(
        "--from", dest="source", required=True, metavar="DIR|URL", help="the folder of releases"
    )
    start.add_argument("--ca", default="", metavar="FILE", help="who signs its certificate")
    start.add_argument(
        "--name", default="", help="of the wheel set (that of this machine, else agent-any)"
    )
    start.add_argument(
        "--ask", action="store_true", help="wait for `self-update promote` before the switch"
    )
    _action(actions, "status", "how far it is, and why", _status)
    _action(actions, "resume", "go on after a power cut or a failure", _machine("run"))
    _action(actions, "promote", "let a waiting candidate pass, and go on", _machine("promote"))
    _action(actions, "rollback", "let the previous agent run again", _rollback)
    abort = _action(actions, "abort", "end the update; after the switch, go back", _abort)
    abort.add_argument("--reason", default="aborted by a person", help="for the record")
    _action(actions, "quarantine", "which agents were given up, when and why", _quarantine)
    free = _action(actions, "free", "let an agent in quarantine be tried again", _free)
    free.add_argument("candidate", metavar="HASH", help="its first word in `quarantine`")


def _action(
    actions: Verbs, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
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
        help="the agent's state_dir (that of station.toml)",
    )
    parser.add_argument("--station", type=Path, metavar="FILE", help="(ROOT/station.toml)")
    parser.add_argument(
        "--restart", default=RESTART, metavar="COMMAND", help=f"restarts the agent ({RESTART})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.set_defaults(run=run, given="")
    return parser


def _station(args: argparse.Namespace) -> AgentStation:
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.update.agent_environment import build_environment, try_environment
    from edge_agent.update.agent_update import AgentStation
    from edge_agent.update.agent_watches import Armed, LauncherWord, restart_by
    from edge_agent.update.fetch import reader
    from edge_agent.update.state_word import state_dir_of

    root = args.root.resolve()
    clock, restart = SystemClock(), restart_by(args.restart)
    config = args.station or root / "station.toml"
    state = args.state or state_dir_of(config)
    return AgentStation(
        root,
        state,
        clock,
        source=lambda source, ca: reader(args.given or source, Path(ca) if ca else None),
        build=build_environment,
        try_it=partial(try_environment, config=config, owner=state),
        armed=Armed(state),
        proven=LauncherWord(root, state, restart, clock),
        restart=restart,
    )


def _start(args: argparse.Namespace) -> int:
    from edge_agent.update.agent_slots import AgentSlots
    from edge_agent.update.agent_update import agent_journal, newest_agent, opened_agent
    from edge_agent.update.agent_watches import refuse_other_agent
    from edge_agent.update.folder import Folder
    from edge_agent.update.state_table import ENDS

    args.given = _absolute(args.source)  # also for an update that began with another folder
    station = _station(args)
    begun = agent_journal(station.root)
    if begun is not None and begun.state not in ENDS:
        with opened_agent(station) as machine:
            return _print(machine.run(), args, machine.failure)
    candidate = _newest(args, partial(newest_agent, station))
    candidate = candidate.model_copy(update={"by_person": args.ask})
    with opened_agent(station) as machine:
        with Folder.open(station.root / "agent") as folder:
            is_current = AgentSlots(folder).linked() == candidate.candidate
        if is_current:
            refuse_other_agent(station.state_dir, candidate)
            return _print(candidate.model_copy(update={"state": "done"}), args)
        machine.begin(candidate)
        return _print(machine.run(), args, machine.failure)


def _newest(args: argparse.Namespace, find: Callable[[str, str, str], Journal]) -> Journal:
    """The newest set of this kind of machine, else of any; raises what fetching raises."""
    import os
    import sys

    from edge_agent.contracts.core.errors import StorageError
    from edge_agent.contracts.model.wheel_set import ANY_MACHINE, machine_name

    interpreter = "cp{}{}".format(*sys.version_info)
    own = args.name or machine_name(os.uname().machine, interpreter)
    try:
        return find(own, args.given, args.ca)
    except StorageError as error:
        if args.name or not error.what.startswith("no release"):
            raise
    return find(ANY_MACHINE, args.given, args.ca)


def _absolute(source: str) -> str:
    """An address as it is; a folder so that it is found from everywhere."""
    return source if "://" in source else str(Path(source).resolve())


def _status(args: argparse.Namespace) -> int:
    from edge_agent.update.agent_update import agent_journal

    return _print(agent_journal(args.root), args)


def _machine(method: str) -> Callable[[argparse.Namespace], int]:
    """The action that lets the machine go on by one of its methods."""

    def run(args: argparse.Namespace) -> int:
        from edge_agent.update.agent_update import opened_agent

        with opened_agent(_station(args)) as machine:
            go_on: Callable[[], Journal | None] = getattr(machine, method)
            return _print(go_on(), args, machine.failure)

    return run


def _rollback(args: argparse.Namespace) -> int:
    from edge_agent.update.agent_update import return_to_previous

    version = return_to_previous(_station(args))
    print(json.dumps({"version": version}) if args.json else f"agent {version} runs again")
    return 0


def _abort(args: argparse.Namespace) -> int:
    from edge_agent.update.agent_update import agent_journal, opened_agent
    from edge_agent.update.state_table import ENDS

    before = agent_journal(args.root)
    if before is not None and before.state == "done":
        raise BundleError(
            "the update is done: there is nothing to abort",
            where=f"{before.name} {before.version}",
            cure=f"to go back: lineside-agent self-update rollback --root {args.root}",
        )
    with opened_agent(_station(args)) as machine:
        journal = _aborted(machine, args.reason)
    _print(journal, args)
    return 0 if journal is None or journal.state in ENDS else 1


def _aborted(machine: UpdateMachine, reason: str) -> Journal | None:
    machine.abort(reason)
    return machine.run()


def _quarantine(args: argparse.Namespace) -> int:
    from edge_agent.update.bundle_update import quarantine_of
    from edge_agent.update.quarantine_text import shown
    from edge_agent.update.trial import AGENT

    print(shown(quarantine_of(args.root, AGENT), as_json=args.json))
    return 0


def _free(args: argparse.Namespace) -> int:
    from edge_agent.update.agent_update import opened_agent
    from edge_agent.update.quarantine_text import freed_text

    with opened_agent(_station(args)) as machine:
        freed = machine.free(args.candidate)
    print(freed_text(freed, args.candidate, as_json=args.json))
    return 0


def _print(
    journal: Journal | None, args: argparse.Namespace, failure: Exception | None = None
) -> int:
    """failure: what the machine stopped at, whose exit code is ours."""
    from edge_agent.contracts.core.errors import LinesideError

    if journal is None:
        raise BundleError(
            "no update of the agent was begun",
            where=str(args.root),
            cure="lineside-agent self-update start --from DIR",
        )
    title = f"{journal.name} {journal.version}".strip()
    reason = f": {journal.reason}" if journal.reason else ""
    print(journal.model_dump_json() if args.json else f"{title}: {journal.state}{reason}")
    if journal.begun and journal.reason:
        return failure.exit_code if isinstance(failure, LinesideError) else 1
    return 1 if journal.state in ("quarantine", "refused") else 0
