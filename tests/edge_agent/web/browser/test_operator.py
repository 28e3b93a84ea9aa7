"""What an operator does, in Debian's Chromium (make test-page)."""

from __future__ import annotations

from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.web.users import Role
from tests.browser_kit import IN_CHROMIUM, Seen
from tests.page_kit import PASSWORD, PageKit
from tests.station_kit import wait_until

pytestmark = IN_CHROMIUM


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
    assert seen.is_clean()
