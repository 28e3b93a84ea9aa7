"""What a broker's configuration is written for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.broker.accounts import Account

SESSION_DAYS = 14
"""How long sessions of receivers that are away are kept: a works holiday."""


@dataclass(frozen=True)
class BrokerSettings:
    """place: the folder on the broker's computer where the files will lie."""

    accounts: Sequence[Account]
    place: str
    port: int = 8883
    cluster: bool = False


@dataclass(frozen=True)
class WrittenFile:
    """One file of a configuration. secret: only the broker may read it."""

    text: str
    secret: bool = False


Files = Mapping[str, WrittenFile]
"""File name -> content."""
