"""`lineside-agent schemas`: the JSON Schema of each message, and the AsyncAPI document of all."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """example:
  lineside-agent schemas --out docs/schemas
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `schemas`."""
    schemas = verbs.add_parser(
        "schemas",
        help="write the JSON Schemas and the AsyncAPI document of the messages",
        epilog=EXAMPLES,
    )
    schemas.add_argument("--out", type=Path, required=True, metavar="DIR")
    schemas.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import write_atomic
    from edge_agent.contracts.wire.asyncapi import FILE, asyncapi
    from edge_agent.contracts.wire.schemas import schemas

    for name, text in {**schemas(), FILE: asyncapi()}.items():
        write_atomic(args.out / name, text.encode())
        print(args.out / name)
    return 0
