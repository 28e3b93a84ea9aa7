"""Reports reach who waits for their station and their counter, and nobody else."""

from __future__ import annotations

import pytest

from deploy.rollout.reports import Reports
from edge_agent.contracts.wire.kinds.update import UpdateMessage

TOPIC = "lineside/press/update"


def report(state: str, counter: int = 5) -> bytes:
    message = UpdateMessage.model_validate(
        {"station": "press", "at_ns": 1, "counter": counter, "state": state}
    )
    return message.model_dump_json().encode()


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("lineside/press2/update", report("done")),
        (TOPIC, report("done", counter=4)),
        (TOPIC, b"{}"),
        (TOPIC, b"[" * 100_000),
        ("x", report("done")),
    ],
    ids=["another station", "another counter", "no report", "too long", "no topic of a station"],
)
def test_what_is_not_waited_for_is_passed_over(topic: str, payload: bytes) -> None:
    reports = Reports()
    with reports.waiting("press", 5) as waiting:
        reports.came(topic, payload)
        assert not waiting.is_seen.is_set()
    reports.came(TOPIC, report("done"))
    assert waiting.last is None


def test_the_first_end_counts() -> None:
    reports = Reports()
    with reports.waiting("press", 5) as waiting:
        reports.came(TOPIC, report("at-work"))
        assert (waiting.is_seen.is_set(), waiting.is_ended.is_set()) == (True, False)
        reports.came(TOPIC, report("failed"))
        reports.came(TOPIC, report("done"))
    assert waiting.last is not None
    assert waiting.last.state == "failed"
