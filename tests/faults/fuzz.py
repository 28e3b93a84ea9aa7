"""Mutated bundles, manifests, models, vectors, configurations and tables through our readers.

    python -m tests.faults.fuzz --count 100000 [--first-seed N] [--keep FOLDER]

Each case runs in a fork with the bounds that a stranger's model has. Wrong is a traceback, an exit
code that the programs do not have, and a signal where no native code of the runtime is at work;
at work, a signal is what a program turns into an error (edge_agent/contracts/core/isolation.py).
The last line is one JSON object: cases, what came of them, and the faults.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import quantize.graph.read
import quantize.targets.all_targets
from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.isolation import NATIVE_LIMIT, bound_this_process
from edge_agent.contracts.model.bundle import Bundle, archive, list_files, read_bundle
from edge_agent.contracts.process.tables import read_table
from edge_agent.station.config import read_config
from quantize.__main__ import main as quantize
from tests import station_kit

HOSTILE_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF, 0x22, 0x2C, 0x0A)
HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 1e308, 1e-300, "", "x", "é\u202e\u0000", "٤", [], {}, [[]],
    "a" * 5000, [0] * 500, {"kind": "image"}, [{}],
)  # fmt: skip
LIMIT_S = "10"
NATIVE_KINDS = ("model", "vectors", "manifest")
CODES = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Seeds:
    """The sound files that are mutated, and a frame to predict."""

    bundles: list[Bundle]
    config: bytes
    table: bytes
    frame: Path


def make_seeds(folder: Path) -> Seeds:
    """Bundles of every kind of input, a station's configuration, and a table."""
    paths = [
        station_kit.write_image_bundle(folder / "image.bundle"),
        station_kit.write_vibration_bundle(folder / "vibration.bundle"),
        station_kit.write_process_bundle(folder / "process.bundle"),
    ]
    config = station_kit.write_station(folder, 'driver = "folder"\npath = "frames"')
    table = b"torque [Nm],speed [rpm],air [K]\n20,1200,290\n30,1300,300\n"
    frame = station_kit.write_frame(folder / "frame.png", 40)
    return Seeds([read_bundle(path) for path in paths], config.read_bytes(), table, frame)


def mutated(payload: bytes, draw: random.Random) -> bytes:
    """A few bytes changed, cut out, doubled or added."""
    data = bytearray(payload)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        place = draw.randrange(max(1, len(data)))
        length = draw.choice((1, 1, 4, 64))
        step = draw.randrange(6)
        if step < 3 and data:
            data[place] = draw.choice((*HOSTILE_BYTES, draw.randrange(256)))
        elif step == 3:
            del data[place : place + length]
        elif step == 4:
            data[place:place] = data[place : place + length]
        else:
            data[place:place] = draw.randbytes(length)
    return bytes(data)


def mutated_document(document: Any, draw: random.Random) -> Any:
    """One value of a JSON document replaced, removed or doubled, somewhere inside."""
    if isinstance(document, dict) and document and draw.random() < 0.9:
        key = draw.choice(sorted(document))
        if draw.random() < 0.15:
            return {name: value for name, value in document.items() if name != key}
        if draw.random() < 0.1:
            return {**document, draw.choice(("", "x", "é", key + " ")): document[key]}
        return {**document, key: mutated_document(document[key], draw)}
    if isinstance(document, list) and document and draw.random() < 0.8:
        place = draw.randrange(len(document))
        changed = mutated_document(document[place], draw)
        return [*document[:place], changed, *document[place + draw.randrange(2) :]]
    return draw.choice(HOSTILE_VALUES)


def repacked(bundle: Bundle, **files: bytes) -> bytes:
    """An unsigned bundle with other files, whose manifest lists them as it should."""
    whole = {**bundle.files, **{name.replace("__", "."): text for name, text in files.items()}}
    manifest = bundle.manifest.model_copy(update={"files": list_files(whole)})
    return archive({"manifest.json": manifest.model_dump_json(indent=1).encode(), **whole})


def with_manifest(bundle: Bundle, draw: random.Random) -> bytes:
    """The bundle with a mutated manifest: as text, or one of its values."""
    text = bundle.manifest_bytes
    if draw.random() < 0.3:
        changed = mutated(text, draw)
    else:
        changed = json.dumps(mutated_document(json.loads(text), draw)).encode()
    return archive({"manifest.json": changed, **bundle.files})


