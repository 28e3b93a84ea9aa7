"""`lineside-agent setup`: commission a station by its page, from an empty folder to a line."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.own_version import own_version

if TYPE_CHECKING:
    from edge_agent.web.config import WebTable
    from edge_agent.web.users import UserFile

EXAMPLES = """examples:
  lineside-agent setup station.toml
  lineside-agent setup /var/lib/lineside/station.toml --host 0.0.0.0 --plain-http

Push a bundle first (`lineside-deploy push`). Where nobody can log in yet, an engineer with a
password of this run is made and printed. The page writes station.toml only after it has shown what
would change; "Start the line" ends commissioning and goes on as `lineside-agent run`.
"""
LOOK_S = 0.2
ENGINEER = "engineer"


def register(verbs: Verbs) -> None:
    """Add the verb `setup`."""
    about = "commission a station by its page: camera, trigger, output, good parts, station.toml"
    verb = add_verb(verbs, "setup", about, EXAMPLES, _run)
    verb.add_argument("config", type=Path, metavar="STATION.toml", help="it may not exist yet")
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    verb.add_argument("--port", type=int, default=8080, help="TCP port (8080)")
    verb.add_argument("--plain-http", action="store_true", help="another host without TLS")
    verb.add_argument("--no-start", action="store_true", help="end instead of starting the line")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.cli.run import stop_on_signals
    from edge_agent.station.log import flush_log, start_log

    start_log(logging.INFO)
    stop, started = stop_on_signals(), threading.Event()
    path = args.config.absolute()
    with ExitStack() as ending:
        ending.callback(flush_log)
        _serve(args, path, started, ending)
        while not (stop.is_set() or started.is_set()):
            stop.wait(LOOK_S)
    if started.is_set() and not args.no_start:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", "edge_agent", "run", str(path)])
    return 0


def _serve(
    args: argparse.Namespace, path: Path, started: threading.Event, ending: ExitStack
) -> None:
    """Open the page; what it holds is closed at the end."""
    from edge_agent.audit.config import AuditTable
    from edge_agent.audit.recorder import AuditRecorder
    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.station.setup_page import SetupPage

    folder, clock = path.parent, SystemClock()
    table = _table(args, folder)
    folder.mkdir(parents=True, exist_ok=True)
    audit = AuditRecorder(folder / "state" / "audit", AuditTable(), clock=clock)
    ending.callback(audit.close)
    audit.start({"version": own_version(), "commissioning": str(path)})
    page = SetupPage(path, table, clock=clock, record=audit.change, started=started)
    ending.callback(page.close)
    _someone_can_log_in(page.users)
    page.open()
    print(f"commission the station at {page.address}commission", file=sys.stderr, flush=True)


def _table(args: argparse.Namespace, folder: Path) -> WebTable:
    """The page's table; raises ConfigError for a host that needs a word more."""
    from pydantic import ValidationError

    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.web.config import WebTable

    try:
        return WebTable(
            enabled=True,
            host=args.host,
            port=args.port,
            plain_http=args.plain_http,
            users_file=folder / "users.json",
        )
    except ValidationError as error:
        cure = "give a port of 1 to 65535, and --plain-http with another host than this one"
        raise ConfigError(error.errors()[0]["msg"], where="--host, --port", cure=cure) from error


def _someone_can_log_in(users: UserFile) -> None:
    from edge_agent.web.users import Role

    if users.users():
        return
    password = secrets.token_urlsafe(9)
    users.add(ENGINEER, Role.ENGINEER, password)
    print(f"log in as {ENGINEER}, password {password}", file=sys.stderr, flush=True)
