"""Every text of every screen can be read: contrast by WCAG 2.2 AA, in both languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab

from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.web.pages import SCREENS
from edge_agent.web.users import Role
from tests.browser_kit import IN_CHROMIUM, Seen
from tests.contrast_kit import SHOW_ALL, low_contrasts
from tests.page_kit import PageKit
from tests.station_kit import HEALTH

pytestmark = IN_CHROMIUM

VERDICTS = ("PASS", "FAIL", "NO-VERDICT")
LEAST_TEXTS = 5


@pytest.fixture
def at_work(served: tuple[PageKit, str]) -> PageKit:
    kit = served[0]
    kit.page.publish(StateMessage(station="press-7", state="disarmed", at_ns=1, reason="top: dark"))
    kit.page.publish(HEALTH.model_copy(update={"frames_dropped": 3, "outbox_waiting": 9999}))
    for number, verdict in enumerate(VERDICTS):
        kit.part(f"p{number}", verdict, "crack" if verdict == "FAIL" else "")
    kit.add_user("eva", Role.ENGINEER)
    return kit


@pytest.fixture(autouse=True)
def at_rest(seen: Seen) -> None:
    """No colour is half way to another one."""
    seen.tab.emulate_media(reduced_motion="reduce")


def faint(tab: Tab, screen: str) -> list[str]:
    """What cannot be read, as it is and with everything shown that may be shown."""
    texts, found = low_contrasts(tab)
    assert texts >= LEAST_TEXTS, f"{screen} shows {texts} texts"
    tab.evaluate(SHOW_ALL)
    return found + low_contrasts(tab)[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_of_every_screen_can_be_read(
    at_work: PageKit, seen: Seen, language: str
) -> None:
    tab = seen.tab
    tab.goto(f"{seen.address}login")
    found = {"login": faint(tab, "login") if language == "en" else []}
    seen.log_in("eva")
    for screen in SCREENS:
        if screen.name == "commission":
            continue  # the integrator's own path looks at it
        seen.open(f"{screen.path.removeprefix('/')}?lang={language}")
        tab.wait_for_load_state("domcontentloaded")
        tab.wait_for_timeout(500)
        seen.shot(f"contrast-{screen.name}-{language}")
        found[screen.name] = faint(tab, screen.name)
    assert {screen: texts for screen, texts in found.items() if texts} == {}


def test_every_verdict_can_be_read_and_so_can_an_old_one(at_work: PageKit, seen: Seen) -> None:
    tab = seen.tab
    seen.log_in("eva")
    tab.wait_for_selector("#verdict[data-verdict=NO-VERDICT]")
    for verdict in VERDICTS:
        for stale in (False, True):
            tab.evaluate(
                "([verdict, stale]) => { const place = document.getElementById('verdict');"
                "place.dataset.verdict = verdict; place.classList.toggle('stale', stale); }",
                [verdict, stale],
            )
            assert low_contrasts(tab)[1] == [], (verdict, stale)


def test_a_faint_text_is_found(seen: Seen) -> None:
    """The measure itself, against contrasts that WCAG's own examples give."""
    seen.tab.set_content(
        "<body style='background:#fff'><p id=a style='color:#777'>4.48</p>"
        "<p style='color:#767676'>4.54</p><p style='color:#949494;font-size:24px'>3.03</p>"
        "<div style='background:#000'><p id=b style='color:rgb(255 255 255 / .4)'>3.66</p></div>"
    )
    texts, found = low_contrasts(seen.tab)
    assert texts == 4
    assert [line.partition(" ")[0] for line in found] == ["p#a.", "p#b."]
    assert "4.48" in found[0].partition('":')[2]
