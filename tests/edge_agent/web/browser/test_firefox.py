"""The operator's and quality's paths in Debian's Firefox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.golden.gate import WRONG_PARTS
from edge_agent.web.users import Role
from tests.browser_kit import SCREENSHOTS
from tests.firefox_kit import ENTER, FIREFOX, FirefoxTab, firefox_tab
from tests.page_kit import PASSWORD, PageKit
from tests.station_kit import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FIREFOX.exists(), reason="no Firefox (apt install firefox-esr)"),
]


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[FirefoxTab]:
    with firefox_tab(tmp_path / "profile") as found:
        yield found


def log_in(tab: FirefoxTab, address: str, name: str) -> None:
    tab.goto(f"{address}login")
    tab.press("[name=name]")
    tab.type(name)
    tab.press("[name=password]")
    tab.type(PASSWORD + ENTER)
    tab.wait_for("document.querySelector('#log-out')")


def test_a_reject_its_reason_a_missed_defect_and_a_release(
    served: tuple[PageKit, str], tab: FirefoxTab
) -> None:
    kit, address = served
    kit.add_user("quinn", Role.QUALITY)
    kit.page.publish(StateMessage(station="press-7", state="armed", at_ns=1))
    kit.part("part-0001")
    kit.part("part-0002", "FAIL", "crack", "top: crack")
    log_in(tab, address, "quinn")
    tab.wait_for("document.querySelector('#verdict').dataset.verdict === 'FAIL'")
    assert tab.evaluate("document.querySelector('#plain').textContent") == "Defect found: crack"
    tab.wait_for("document.querySelector('#live').naturalWidth === 320")
    if SCREENSHOTS:
        tab.shot(Path(SCREENSHOTS) / "firefox-line.png")
    tab.press("#missed")
    tab.press("#missed-parts button")
    assert wait_until(lambda: kit.records)
    assert kit.records[0][:2] == ("quinn", "missed defect")
    kit.hold.stop("golden part 1 (bad) was PASS, not FAIL", WRONG_PARTS)
    tab.goto(f"{address}golden")
    tab.wait_for("document.querySelector('#blocked')?.textContent.includes('not FAIL')")
    tab.press("#note")
    tab.type("the part was dirty")
    tab.press("#release-now")
    assert wait_until(lambda: not kit.hold.by)
    assert tab.errors == []
    assert tab.hosts == {address.split("/")[2]}
