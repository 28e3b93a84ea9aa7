"""Parts that HTTP requests report."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.trigger.http import HttpTrigger, HttpTriggerTable


def build(**keys: object) -> HttpTrigger:
    config = HttpTriggerTable.model_validate({"driver": "http", "port": 0, **keys})
    return HttpTrigger(config, name="web", clock=SystemClock())


@pytest.fixture
def trigger() -> Iterator[HttpTrigger]:
    trigger = build()
    trigger.open()
    yield trigger
    trigger.close()


def post(port: int, path: str, token: str = "", method: str = "POST") -> tuple[int, str]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client.request(method, path, headers=headers)
    answer = client.getresponse()
    found = answer.status, answer.read().decode()
    client.close()
    return found


def test_each_request_is_a_part_with_its_name(trigger: HttpTrigger) -> None:
    for k, query in enumerate(["?part=p-1", "", "?part=%C3%A4%20b"]):
        assert post(trigger.port, f"/trigger{query}") == (202, f"{k}\n")
    events = [trigger.next(1) for _ in range(3)]
    assert [event.part_id for event in events if event] == ["p-1", "", "ä b"]
    assert trigger.next(0.02) is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/trigger", 501), ("POST", "/", 404), ("POST", f"/trigger?part={'x' * 1001}", 400)],
)
def test_what_is_no_report_of_a_part_gives_none(
    trigger: HttpTrigger, method: str, path: str, status: int
) -> None:
    assert post(trigger.port, path, method=method)[0] == status
    assert trigger.next(0.02) is None


def test_a_request_without_the_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    trigger = build(token_file=tmp_path / "token")
    trigger.open()
    assert [post(trigger.port, "/trigger", token)[0] for token in ("", "wrong", "s3cret")] == [
        401,
        401,
        202,
    ]
    trigger.close()
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match="holds no token"):
        trigger.open()


def test_a_port_that_is_taken_is_an_absent_device_and_a_closed_one_is_free_again(
    trigger: HttpTrigger,
) -> None:
    second = build(port=trigger.port)
    with pytest.raises(DeviceError, match="cannot be taken"):
        second.open()
    trigger.close()
    second.open()
    second.close()
    second.close()
