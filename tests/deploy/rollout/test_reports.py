"""Reports reach who waits for their station and their counter, and nobody else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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


def test_of_a_station_with_a_key_its_own_word_counts_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    private = Ed25519PrivateKey.generate()
    reports = Reports({"press": private.public_key().public_bytes_raw()})
    plain = UpdateMessage.model_validate_json(report("failed"))
    signature = private.sign(plain.signed_bytes()).hex()
    own = plain.model_copy(update={"signature": signature})
    forged = own.model_copy(update={"state": "done"})
    other = plain.model_copy(update={"station": "press2"})
    other = other.model_copy(update={"signature": private.sign(other.signed_bytes()).hex()})
    with reports.waiting("press", 5) as waiting:
        for message in (plain.model_copy(update={"state": "done"}), forged, forged, other):
            reports.came(TOPIC, message.model_dump_json().encode())
        assert (waiting.is_seen.is_set(), waiting.is_foreign) == (False, True)
        reports.came(TOPIC, own.model_dump_json().encode())
        assert waiting.last == own
    assert caplog.messages == ["press: a report that its report_key did not sign is passed over"]
