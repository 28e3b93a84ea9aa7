"""`lineside-agent config`: the resolved configuration, or the reference of all keys."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """example:
  lineside-agent config station.toml        every value, defaults included; passwords as ****
  lineside-agent config --reference         every key with unit, default and bounds
  lineside-agent config --registers         what the words of the PLC handshake mean
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `config`."""
    config = verbs.add_parser(
        "config",
        help="print the resolved configuration",
        epilog=EXAMPLES,
    )
    config.add_argument("config", type=Path, nargs="?", metavar="STATION.toml")
    config.add_argument("--reference", action="store_true", help="print docs/station-toml.md")
    config.add_argument(
        "--registers", action="store_true", help="print the register map of docs/plc-handshake.md"
    )
    config.add_argument("--json", action="store_true", help="JSON in the place of TOML")
    config.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.contracts.core.reference_page import reference
    from edge_agent.contracts.core.toml import toml_text
    from edge_agent.station.config import REFERENCE_HEAD, StationConfig, read_config

    if args.reference:
        print(reference(StationConfig, REFERENCE_HEAD), end="")
        return 0
    if args.registers:
        from edge_agent.plc.registers import map_page

        print(map_page(), end="")
        return 0
    if args.config is None:
        raise ConfigError("no file given", cure="lineside-agent config STATION.toml")
    config = read_config(args.config)
    if args.json:
        print(config.model_dump_json(indent=1))
        return 0
    if config.mqtt is not None and config.mqtt.password() is not None:
        print(f'# the password of {config.mqtt.username} is "****"')
    print(toml_text(config.model_dump(mode="json")).strip())
    return 0
