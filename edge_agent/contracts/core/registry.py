"""A registry of drivers: one package, one file a driver, one row `DRIVER` in each file.

    CAMERAS = Registry("edge_agent.capture.camera", SourceDriver, noun="camera")
    CAMERAS.names()                 # file names; nothing is imported
    CAMERAS.find("v4l2")            # imports v4l2.py alone and returns its DRIVER

A new driver is one new file: no list names it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Generic, TypeVar

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean

Row = TypeVar("Row")

NO_ALIASES: Mapping[str, str] = MappingProxyType({})


class Registry(Generic[Row]):
    """The drivers of one package; a driver's name is the name of its file.

    row: the type that `DRIVER` must have; attribute: another name than DRIVER; besides: files of
    the package that are no drivers; aliases: former name -> name; noun: what messages call one.
    """

    def __init__(
        self,
        package: str,
        row: type[Row],
        *,
        noun: str = "driver",
        besides: Collection[str] = (),
        aliases: Mapping[str, str] = NO_ALIASES,
        attribute: str = "DRIVER",
    ) -> None:
        self.package = package
        self.noun = noun
        self._row = row
        self._besides = frozenset(besides)
        self._aliases = dict(aliases)
        self._attribute = attribute

    def names(self) -> tuple[str, ...]:
        """The names of all drivers, sorted; no driver is imported."""
        spec = find_spec(self.package)
        rooms = [] if spec is None else list(spec.submodule_search_locations or [])
        found = (module.name for module in pkgutil.iter_modules(rooms))
        return tuple(sorted(name for name in found if name not in self._besides))

    def canonical(self, name: str) -> str:
        """The present name of a driver: a former name and dashes are translated."""
        plain = name.replace("-", "_")
        return self._aliases.get(plain, plain)

    def find(self, name: str) -> Row:
        """Import the driver of that name, and no other; return its row.

        Raises ConfigError with the nearest name where there is none.
        """
        module = self.canonical(name)
        if module not in self.names():
            raise ConfigError(f"unknown {self.noun} {name!r}, {did_you_mean(name, self.names())}")
        row = getattr(import_module(f"{self.package}.{module}"), self._attribute, None)
        if not isinstance(row, self._row):
            wanted = f"{self._attribute} = {self._row.__name__}(...)"
            raise TypeError(f"{self.package}.{module} has no {wanted}")
        return row

    def rows(self) -> dict[str, Row]:
        """Name -> row of every driver; imports them all (for the reference page and for tests)."""
        return {name: self.find(name) for name in self.names()}
