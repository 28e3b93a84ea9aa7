"""Every operation of the OpenAPI document under generated requests: none fails the page.

LINESIDE_FUZZ=requests for each operation (make test-faults); the default test sends a few.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation
from starlette.testclient import TestClient

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.station.setup import Setup
from edge_agent.station.setup_draft import Draft
from edge_agent.web.access import COOKIE
from edge_agent.web.api_commission import PATH
from edge_agent.web.diagnostics import Inside
from edge_agent.web.users import Role
from tests.page_kit import PASSWORD, PageKit

FEW = 1
MANY = int(os.environ.get("LINESIDE_FUZZ", "100000")) // 100
LOG_IN = "POST /api/login"
"""Takes tens of milliseconds for a password: fewer of it."""


@pytest.fixture
def browser(kit: PageKit) -> TestClient:
    kit.add_user("anna", Role.ENGINEER)
    for k in range(3):
        kit.part(f"p{k}", ("PASS", "FAIL", "NO-VERDICT")[k])
    kit.page.rooms.live.stopping.set()  # a stream ends at once
    return kit.browser()


@pytest.fixture
def setting_up(tmp_path: Path) -> PageKit:
    """The page of a station that is commissioned: its forms reach every driver's table."""
    setup = Setup(
        Draft(tmp_path / "setup" / "station.toml", {"enabled": True}),
        clock=SystemClock(),
        record=lambda *_: True,
        show=lambda _: None,
        started=threading.Event(),
    )
    (tmp_path / "setup" / "bundles" / "parts").mkdir(parents=True)
    kit = PageKit(tmp_path, inside=Inside(commissioner=setup))
    kit.add_user("anna", Role.ENGINEER)
    return kit


def operations(browser: TestClient) -> Iterator[APIOperation]:
    document = browser.get("/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    for found in schema.get_all_operations():
        yield found.ok()


def takes_something(operation: APIOperation) -> bool:
    return bool(list(operation.body) or list(operation.iter_parameters()))


def fuzz(kit: PageKit, browser: TestClient, operation: APIOperation, examples: int) -> set[int]:
    """The statuses that the page answers to `examples` requests of an operation."""
    statuses: set[int] = set()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def one(case: schemathesis.Case) -> None:
        new_id, session = kit.page.rooms.sessions.begin("anna")
        sent = case.as_transport_kwargs(base_url="http://localhost:8080")
        sent["headers"] = {
            name: str(value).encode("latin-1", "replace").decode("latin-1")
            for name, value in dict(sent.get("headers") or {}).items()
        }
        sent["headers"] |= {"X-CSRF-Token": session.csrf, "Cookie": f"{COOKIE}={new_id}"}
        answer = browser.request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            headers=sent["headers"],
            json=sent.get("json"),
            content=sent.get("data"),
        )
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)

    one()
    return statuses


def test_a_few_generated_requests_fail_no_operation(kit: PageKit, browser: TestClient) -> None:
    reached = {
        one.label: fuzz(kit, browser, one, FEW)
        for one in operations(browser)
        if takes_something(one)
    }
    del reached[LOG_IN]
    assert not [label for label, statuses in reached.items() if statuses <= {401, 403}]


@pytest.mark.faults
def test_many_choices_fail_no_commissioning(setting_up: PageKit) -> None:
    browser = setting_up.browser()
    for one in operations(browser):
        if one.path.startswith(PATH) and one.path != f"{PATH}/trigger":
            fuzz(setting_up, browser, one, MANY if takes_something(one) else FEW)


@pytest.mark.faults
def test_many_generated_requests_fail_no_operation(kit: PageKit, browser: TestClient) -> None:
    for one in operations(browser):
        fuzz(kit, browser, one, MANY // 20 if one.label == LOG_IN else MANY)
    right = {"name": "anna", "password": PASSWORD}
    assert browser.post("/api/login", json=right).status_code in (200, 429)
