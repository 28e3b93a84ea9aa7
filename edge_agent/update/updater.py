"""Other updaters that hand releases over: one file of `updaters/` each, found by its name."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from edge_agent.contracts.core.registry import Registry

if TYPE_CHECKING:
    from edge_agent.update.bundle_update import Station

AddOptions: TypeAlias = Callable[[argparse.ArgumentParser], None]
Say: TypeAlias = Callable[[str], None]
"""Prints a line of the result on stdout."""

PROBATION_S = 60.0
"""A station that arms within this time has loaded its bundles and seen its sources."""


@dataclass(frozen=True)
class Call:
    """One call of an updater: its options, the station, and where results go.

    until: gives what is set when the program shall end; only a service asks for it.
    """

    options: argparse.Namespace
    station: Station
    say: Say
    until: Callable[[], threading.Event]


@dataclass(frozen=True)
class Updater:
    """A row of the registry.

    text: what its help says; add_options: what its command line takes; run: does it, and gives the
    exit code. All three are looked at by every start of the program: what is heavy is imported in
    `run`.
    """

    text: str
    add_options: AddOptions
    run: Callable[[Call], int]


UPDATERS = Registry("edge_agent.update.updaters", Updater, noun="updater", attribute="UPDATER")
