"""Whole paths of people in Debian's Chromium (make test-page)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.web.server import PageServer
from edge_agent.web.users import Role
from tests.page_kit import PASSWORD, PageKit
from tests.station_kit import wait_until

CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = os.environ.get("LINESIDE_SCREENSHOTS", "")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium (apt install chromium)"),
]


@dataclass
class Seen:
    """A tab, and what it must not do."""

    tab: Tab
    address: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def shot(self, name: str) -> None:
        if SCREENSHOTS:
            self.tab.screenshot(path=f"{SCREENSHOTS}/{name}.png")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[PageKit, str]]:
    kit = PageKit(tmp_path, clock=SystemClock())
    rooms = kit.page.rooms
    server = PageServer(kit.app, rooms.table.model_copy(update={"port": 0}), rooms.live)
    server.open()
    yield kit, server.address
    server.close()


@pytest.fixture
def seen(served: tuple[PageKit, str]) -> Iterator[Seen]:
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.set_default_timeout(60_000)
        found = Seen(tab, served[1])
        tab.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: found.errors.append(str(error)))
        tab.on("request", lambda asked: found.hosts.add(asked.url.split("/")[2]))
        yield found
        browser.close()


def test_an_operator_sees_a_reject_and_reports_a_missed_defect(
    served: tuple[PageKit, str], seen: Seen
) -> None:
    kit, address = served
    kit.add_user("anna", Role.OPERATOR)
    kit.page.publish(StateMessage(station="press-7", state="armed", at_ns=1))
    for k in range(40):
        kit.part(f"part-{k:04d}", "NO-VERDICT" if k == 11 else "PASS", reason="top: stale: x")
    kit.part("part-0040", "FAIL", "crack", "top: crack")
    tab = seen.tab
    tab.goto(address, wait_until="commit")
    tab.fill("[name=name]", "anna")
    tab.fill("[name=password]", PASSWORD)
    seen.shot("login")
    tab.keyboard.press("Enter")
    tab.wait_for_selector('#verdict[data-verdict="FAIL"]')
    assert tab.inner_text("#word") == "FAIL"
    assert tab.inner_text("#plain") == "Defect found: crack"
    picture = tab.locator("#live")
    assert wait_until(lambda: picture.evaluate("(image) => image.naturalWidth") == 320)
    seen.shot("line-fail")
    tab.keyboard.press("F9")
    seen.shot("missed")
    tab.click("#missed-parts button:has-text('part-0039')")
    assert wait_until(lambda: kit.records)
    assert kit.records[0][:2] == ("anna", "missed defect")
    tab.click("#stop")
    tab.wait_for_selector("#stopped:not([hidden])")
    assert kit.hold.by == "anna"
    kit.part("part-0041", "NO-VERDICT", reason="stopped by anna")
    tab.wait_for_selector('#verdict[data-verdict="NO-VERDICT"]')
    seen.shot("line-stopped")
    tab.goto(f"{address}?lang=zh", wait_until="commit")
    tab.wait_for_selector('#verdict[data-verdict="NO-VERDICT"]')
    seen.shot("line-zh")
    tab.goto(f"{address}history", wait_until="commit")
    tab.wait_for_selector("#rows tr")
    seen.shot("history")
    assert seen.errors == []
    assert seen.hosts == {address.split("/")[2]}
