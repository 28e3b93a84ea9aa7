"""The specification's ids: each is named once, with a test that is there, or with a reason."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "sparkplug.md"
ROW = re.compile(r"^\| `(tck-id-[A-Za-z0-9-]+)` \| (.+) \|$", re.MULTILINE)


def test_every_id_has_a_test_that_is_there_or_a_reason() -> None:
    files = [*FOLDER.glob("test_sparkplug*.py"), *FOLDER.glob("adapters/test_sparkplug*.py")]
    there = set(re.findall(r"^def (test_\w+)", "\n".join(f.read_text() for f in files), re.M))
    rows = ROW.findall(PAGE.read_text("utf-8"))
    ids = [name for name, _ in rows]
    assert len(set(ids)) == len(ids)
    named = [held.strip("`") for _, held in rows if held.startswith("`")]
    assert set(named) <= there
    (count, total) = re.findall(r"(\d+) of (\d+) ids", PAGE.read_text("utf-8"))[0]
    assert (int(count), int(total)) == (len(named), len(ids))
    others = [held for _, held in rows if not held.startswith("`")]
    assert all(len(held) > len("the broker") for held in others)
