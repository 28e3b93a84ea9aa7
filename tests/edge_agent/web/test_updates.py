"""Bundles on the page: a switch is verified, tested, recorded, and leads back as it came."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, RuntimeInUse, StateMessage
from edge_agent.update.bundle_update import Station, candidate_of, opened
from edge_agent.update.slots import install
from edge_agent.update.watches import ShadowGate, by_person
from edge_agent.web.api_updates import UpdatesApi
from edge_agent.web.updates import CandidateAsked, SlotRow, SwitchAsked, UpdatesView, prove_bundle
from edge_agent.web.users import Role
from tests.conftest import Shared
from tests.page_kit import PageKit
from tests.signing_kit import open_workshop
from tests.station_kit import wait_until


def push_two(folder: Path) -> None:
    workshop = open_workshop(folder / "workshop")
    for version in ("1.0.0", "1.1.0"):
        bundle = workshop.signed(version)
        install(bundle, folder / "station", prove_bundle, trust=workshop.public)
    workshop.signed("1.2.0")


@pytest.fixture
def installed(kit: PageKit, shared: Shared) -> PageKit:
    """A station with 1.0.0 before 1.1.0."""
    pushed = shared("pushed-twice", push_two) / "station"
    shutil.copytree(pushed, kit.folder / "station", symlinks=True)
    return kit


def test_who_may_what(kit: PageKit) -> None:
    roles = {row.name: row.role for row in UpdatesApi(kit.page.rooms).operations()}
    assert roles == {
        "updates": Role.VIEWER,
        "switchBundle": Role.ENGINEER,
        "decideCandidate": Role.ENGINEER,
    }


def only(kit: PageKit) -> SlotRow:
    view = UpdatesView.model_validate(kit.page.rooms.updates.view().model_dump())
    (row,) = view.slots
    return row


def test_back_and_forth_by_the_same_button(installed: PageKit) -> None:
    browser = installed.logged_in(Role.ENGINEER)
    assert (only(installed).version, only(installed).other) == ("1.1.0", "1.0.0")
    asked = SwitchAsked(name="brightness", version="1.0.0").model_dump()
    assert browser.post("/api/updates/switch", json=asked).status_code == 200
    back = only(installed)
    assert (back.version, back.other, back.other_is_newer) == ("1.0.0", "1.1.0", True)
    assert back.min_version == "1.1.0"
    again = browser.post("/api/updates/switch", json=asked)
    assert again.status_code == 409, "a second click of an old page switched"
    assert browser.post("/api/updates/switch", json=asked | {"version": "1.1.0"}).status_code == 200
    assert only(installed).version == "1.1.0"
    assert installed.records == [
        ("engineer", "roll back bundle", {"bundle": "brightness 1.1.0"},
         {"bundle": "brightness 1.0.0"}),
        ("engineer", "promote bundle", {"bundle": "brightness 1.0.0"},
         {"bundle": "brightness 1.1.0"}),
    ]  # fmt: skip


def test_without_the_role_or_the_record_nothing_is_switched(installed: PageKit) -> None:
    asked = {"name": "brightness", "version": "1.0.0"}
    quality = installed.logged_in(Role.QUALITY)
    assert quality.post("/api/updates/switch", json=asked).status_code == 403
    installed.can_record = False
    engineer = installed.logged_in(Role.ENGINEER)
    assert engineer.post("/api/updates/switch", json=asked).status_code == 503
    assert only(installed).version == "1.1.0"


def test_a_damaged_bundle_is_named_and_not_switched_to(installed: PageKit) -> None:
    slots = installed.folder / "station" / "bundles" / "brightness"
    stored = slots / "previous" / "brightness.bundle"
    stored.write_bytes(stored.read_bytes()[:-40] + b"x" * 40)
    browser = installed.logged_in(Role.ENGINEER)
    asked = {"name": "brightness", "version": "1.0.0"}
    answer = browser.post("/api/updates/switch", json=asked)
    assert answer.status_code in (404, 409)
    assert (slots / "current").resolve() != (slots / "previous").resolve()


def test_a_station_without_slots_says_why(kit: PageKit) -> None:
    view = kit.browser().get("/api/updates").json()
    assert view["slots"] == []
    assert "no such station folder" in view["fault"]


def test_what_is_in_use_is_what_the_station_told(kit: PageKit) -> None:
    bundles = {"top": "caps 1.0.0"}
    rows = [
        MeasuredRuntime(name="litert", ms=1.5, ratio=1.0),
        MeasuredRuntime(name="openvino", refused="gives outputs 128 quanta apart"),
    ]
    runtime = RuntimeInUse(name="litert", version="2.3.0", measured=rows)
    message = StateMessage(station="press-7", state="armed", at_ns=1, bundles=bundles)
    kit.page.publish(message.model_copy(update={"runtimes": {"top": runtime}}))
    kit.page.publish(StateMessage(station="press-7", state="disarmed", at_ns=2))
    view = kit.browser().get("/api/updates").json()
    assert view["in_use"] == bundles
    assert view["runtimes"] == {"top": runtime.model_dump()}


@pytest.fixture
def waiting(installed: PageKit, shared: Shared) -> PageKit:
    """A candidate 1.2.0 waits for a person."""
    bundle = shared("pushed-twice", push_two) / "workshop" / "brightness-1.2.0.bundle"
    root = installed.folder / "station"
    clock, gate = SystemClock(), ShadowGate(installed.folder / "state")
    station = Station(root, prove_bundle, clock, gate, by_person, by_person, bundle)
    with opened(station) as machine:
        machine.begin(candidate_of(bundle).model_copy(update={"by_person": True}))
        machine.run()
    return installed


def test_an_engineer_promotes_the_candidate_that_waits(waiting: PageKit) -> None:
    browser = waiting.logged_in(Role.ENGINEER)
    found = browser.get("/api/updates").json()["candidate"]
    assert (found["version"], found["state"], found["waits"]) == ("1.2.0", "canary", True)
    asked = CandidateAsked(promote=True, version="1.2.0").model_dump()
    old = browser.post("/api/updates/candidate", json=asked | {"version": "1.1.9"})
    assert old.status_code == 409
    assert browser.post("/api/updates/candidate", json=asked).status_code == 200
    assert wait_until(lambda: only(waiting).version == "1.2.0")
    assert waiting.records[0][:2] == ("engineer", "promote candidate")
    assert wait_until(lambda: browser.get("/api/updates").json()["candidate"] is None)


def test_a_candidate_that_is_given_up_judges_nothing(waiting: PageKit) -> None:
    browser = waiting.logged_in(Role.ENGINEER)
    asked = {"promote": False, "version": "1.2.0"}
    assert browser.post("/api/updates/candidate", json=asked).status_code == 200
    assert wait_until(
        lambda: browser.get("/api/updates").json()["candidate"]["state"] == "quarantine"
    )
    assert only(waiting).version == "1.1.0"
    assert browser.post("/api/updates/candidate", json=asked).status_code == 404
    assert waiting.records[0][:2] == ("engineer", "give candidate up")
