"""Run times recorded in a bundle: bench.json, and the same as a table in its card.

The signature covers the manifest, and the manifest lists the card: so they are recorded before
a bundle is signed, and a signed one is never touched.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from quantize.bench.measure import Timing

BENCH = "bench.json"
CARD = "card.md"
HEAD = "## Run times"
SECTION = re.compile(rf"\n*^{HEAD}$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)

BenchRecord = dict[str, list[dict[str, object]]]
"""Machine -> its timings."""


def save_timings(path: Path, machine: str, timings: list[Timing]) -> None:
    """Put `timings` into the bundle at `path`; those of the same machine are replaced.

    Raises BundleError where the bundle is signed.
    """
    bundle = read_bundle(path)
    refuse_signed(path, signed=bundle.signature is not None)
    try:
        record: BenchRecord = json.loads(bundle.files.get(BENCH, b"{}"))
        record[machine] = [asdict(one) for one in timings]
        card = with_section(bundle.files.get(CARD, b"").decode("utf-8"), record)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        what = f"its {BENCH} or {CARD} is damaged"
        raise BundleError(what, where=str(path), cure="convert the run again") from error
    files = {BENCH: json.dumps(record, indent=1).encode(), CARD: card.encode()}
    write_bundle(path, bundle.manifest, {**bundle.files, **files})


def refuse_signed(path: Path, *, signed: bool) -> None:
    """Raise BundleError before a signed bundle would be changed."""
    if signed:
        raise BundleError(
            "is signed, so its card cannot change",
            where=str(path),
            cure="bench with --save before lineside-deploy release, or leave --save out",
        )


def with_section(card: str, record: BenchRecord) -> str:
    """The card with one section of run times, in the place of any it had."""
    lines = [
        "",
        HEAD,
        "",
        "| machine | runtime | threads | p50 ms | p95 ms | p99 ms | cold start ms | RSS MB |",
        "|---|---|---|---|---|---|---|---|",
        *(_line(machine, one) for machine, timings in record.items() for one in timings),
        "",
    ]
    return SECTION.sub("", card).rstrip() + "\n" + "\n".join(lines)


def _line(machine: str, one: dict[str, object]) -> str:
    numbers = [f"{one[name]:.3f}" for name in ("p50_ms", "p95_ms", "p99_ms")]
    whole = [f"{one[name]:.0f}" for name in ("cold_start_ms", "rss_mb")]
    cells = [machine.replace("|", "/"), str(one["runtime"]), str(one["threads"]), *numbers, *whole]
    return f"| {' | '.join(cells)} |"
