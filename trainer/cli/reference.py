"""The verb reference."""

from __future__ import annotations

import argparse


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "reference",
        help="print every key of dataset.toml, with unit, default and bounds",
        description="Print docs/dataset-toml.md: every key of dataset.toml.",
        epilog="example:\n  lineside-train reference",
    )
    verb.set_defaults(run=_reference)


def _reference(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.core.reference_page import reference
    from trainer.data.dataset_toml import REFERENCE_HEAD, DatasetConfig

    del arguments
    print(reference(DatasetConfig, REFERENCE_HEAD), end="")
    return 0
