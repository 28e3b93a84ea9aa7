"""The way back into training: a station's evidence, labelled, makes the next model better.

The first model has never met the fault `unbalance`. Its station meets it, keeps evidence, and the
export is labelled, which the simulator's truth does here in a person's place. The second model
learns from the first data and the export together; both are measured on readings that neither has
seen, of motors that neither has seen.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.rows import Row, say
from benchmarks.workshop import Workshop
from edge_agent.simulator import motor

SEED = 1
UNSEEN = "unbalance"
DEFECT_RATE = 0.5
STATION = """
[station]
id = "bench"
state_dir = "{state}"
[trust]
root = "station"
[line]
deadline_ms = 10000
[evidence]
pass_share = 1.0
most_per_minute = 100000
[[channel]]
name = "motor"
kind = "vibration"
bundle = "station/bundles/motor"
persistence = {{ k = 1, n = 1 }}
[channel.source]
driver = "simulated"
seed = {seed}
start = {start}
parts = {parts}
rate_hz = 20      # as fast as it can decide, the disk would not keep every reading
defect_rate = {defect_rate}
faults = ["ball", "inner", "outer", "unbalance"]
"""


def way_back_rows(quick: bool) -> list[Row]:
    """Recall of the unseen fault and of all, and false rejects, before and after."""
    first, met, measured, epochs = (120, 120, 120, 8) if quick else (240, 240, 400, 25)
    with tempfile.TemporaryDirectory(prefix="lineside-way-back-") as scratch:
        workshop = Workshop(Path(scratch))
        _fit_first(workshop, first, epochs)
        _decide(workshop, "met", 1000, met)
        labelled = _export(workshop)
        before = _measure(workshop, "before", measured)
        _fit_again(workshop, epochs)
        after = _measure(workshop, "after", measured)
    say(f"way back: {labelled} readings were exported and labelled")
    return [
        row
        for name in before
        for row in (
            Row(f"way back, {name}, before", before[name][0], "higher", n=before[name][1]),
            Row(f"way back, {name}, after", after[name][0], "higher", n=after[name][1]),
        )
    ]


def _fit_first(workshop: Workshop, count: int, epochs: int) -> None:
    data = workshop.folder / "data"
    words = ("--count", str(count), "--seed", str(SEED), "--faults", "ball,inner,outer")
    workshop.call("lineside-agent", "simulate", "vibration", "--out", data, *words)
    _deliver(workshop, data, "first", epochs, "1.0.0")


def _deliver(workshop: Workshop, data: Path, name: str, epochs: int, version: str) -> None:
    """Train, prove, sign and push; the limits of accuracy are not what is measured here."""
    run = workshop.train(data, name, "--epochs", str(epochs), "--name", "motor")
    waived = [word for limit in ("auroc", "accuracy", "escapes") for word in ("--allow", limit)]
    workshop.deliver(workshop.bundle(run, "--version", version, *waived))
    say(f"way back: the {name} model is pushed")


def _decide(workshop: Workshop, name: str, start: int, parts: int) -> list[dict[str, str]]:
    """What the station decided on the readings start, start + 1, ...: one object each."""
    path = workshop.folder / f"{name}.toml"
    words = {"state": name, "seed": SEED, "start": start, "parts": parts}
    path.write_text(STATION.format(defect_rate=DEFECT_RATE, **words))
    told = workshop.call("lineside-agent", "run", path, "--json", "--no-wait")
    decided = [json.loads(line) for line in told.splitlines()]
    say(f"way back: {name}: {Counter(one['verdict'] for one in decided)}")
    return decided


def _export(workshop: Workshop) -> int:
    """Export the evidence, and label each row as the person would; the number of rows."""
    out = workshop.folder / "rejects"
    workshop.call("lineside-agent", "evidence", "export", workshop.folder / "met", out)
    rows = _read(out / "labels.csv")
    for row in rows:
        row["label"] = _label(row["part"])
    _write(out / "labels.csv", rows)
    return len(rows)


def _fit_again(workshop: Workshop, epochs: int) -> None:
    """The first data and the export in one folder, with one table."""
    both = workshop.folder / "both"
    shutil.copytree(workshop.folder / "data", both)
    shutil.copytree(workshop.folder / "rejects" / "files", both / "files")
    rows = _read(both / "labels.csv")
    columns = rows[0].keys()
    for row in _read(workshop.folder / "rejects" / "labels.csv"):
        merged = dict.fromkeys(columns, "") | {c: row[c] for c in columns if c in row}
        rows.append(merged | {"group": _motor(row["part"])})
    _write(both / "labels.csv", rows)
    _deliver(workshop, both, "second", epochs, "1.1.0")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _measure(workshop: Workshop, name: str, parts: int) -> dict[str, tuple[float, int]]:
    """Shares and counts: recall of the unseen fault, of all faults, and good ones passed."""
    decided = _decide(workshop, name, 5000, parts)
    stopped = {one["part_id"]: one["verdict"] != "PASS" for one in decided}
    labels = {part: _label(part) for part in stopped}
    groups = {
        f"recall of {UNSEEN}": [part for part in labels if labels[part] == UNSEEN],
        "recall of all faults": [part for part in labels if labels[part] != motor.NORMAL],
    }
    found = {
        title: (sum(stopped[part] for part in among) / max(1, len(among)), len(among))
        for title, among in groups.items()
    }
    good = [part for part in labels if labels[part] == motor.NORMAL]
    passed = sum(not stopped[part] for part in good) / max(1, len(good))
    return found | {"good readings passed": (passed, len(good))}


def _label(part_id: str) -> str:
    return motor.trial(SEED, _number(part_id), DEFECT_RATE, motor.FAULTS).label


def _motor(part_id: str) -> str:
    return f"motor-{SEED}-{_number(part_id) // motor.MOTOR:03d}"


def _number(part_id: str) -> int:
    return int(part_id.rsplit("-", 1)[1])