def case(seeds: Seeds, seed: int, folder: Path) -> tuple[str, Callable[[], int]]:
    """The kind of case number `seed`, and what runs it; its file is written to `folder`."""
    draw = random.Random(seed)
    bundle = draw.choice(seeds.bundles)
    kind = draw.choice(("model", "vectors", "manifest", "bundle", "config", "table"))
    path = folder / "x.bundle"
    if kind == "config":
        path = folder / "station.toml"
        path.write_bytes(mutated(seeds.config, draw))
        return kind, lambda: _ended(lambda: read_config(path))
    if kind == "table":
        path = folder / "x.csv"
        path.write_bytes(mutated(seeds.table, draw))
        return kind, lambda: _ended(lambda: read_table(path))
    if kind == "model":
        path.write_bytes(repacked(bundle, model__tflite=mutated(bundle.model, draw)))
    elif kind == "vectors":
        path.write_bytes(repacked(bundle, vectors__npz=mutated(bundle.files["vectors.npz"], draw)))
    elif kind == "manifest":
        path.write_bytes(with_manifest(bundle, draw))
    else:
        path.write_bytes(mutated(archive_whole(bundle), draw))
    verb = draw.randrange(3)
    words = [["verify", str(path)], ["inspect", str(path)]]
    if verb < 2:
        return kind, lambda: quantize(words[verb])
    return kind, lambda: agent(["predict", str(path), str(seeds.frame)])


def archive_whole(bundle: Bundle) -> bytes:
    """The bytes of a sound bundle."""
    return archive({"manifest.json": bundle.manifest_bytes, **bundle.files})


def _ended(read: Callable[[], object]) -> int:
    """The exit code that a program gives its reader's error."""
    from edge_agent.contracts.core.errors import LinesideError

    try:
        read()
    except LinesideError as error:
        return error.exit_code
    return 0


def run_in_fork(work: Callable[[], int], log: Path) -> int:
    """The exit code of `work` in a fork, or minus the signal that ended it; words go to `log`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 70
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        bound_this_process(cpu_limit_s=60)
        code = work()
    except BaseException:  # noqa: BLE001  this is what the fuzz looks for
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def import_what_forks_import(seeds: Seeds, folder: Path) -> None:
    """Import here what the verbs import late: in each fork it would cost ten times the case."""
    path, names = folder / "sound.bundle", folder / "modules"

    def run_verbs() -> int:
        for verb in ("verify", "inspect"):
            quantize([verb, str(path)])
        agent(["predict", str(path), str(seeds.frame)])
        names.write_text("\n".join(sys.modules))
        return 0

    for bundle in seeds.bundles:
        path.write_bytes(archive_whole(bundle))
        if run_in_fork(run_verbs, folder / "log"):
            raise SystemExit("a sound bundle fails")
        for name in names.read_text().splitlines():
            if name.startswith(("edge_agent.", "quantize.")):
                importlib.import_module(name)


def fault_of(kind: str, code: int, words: str) -> str:
    """What is wrong with how a case ended; empty where nothing is."""
    if "Traceback" in words:
        return words.strip().splitlines()[-1][:200]
    if code < 0:
        return "" if kind in NATIVE_KINDS else f"signal {-code}"
    return "" if code in CODES else f"exit code {code}"


def main(words: list[str] | None = None) -> int:
    """0, or 1 where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files of faults")
    options = parser.parse_args(words)
    os.environ[NATIVE_LIMIT] = LIMIT_S
    ends: Counter[str] = Counter()
    faults: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="lineside-fuzz-") as name:
        folder = Path(name)
        seeds, log = make_seeds(folder), folder / "log"
        import_what_forks_import(seeds, folder)
        work = folder / "case"
        for seed in range(options.first_seed, options.first_seed + options.count):
            work.mkdir(exist_ok=True)
            kind, run = case(seeds, seed, work)
            code = run_in_fork(run, log)
            ends[f"{kind} {'signal' if code < 0 else 'exit'} {abs(code)}"] += 1
            fault = fault_of(kind, code, log.read_text(errors="replace"))
            if fault:
                faults.append({"seed": seed, "kind": kind, "fault": fault})
                if options.keep:
                    shutil.copytree(work, options.keep / str(seed), dirs_exist_ok=True)
    sys.stdout.write(json.dumps({"cases": options.count, "ends": ends, "faults": faults}) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
