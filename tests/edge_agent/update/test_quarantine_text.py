"""What a person sees of the candidates that were given up."""

from __future__ import annotations

import json

from edge_agent.update.journal import GivenUp, Quarantine
from edge_agent.update.quarantine_text import shown

NOON_NS = 1_764_417_600 * 10**9
"""2025-11-29 12:00 UTC, by `date -u -d @1764417600`."""


def test_a_candidate_is_one_line_however_many_hashes_it_has() -> None:
    caps = GivenUp(reason="disarmed", name="caps", version="1.5.0", at_ns=NOON_NS)
    found = Quarantine().with_one(("4f" * 32, "a0" * 32), caps)
    found = found.with_one(("bb" * 32,), GivenUp(reason="failed"))
    assert shown(found, as_json=False).splitlines() == [
        "4f4f4f4f4f4f  caps 1.5.0  2025-11-29 12:00 UTC  disarmed",
        "bbbbbbbbbbbb  (unknown)  failed",
    ]
    rows = json.loads(shown(found, as_json=True))
    assert rows[0] == {"candidate": "4f" * 32, **caps.model_dump()}
    assert shown(Quarantine(), as_json=False) == "no candidate is in quarantine"
