"""Tables of TOML whose schema is known only when their `driver` is: validation in two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import (
    CoreSchema,
    ErrorDetails,
    InitErrorDetails,
    PydanticCustomError,
    core_schema,
)

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.registry import Registry
from edge_agent.contracts.core.strict import unknown_key


class Configured(Protocol):
    """A row of a registry of drivers."""

    @property
    def config(self) -> type[BaseModel]:
        """The schema of the driver's table."""


@dataclass(frozen=True)
class ByDriver:
    """Marks a field: `source: Annotated[SerializeAsAny[SourceTable], ByDriver(CAMERAS)]`.

    The table's `driver` names a file of the registry; that file alone is imported, and the table
    is validated by its schema. former: former driver name -> the keys that take its place.
    """

    registry: Registry[Any]
    former: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)

    def schemas(self) -> list[type[BaseModel]]:
        """The table of every driver, by name (for the reference page)."""
        rows: dict[str, Configured] = self.registry.rows()
        return [row.config for row in rows.values()]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._validated, handler(source))

    def _validated(self, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, dict):
            return value
        name = value.get("driver")
        if name is None:
            raise ValueError(f"needs driver; known are {', '.join(self.registry.names())}")
        table = {**value, **self.former.get(str(name), {})}
        try:
            row: Configured = self.registry.find(str(table["driver"]))
        except ConfigError as error:
            raise ValueError(error.what) from error
        try:
            return row.config.model_validate(table, context=info.context)
        except ValidationError as error:
            # The schema around this field knows the keys of no driver: name them here.
            faults = [_fault_of(row.config, fault) for fault in error.errors()]
            raise ValidationError.from_exception_data(error.title, faults) from error


def _fault_of(schema: type[BaseModel], fault: ErrorDetails) -> InitErrorDetails:
    place, message, kind = fault["loc"], fault["msg"], fault["type"]
    if fault["type"] == "extra_forbidden":
        kind = "unknown_key"
        message, place = unknown_key(schema, [str(step) for step in place]), place[:-1]
    error = PydanticCustomError(kind, message)
    return InitErrorDetails(type=error, loc=place, input=fault["input"])
