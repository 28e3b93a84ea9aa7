"""What a mosquitto does with live messages, and whether the check sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.broker.announced import announced
from deploy.broker.behaviour import behaviour
from deploy.broker.client import CheckClient
from tests.deploy.broker.kit import grades, one, with_lines


def test_a_broker_that_keeps_everything_passes_each_trial(tmp_path: Path) -> None:
    with with_lines(tmp_path) as target:
        found = list(behaviour(target, 300))
        with CheckClient(target) as client:
            client.subscribe("lineside/press-1/#")
            assert client.receive(1, 0.3) == []  # nothing retained is left behind
    assert set(grades(found).values()) == {"OK"}
    assert len(found) == 6


def test_the_cap_of_a_queue_is_found_by_filling_it(tmp_path: Path) -> None:
    with with_lines(tmp_path, "max_queued_messages 50", "max_inflight_messages 20") as target:
        queue = one(list(behaviour(target, 200)), "queue of a session")
    assert queue.grade == "FAIL"
    assert "the oldest 50 of 200" in queue.detail
    assert "max_queued_messages 0" in queue.cure


@pytest.mark.parametrize(
    ("line", "what", "grade", "word"),
    [
        ("retain_available false", "retain", "WARN", "not available"),
        ("max_packet_size 8000", "packet size", "FAIL", "at most 8000 bytes"),
        ("max_packet_size 100000", "packet size", "WARN", "largest confirmation"),
    ],
)
def test_a_limit_that_is_announced_is_named_with_its_cure(
    tmp_path: Path, line: str, what: str, grade: str, word: str
) -> None:
    with with_lines(tmp_path, line) as target:
        finding = one(list(announced(target)), what)
    assert finding.grade == grade
    assert word in finding.detail
    assert finding.cure


def test_an_old_protocol_is_told_as_what_it_costs(tmp_path: Path) -> None:
    with with_lines(tmp_path) as target:
        old = replace(target, protocol="3.1.1")
        found = list(announced(old))
        tried = grades(list(behaviour(old, 50)))
    assert one(found, "MQTT version").grade == "WARN"
    assert tried["queue of a session"] == "OK"


def test_a_broker_that_keeps_no_retained_messages_is_named(tmp_path: Path) -> None:
    with with_lines(tmp_path, "retain_available false") as target:
        found = grades(list(behaviour(target, 10)))
    assert (found["retained message"], found["last will"]) == ("FAIL", "FAIL")
    assert found["queue of a session"] == "OK"
