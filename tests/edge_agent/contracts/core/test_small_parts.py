"""Small parts: the limit on a log, the error of a missing library, a table by its driver."""

from __future__ import annotations

import logging
from typing import Annotated

import pytest
from pydantic import BaseModel, SerializeAsAny, ValidationError

from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.extras import GPIOD, missing
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.trigger.trigger import TRIGGERS, TriggerTable


def test_a_line_that_repeats_is_counted_until_its_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    limit = LogLimit(logging.getLogger("lineside.test"), clock, every_s=60)
    limit.log(logging.ERROR, "camera", "no frame")
    for _ in range(5):
        clock.advance_s(10)
        limit.log(logging.ERROR, "camera", "no frame")
    limit.log(logging.ERROR, "lamp", "dark")
    clock.advance_s(10)
    limit.log(logging.ERROR, "camera", "no frame")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["no frame", "dark", "no frame (5 more since)"]


def test_a_missing_library_is_named_with_its_extra() -> None:
    error = missing(GPIOD, "output reject")
    assert str(error) == "output reject: gpiod is not installed: pip install 'lineside[gpio]'"
    assert error.exit_code == 4


class Table(BaseModel):
    source: Annotated[SerializeAsAny[TriggerTable], ByDriver(TRIGGERS)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "needs driver; known are "),
        ({"driver": "free_rum"}, "did you mean 'free_run'"),
        ({"driver": "free_run", "colour": 1}, "colour"),
    ],
    ids=["no driver", "mistyped driver", "unknown key"],
)
def test_a_table_is_validated_by_its_driver(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Table.model_validate({"source": table})
    assert message in str(caught.value)


def test_every_driver_has_a_schema_for_the_reference() -> None:
    schemas = ByDriver(TRIGGERS).schemas()
    assert len(schemas) == len(TRIGGERS.names())
