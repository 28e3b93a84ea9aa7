"""hawkBit: polls the server for this station's actions, and carries them out.

    ROOT/hawkbit/action.json      the action at work, or the last one, and what came of it
    ROOT/hawkbit/incoming.part    what was downloaded of its file

Both are on disk before the next step is begun: after a kill at any point the next poll goes on,
and what came of an action is reported until the server has taken it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import up_to_a_day
from edge_agent.contracts.core.loopback import is_loopback
from edge_agent.contracts.core.own_version import own_version
from edge_agent.update.updater import Call, Updater

if TYPE_CHECKING:
    from edge_agent.update.ddi import DdiServer

TENANT = "DEFAULT"
LOGINS = {"target": "TargetToken", "gateway": "GatewayToken"}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, metavar="URL", help="https://HOST of hawkBit")
    parser.add_argument("--tenant", default=TENANT, metavar="NAME", help=f"({TENANT})")
    parser.add_argument("--id", required=True, metavar="NAME", help="the target's controller id")
    parser.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help="its first line logs in"
    )
    parser.add_argument(
        "--token", choices=sorted(LOGINS), default="target", help="whose token it is (target)"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="who signs its certificate")
    parser.add_argument(
        "--plain-http", action="store_true", help="allow http:// to another machine than this one"
    )
    parser.add_argument(
        "--poll", type=up_to_a_day, metavar="S", help="between two polls (what the server asks for)"
    )
    parser.add_argument("--once", action="store_true", help="poll once, do what is to do, and end")


def _run(call: Call) -> int:
    from edge_agent.contracts.core.errors import FaultError
    from edge_agent.update.hawkbit_actions import Actions

    options = call.options
    actions = Actions(_server(call), call.station, options.probation, _attributes(options))
    if options.once:
        try:
            actions.once()
        except ValueError as error:
            raise FaultError(error) from error
        return 0
    actions.follow(call.until(), options.poll)
    return 0


def _server(call: Call) -> DdiServer:
    """Raises ConfigError for a token that others may read, or an address that gives it away."""
    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.contracts.core.secret_file import secret_line
    from edge_agent.update.ddi import DdiServer

    options = call.options
    _refuse_clear(options.url, is_allowed=options.plain_http)
    token = secret_line(options.token_file, "the token").strip()
    if not token or not token.isprintable():
        raise ConfigError("holds no token", where=str(options.token_file), cure="write it there")
    login = f"{LOGINS[options.token]} {token}"
    return DdiServer(options.url, options.tenant, options.id, login, options.ca, call.station.clock)


def _refuse_clear(url: str, *, is_allowed: bool) -> None:
    """Raises ConfigError for an address to which the token would go unencrypted.

    On this machine it may: there a proxy that speaks TLS takes it on. is_allowed: elsewhere too,
    with a warning.
    """
    import logging
    from urllib.parse import urlsplit

    from edge_agent.contracts.core.errors import ConfigError

    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if not host or scheme not in ("https", "http"):
        raise ConfigError("is no address", where=f"--url {url}", cure="https://HOST")
    if scheme == "http" and not is_loopback(host):
        if not is_allowed:
            raise ConfigError(
                "the token would go there unencrypted",
                where=f"--url {url}",
                cure=f"https://{host}, or --plain-http where you trust all of that network",
            )
        logging.getLogger("lineside.update").warning(
            "hawkBit: the token goes to %s unencrypted: whoever sees the network can read it", url
        )


def _attributes(options: argparse.Namespace) -> dict[str, str]:
    import os

    return {"station": options.id, "lineside": own_version(), "machine": os.uname().machine}


UPDATER = Updater("a client of hawkBit", _add_options, _run)
