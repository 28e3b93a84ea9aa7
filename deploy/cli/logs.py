"""The verb `logs`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy logs pi@line3:/var/lib/lineside --since "1 hour ago"
  lineside-deploy logs pi@line3:/var/lib/lineside --lines 50 --follow
  lineside-deploy logs pi@line3:/srv/press3 --file /srv/press3/agent.log

The user must be allowed to read the journal: root, or one of the group adm.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    logs = add_verb(verbs, "logs", "print the log of a host's agent", EXAMPLES, _logs)
    logs.add_argument("host", metavar="HOST", help="DIR or user@host:DIR")
    logs.add_argument("--since", default="", metavar="TIME", help="as journalctl reads it")
    logs.add_argument("--lines", type=int, default=0, metavar="N", help="the newest N (all)")
    logs.add_argument("--follow", action="store_true", help="go on with what is logged next")
    logs.add_argument("--unit", default="lineside-agent", help="(lineside-agent)")
    logs.add_argument("--file", default="", metavar="PATH", help="a log file of the host")
    logs.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")


def _logs(args: argparse.Namespace) -> int:
    from deploy.push.host import parse_host
    from deploy.push.logs import LogWish, show_log

    host = parse_host(args.host, ssh_config=args.ssh_config)
    wish = LogWish(
        since=args.since,
        lines=max(0, args.lines),
        follow=args.follow,
        unit=args.unit,
        file=args.file,
    )
    return show_log(host, wish)
