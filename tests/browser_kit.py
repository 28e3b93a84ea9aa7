"""A tab of Debian's Chromium on a page that is served, and what it must not do."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright
from playwright.sync_api import Page as Tab

from tests.page_kit import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = os.environ.get("LINESIDE_SCREENSHOTS", "")
IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium (apt install chromium)"),
]
LEAST_TARGET_PX = 48
SMALL_TARGETS = """() => [...document.querySelectorAll("button, a, input, select, summary")]
  .filter((one) => one.offsetParent !== null && !one.closest("p, header"))
  .map((one) => {
    const place = (one.closest("label") ?? one).getBoundingClientRect();
    return [one.tagName, one.id || one.textContent.trim(), Math.round(place.height)];
  }).filter(([, , height]) => height < %d)"""


@dataclass
class Seen:
    """A tab, and what it must not do."""

    tab: Tab
    address: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, tab: Tab, address: str) -> Seen:
        """Look from now on at what the tab tells and asks."""
        tab.set_default_timeout(30_000)
        found = cls(tab, address)
        tab.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: found.errors.append(str(error)))
        tab.on("request", lambda asked: found.hosts.add(asked.url.split("/")[2]))
        return found

    def shot(self, name: str) -> None:
        """Keep a picture where somebody wants to look."""
        if SCREENSHOTS:
            self.tab.screenshot(path=f"{SCREENSHOTS}/{name}.png")

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        """As the person of that name."""
        self.tab.goto(f"{self.address}login")  # whole: its script takes the form
        self.tab.fill("[name=name]", name)
        self.tab.fill("[name=password]", password)
        self.tab.keyboard.press("Enter")
        self.tab.wait_for_selector("#log-out")

    def open(self, path: str) -> None:
        """Another screen."""
        self.tab.goto(f"{self.address}{path}", wait_until="commit")

    def small_targets(self) -> list[object]:
        """What is too small for a finger in a glove on the screen that is open."""
        found = self.tab.evaluate(SMALL_TARGETS % LEAST_TARGET_PX)
        assert isinstance(found, list)
        return found

    def is_clean(self) -> bool:
        """Whether no error was told and no other host was asked."""
        assert self.errors == []
        assert self.hosts == {self.address.split("/")[2]}
        return True


def open_chromium(player: Playwright) -> Browser:
    """Debian's own; the sandbox needs rights that a container has not."""
    return player.chromium.launch(
        executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
    )
