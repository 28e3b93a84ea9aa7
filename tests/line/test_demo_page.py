"""The demonstration ends with a page that is open and alive, and that ends by its number."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from benchmarks.agent_page import start_agent, wait_for_page
from benchmarks.brokers import free_port
from benchmarks.demo_page import NAME, PASSWORD, open_page
from edge_agent.station.config import read_config
from edge_agent.update.slots import install
from edge_agent.web.updates import prove_bundle
from edge_agent.web.users import Role, UserFile
from tests.signing_kit import open_workshop


def push(folder: Path) -> None:
    """What the demonstration has pushed, under its name."""
    workshop = open_workshop(folder / "workshop")
    install(workshop.signed(), folder / "station", prove_bundle, trust=workshop.public)


def test_the_page_is_open_alive_and_ended_by_its_process(tmp_path: Path) -> None:
    push(tmp_path)
    page = open_page(tmp_path, seed=1, start=600, bundle="brightness")
    assert page is not None, (tmp_path / "page.log").read_text()
    try:
        with urllib.request.urlopen(f"{page.address}login", timeout=10) as answer:
            assert b"Lineside" in answer.read()
        assert UserFile(tmp_path / "users.json").check(NAME, PASSWORD) == Role.ENGINEER
    finally:
        page.agent.terminate()
        assert page.agent.wait(30) == 0
    assert read_config(tmp_path / "page.toml").web.enabled


def test_an_agent_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text("[station]\n")
    agent = start_agent(tmp_path / "station.toml", tmp_path / "log")
    assert not wait_for_page(agent, free_port())
    assert agent.wait() != 0
    assert "station" in (tmp_path / "log").read_text()
