"""The page under a finger: a panel without keyboard and mouse, in Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.evidence.folder import read_kept
from edge_agent.evidence.labels import read_labels
from edge_agent.web.users import Role
from tests.browser_kit import IN_CHROMIUM, Seen, open_chromium
from tests.page_kit import PASSWORD, PageKit
from tests.station_kit import wait_until

pytestmark = IN_CHROMIUM


@pytest.fixture
def panel(served: tuple[PageKit, str]) -> Iterator[Seen]:
    """Ten inches, 1280 by 800, with a touch screen."""
    with sync_playwright() as player:
        browser = open_chromium(player)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True)
        yield Seen.of(context.new_page(), served[1])
        browser.close()


def log_in_by_finger(panel: Seen, name: str) -> Tab:
    """The panel's own screen keyboard types; the rest is taps."""
    tab = panel.tab
    tab.goto(f"{panel.address}login")
    for field, text in (("name", name), ("password", PASSWORD)):
        tab.tap(f"[name={field}]")
        tab.keyboard.type(text)
    tab.tap("button[type=submit], form button")
    tab.wait_for_selector("#log-out")
    return tab


def drag(tab: Tab, start: tuple[float, float], end: tuple[float, float]) -> None:
    """One finger from here to there, as the browser's own touch events."""
    wire = tab.context.new_cdp_session(tab)
    steps = np.linspace(start, end, 5)
    for kind, points in [("touchStart", steps[:1]), *[("touchMove", [p]) for p in steps[1:]]]:
        places = [{"x": float(x), "y": float(y)} for x, y in points]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    tab.wait_for_timeout(300)  # a finger that is lifted in its flight throws the page
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_an_operator_with_a_finger_reports_and_stops(
    served: tuple[PageKit, str], panel: Seen
) -> None:
    kit = served[0]
    kit.add_user("anna", Role.OPERATOR)
    kit.page.publish(StateMessage(station="press-7", state="armed", at_ns=1))
    for number in range(5):
        kit.part(f"part-{number:04d}", "PASS")
    tab = log_in_by_finger(panel, "anna")
    tab.wait_for_selector('#verdict[data-verdict="PASS"]')
    assert panel.small_targets() == []
    tab.tap("#missed")
    tab.tap("#missed-parts button:has-text('part-0004')")
    assert wait_until(lambda: kit.records)
    assert kit.records[0][:2] == ("anna", "missed defect")
    tab.tap("#stop")
    tab.wait_for_selector("#stopped:not([hidden])")
    assert kit.hold.by == "anna"
    assert panel.is_clean()


def test_a_defect_is_boxed_with_one_finger(served: tuple[PageKit, str], panel: Seen) -> None:
    kit = served[0]
    kit.part("LID-1", "FAIL", "dent", score=0.9, image=np.full((240, 320, 3), 90, np.uint8))
    kept = next(iter(read_kept(kit.state / "evidence")))
    kit.add_user("quinn", Role.QUALITY)
    tab = log_in_by_finger(panel, "quinn")
    panel.open("evidence")
    tab.wait_for_selector("#facts:has-text('LID-1')")
    assert wait_until(lambda: tab.locator("#shown").evaluate("(i) => i.naturalWidth") > 0)
    tab.tap("#box")
    tab.locator("#marks").scroll_into_view_if_needed()
    place = tab.locator("#marks").bounding_box()
    assert place is not None
    left, top = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    drag(tab, (left, top), (left + 80, top + 40))
    panel.shot("touch-box")
    tab.tap("#choices button:has-text('dent')")

    assert wait_until(lambda: len(kit.records) == 1)
    agreed = read_labels(kit.state / "evidence", kept.stem).agreed
    assert agreed is not None
    (box,) = agreed.boxes
    assert box.x == pytest.approx(160, abs=4)
    assert box.y == pytest.approx(120, abs=4)
    assert box.width / box.height == pytest.approx(2, abs=0.2)
    assert panel.is_clean()
