"""The file for support: whole, and without secrets at any depth."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.web.diagnostics import Inside, masked
from edge_agent.web.users import Role
from tests.page_kit import PageKit

CHECK = CheckResult("power", "WARN", "since the start: supply voltage too low", "another supply")
CONFIG = {
    "mqtt": {"host": "plant", "username": "s7", "password_file": "/etc/secret.txt"},
    "adapter": [{"driver": "webhook", "token": "abc123", "url": "http://u:hunter2@plant/x"}],
}


def test_the_file_has_the_checks_and_no_secret(tmp_path: Path) -> None:
    kit = PageKit(tmp_path, inside=Inside(board=lambda: [CHECK], config=lambda: CONFIG))
    log = logging.getLogger("lineside.test")
    log.setLevel(logging.INFO)
    log.addHandler(kit.page.log)
    log.warning("login with password=hunter2 failed")
    log.removeHandler(kit.page.log)
    kit.part("p1")
    browser = kit.logged_in(Role.ENGINEER)
    answer = browser.get("/api/system/diagnostics")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert json.loads(files["board.json"]) == [CHECK.row()]
    assert json.loads(files["line.json"])["parts"][0]["part_id"] == "p1"
    assert "****" in files["system.json"]
    assert "lineside==" in files["packages.txt"]
    whole = "".join(files.values())
    for secret in ("hunter2", "abc123", "secret.txt", "$argon2id$"):
        assert secret not in whole


def test_the_checks_of_the_board_are_shown_to_an_engineer(tmp_path: Path) -> None:
    kit = PageKit(tmp_path, inside=Inside(board=lambda: [CHECK]))
    assert kit.logged_in(Role.QUALITY).get("/api/system/board").status_code == 403
    assert kit.logged_in(Role.ENGINEER).get("/api/system/board").json()["checks"] == [CHECK.row()]


def test_masking_keeps_the_rest() -> None:
    assert masked({"a": [{"api_token": "x"}, {"port": 1883}], "key": None}) == {
        "a": [{"api_token": "****"}, {"port": 1883}],
        "key": None,
    }
