"""What `quarantine` and `free` of `update` and `self-update` show of candidates given up."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from edge_agent.update.journal import GivenUp, Quarantine

SHOWN_DIGITS = 12


def shown(quarantine: Quarantine, *, as_json: bool) -> str:
    """Each candidate on a line: what `free` takes, name and version, when, and why."""
    rows = quarantine.candidates()
    if as_json:
        found = [{"candidate": digests[0], **why.model_dump()} for digests, why in rows]
        return json.dumps(found)
    lines = [_line(digests[0], why) for digests, why in rows]
    return "\n".join(lines) or "no candidate is in quarantine"


def freed_text(freed: GivenUp, given: str, *, as_json: bool) -> str:
    """That a candidate may be tried again. given: how a person named it, where it has no name."""
    if as_json:
        return freed.model_dump_json()
    return f"{freed.title or given}: may be tried again"


def _line(digest: str, why: GivenUp) -> str:
    when = ""
    if why.at_ns:
        when = f"{datetime.fromtimestamp(why.at_ns / 1e9, UTC):%Y-%m-%d %H:%M UTC}"
    parts = (digest[:SHOWN_DIGITS], why.title or "(unknown)", when, why.reason)
    return "  ".join(part for part in parts if part)
