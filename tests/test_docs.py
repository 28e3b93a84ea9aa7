"""What the pages say is held to what the programs do."""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.source_tree import PACKAGES, read_tree
from edge_agent.station.config import read_config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {
    "lineside-agent": "edge_agent",
    "lineside-train": "trainer",
    "lineside-quantize": "quantize",
    "lineside-deploy": "deploy",
}
PARTS_OF_A_MESSAGE = re.compile(r"\.\.\.|\d[\d.x]*|\(|\)|:|;")
"""Where a quoted message has a value in it: the source has a placeholder there."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    own = [link for link in links if not link.startswith("http")]
    assert not [link for link in own if not (page.parent / link).exists()]


def test_the_index_leads_to_every_page() -> None:
    text = (ROOT / "docs" / "index.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert not {name for name in pages if f"({name})" not in text}


def test_messages_of_the_troubleshooting_page_are_those_of_the_programs() -> None:
    sources = "\n".join(module.text for module in read_tree(ROOT, PACKAGES).values())
    lines = (ROOT / "docs" / "troubleshooting.md").read_text().splitlines()
    first_cells = [line.split("|")[1] for line in lines if line.startswith("| ") and "`" in line]
    quoted = [text for cell in first_cells for text in re.findall(r"`([^`]+)`", cell)]
    ours = [text for text in quoted if not text.startswith(("sudo:", "state", "gap"))]
    parts = [part.strip() for text in ours for part in PARTS_OF_A_MESSAGE.split(text)]
    assert len(ours) > 30
    assert not [part for part in parts if len(part) > 7 and part not in sources]


def commands(page: Path) -> Iterator[list[str]]:
    """Every line of a page that begins with one of our programs, continued lines joined."""
    text = page.read_text().replace("\\\n", " ")
    for line in re.findall(r"^ {4,}(?:sudo )?(?:-u \w+ )?((?:/\S+/)?lineside-\w+ .*)$", text, re.M):
        words = shlex.split(line, comments=True)
        words[0] = words[0].rpartition("/")[2]
        if words[0] in PROGRAMS:
            yield words


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    modules = {name: import_module(f"{package}.__main__") for name, package in PROGRAMS.items()}
    return {name: module.PROGRAM.parser() for name, module in modules.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_is_one_that_the_program_takes(
    page: Path, parsers: dict[str, argparse.ArgumentParser], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in commands(page):
        try:
            parsers[words[0]].parse_args(words[1:])
        except SystemExit as ended:
            if ended.code:
                pytest.fail(f"{shlex.join(words)}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("program", list(PROGRAMS))
def test_the_readme_lists_every_verb(
    program: str, parsers: dict[str, argparse.ArgumentParser]
) -> None:
    (row,) = re.findall(rf"^\| `{program}` \|.*$", (ROOT / "README.md").read_text(), re.M)
    actions = parsers[program]._subparsers._group_actions  # type: ignore[union-attr]
    verbs = next(action.choices for action in actions if action.choices)
    names = {verb.prog.split()[-1] for verb in verbs.values()}  # type: ignore[union-attr]
    assert set(re.findall(r"`([a-z-]+)`", row)) - {program} == names


def test_the_figures_of_the_readme_are_those_of_the_page_of_figures() -> None:
    section = (ROOT / "README.md").read_text().partition("## Figures")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| .*$", section, re.M)
    known = (ROOT / "docs" / "figures.md").read_text().splitlines()
    assert len(shown) > 20
    assert not [row for row in shown if row not in known]


def whole_stations() -> Iterator[tuple[str, str]]:
    """(page, text) of every indented block that is a whole station.toml."""
    for page in PAGES:
        for block in re.findall(r"(?:^(?: {4}.*)?\n)+", page.read_text(), re.M):
            if "[station]" in block and "[[channel]]" in block:
                yield page.name, textwrap.dedent(block)


@pytest.mark.parametrize(("page", "text"), list(whole_stations()))
def test_every_station_toml_of_a_page_is_one_that_the_agent_takes(
    page: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "station.toml"
    path.write_text(text)
    assert read_config(path).channel, page


def test_the_pages_on_the_first_steps_have_a_whole_station_toml() -> None:
    pages = {page for page, _ in whole_stations()}
    assert {"first-station.md", "first-camera.md", "first-sensor.md"} <= pages


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "|".join((*PACKAGES, "benchmarks", "tests", "docs"))
    named = re.findall(rf"`((?:{folders})/[\w/.-]+)`", page.read_text())
    named = [str(Path(name).parent) if "NAME" in Path(name).name else name for name in named]
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_benchmark_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"python -m benchmarks\.(\w+)", page.read_text())
    assert not [name for name in named if not (ROOT / "benchmarks" / f"{name}.py").exists()]
