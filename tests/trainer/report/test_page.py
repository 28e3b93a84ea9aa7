"""The whole report of a run whose every name is hostile: nothing of it acts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import RunError
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
        "Largest group",
        "most extreme good parts",
        "Labels to look at",
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


def test_every_thumbnail_lies_in_the_page_once_a_section(tmp_path: Path) -> None:
    text = page(open_fitted_run(write_image_run(tmp_path / "run")))
    assert text.count('data:image/jpeg;base64,/9j/"') == 3


def test_a_damaged_thumbnails_file_is_named(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run")
    (folder / "thumbnails.json").write_text("[]")
    with pytest.raises(RunError, match=r"thumbnails\.json"):
        page(open_fitted_run(folder))


def test_a_run_of_the_release_before_has_a_report_without_thumbnails(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run")
    (folder / "thumbnails.json").unlink()
    document = json.loads((folder / "metrics.json").read_text())
    for key in ("copy_groups", "good_only", "label_doubts"):
        del document[key]
    (folder / "metrics.json").write_text(json.dumps(document))
    text = page(open_fitted_run(folder))
    assert "Near-duplicates" in text
    assert "Labels to look at" not in text


def tiles(folder: Path, **figures: float) -> list[str]:
    """The names of the page's tiles where the run has these figures."""
    document = json.loads((folder / "metrics.json").read_text())
    one = document["held_out"]["accuracy"]
    document["held_out"] = {name: one | {"value": value} for name, value in figures.items()}
    (folder / "metrics.json").write_text(json.dumps(document))
    return re.findall('class="name">([^<]*)<', page(open_fitted_run(folder)))


def test_average_precision_and_recall_stand_beside_accuracy(tmp_path: Path) -> None:
    both = {"detected": 1, "false_reject": 0, "accuracy": 0.9, "macro_f1": 0.8, "auroc": 0.9}
    both |= {"recall_at_1pct_false_reject": 0.7, "average_precision": 0.8}
    shown = tiles(write_image_run(tmp_path / "both"), **both)
    assert shown[2:5] == ["Right label", "Defects found at 1 % false rejects", "Average precision"]
    named = tiles(write_image_run(tmp_path / "labels"), accuracy=0.9, macro_f1=0.8)
    assert named == ["Right label", "Macro F1"]


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
