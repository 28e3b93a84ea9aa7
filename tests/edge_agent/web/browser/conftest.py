"""A served page and a tab for every whole path of a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.web.server import PageServer
from tests.browser_kit import Seen, open_chromium
from tests.page_kit import PageKit


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[PageKit, str]]:
    kit = PageKit(tmp_path, clock=SystemClock())
    rooms = kit.page.rooms
    server = PageServer(kit.app, rooms.table.model_copy(update={"port": 0}), rooms.live)
    server.open()
    yield kit, server.address
    server.close()


@pytest.fixture
def tabs() -> Iterator[Seen]:
    """A tab without an address yet."""
    with sync_playwright() as player:
        browser = open_chromium(player)
        yield Seen.of(browser.new_page(viewport={"width": 1280, "height": 800}), "")
        browser.close()


@pytest.fixture
def seen(served: tuple[PageKit, str], tabs: Seen) -> Seen:
    tabs.address = served[1]
    return tabs
