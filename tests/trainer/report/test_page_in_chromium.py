"""The report as a browser draws it: whole on a telephone, and every tag of a row in sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from markupsafe import Markup
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from edge_agent.contracts.run_folder.report import style
from tests.browser_kit import IN_CHROMIUM, open_chromium
from tests.run_folders import write_image_run
from trainer.report.page import page
from trainer.report.rendering import render
from trainer.report.sections.mistakes import tags_table
from trainer.run_folder.run import open_fitted_run

pytestmark = IN_CHROMIUM
TELEPHONE = {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def telephone() -> Iterator[Tab]:
    with sync_playwright() as player:
        browser = open_chromium(player)
        yield browser.new_page(viewport=TELEPHONE)
        browser.close()


def test_nothing_is_wider_than_a_telephone(telephone: Tab, tmp_path: Path) -> None:
    telephone.set_content(page(open_fitted_run(write_image_run(tmp_path / "run"))))
    assert telephone.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    outcome = telephone.locator("td.unproven, td.proven").first.bounding_box()
    assert outcome
    assert outcome["height"] < 100, "no word for each line"


def test_every_tag_of_a_row_is_in_sight(telephone: Tab) -> None:
    one = {"kind": "escape", "label": "bad", "predicted": "good", "score": 0.1, "path": "r 7"}
    tags = tags_table({"torque [Nm]": "38.2", "speed": "9"})
    shown = one | {"name": "r 7", "source": "", "chart": "", "tags": tags, "lost": False}
    words = {"summary": "1 mistake.", "look_for": "x", "chart_key": "", "is_image": False}
    section = render("mistakes.html", mistakes=[shown], **words)
    telephone.set_content(Markup("<style>{}</style>{}").format(Markup(style()), section))
    assert telephone.locator("figure tr:visible").count() == 2
