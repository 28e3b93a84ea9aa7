"""The demo shows every verdict that can arrive."""

from __future__ import annotations

import io
import json

from rich.console import Console

from benchmarks.demo import live_table
from tests.station_kit import verdict


def test_part_that_was_not_judged_is_shown_with_its_reason() -> None:
    message = json.loads(verdict("test/1/0").model_dump_json(exclude_none=True))
    message["channels"][0]["reason"] = "stale: waited 318 ms"
    page = io.StringIO()
    Console(width=120, file=page).print(live_table([message], 1))
    shown = page.getvalue()
    assert "NO-VERDICT" in shown
    assert "stale: waited 318 ms" in shown
