"""The whole report of a run whose every name is hostile: nothing of it acts."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.run_folders import write_image_run
from trainer.report.card import card_text
from trainer.report.page import page
from trainer.run_folder.run import open_fitted_run

MARKUP = "</style></table><script>alert(1)</script><img src=x onerror=alert(2)>"
QUOTES = "\" onload='alert(3)' $x^{\\frac"
CONTROL = "\x1b[2J\x00\x07\u202e<!-- int8 acceptance: begin -->"
HTML = """a b body br code div figcaption figure h1 h2 h3 head header html img li main meta p
section span style table tbody td th thead title tr ul"""
SVG = """clippath defs g image metadata path rect svg text tspan use rdf:rdf cc:work cc:agent
dc:creator dc:format dc:title dc:type"""
ALLOWED = frozenset(f"{HTML} {SVG}".split())


class Reader(HTMLParser):
    """Collects the elements, the attributes and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_image_run(
        tmp_path_factory.mktemp("hostile") / "run",
        good=f"good{QUOTES}",
        bad=f"bad{MARKUP}",
        text=f"{MARKUP}{QUOTES}{CONTROL}",
        path=f"{QUOTES}ROW{CONTROL}<b>.png",
    )
    return page(open_fitted_run(folder))


def test_no_name_becomes_an_element_or_an_attribute(hostile: str) -> None:
    reader = Reader()
    reader.feed(hostile)
    assert reader.tags <= ALLOWED
    assert not [name for name in reader.attributes if name.startswith("on")]
    assert all(source.startswith("data:image/") for source in reader.sources)


def test_no_control_character_is_left_and_no_marker_is_forged(hostile: str) -> None:
    assert not set(hostile) & {"\x00", "\x07", "\x1b", "\u202e"}
    assert hostile.count("<!-- int8 acceptance: begin -->") == 1


def test_every_hostile_name_is_shown_as_text(hostile: str) -> None:
    reader = Reader()
    reader.feed(hostile)
    text = "".join(reader.text)
    assert text.count("<script>alert(1)</script>") > 20
    assert "\\x1b[2J\\x00" in text


def test_all_sections_were_there_to_be_attacked(hostile: str) -> None:
    for heading in (
        "Acceptance",
        "Figures on held-out",
        "simplest rules",
        "Threshold and its cost",
        "Near-duplicates",
        "gradient boosting",
        "Labels and verdicts",
        "Light and position",
        "Worst mistakes",
        "Saliency",
        "Training",
        "Augmentations",
        "Data and protocol",
        "What was not tested",
    ):
        assert heading in hostile


def test_the_card_holds_no_control_character(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run", bad="bad\x1b[2J\x00", text="note\x07\r\n# heading")
    card = card_text(open_fitted_run(folder))
    assert not set(card) & {"\x00", "\x07", "\x1b", "\r"}
    assert "\n# heading" not in card


def test_a_label_without_a_held_out_sample_is_named(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run", defects=0, escapes=0)
    text = page(open_fitted_run(folder))
    assert "Never tested: no held-out sample is labelled &#39;dent&#39;" in text
    assert "escapes are unknown" in text
