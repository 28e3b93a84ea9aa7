"""The verb `push-agent`."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.cli.push import add_host_options, named_host, relay
from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy push-agent --to pi@line3:/var/lib/lineside
  lineside-deploy push-agent --to pi@line3:/var/lib/lineside --name agent-aarch64-cp311 --ask

Over ssh what `lineside-agent self-update start --from` does by itself: the station checks the same
metadata, tries the agent, and goes back by itself.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    push = add_verb(verbs, "push-agent", "bring the newest agent onto a host", EXAMPLES, _push)
    push.add_argument("--to", required=True, metavar="HOST", help="DIR or user@host:DIR")
    push.add_argument("--releases", type=Path, default=Path("releases"), metavar="DIR")
    push.add_argument("--name", default="", help="of the wheel set, where there are several")
    push.add_argument("--ask", action="store_true", help="wait for `self-update promote`")
    push.add_argument("--restart", default="", metavar="COMMAND", help="restarts the agent there")
    add_host_options(push)


def _push(args: argparse.Namespace) -> int:
    from deploy.push.agent import push_agent

    words = [*(["--ask"] if args.ask else []), *(["--json"] if args.json else [])]
    words += [f"--restart={args.restart}"] if args.restart else []
    return relay(push_agent(named_host(args.to, args), args.releases, args.name, *words))
