"""What some attacks find beside them: a signed bundle with its keys, and damaged models."""

from __future__ import annotations

import random
from pathlib import Path

from deploy.signing.keys import Keyring
from deploy.signing.metadata import Life, utc
from deploy.signing.new_keys import make_keys
from deploy.signing.release import release_bundles
from deploy.signing.repository import FIRST_LINE, Repository
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.model.bundle import read_bundle, write_bundle

DAMAGED = 6
"""Models that attacks/stranger_bundle.py wraps into bundles."""


def write_inputs(work: Path, bundle: Path) -> None:
    """Make work/demo (motor.bundle, keys/) and work/fuzz/modelbundle11 from a vibration bundle."""
    seed = read_bundle(bundle)
    demo = work / "demo"
    demo.mkdir(parents=True)
    spec = seed.manifest.spec.model_copy(update={"name": "motor"})
    motor = demo / "motor.bundle"
    write_bundle(motor, seed.manifest.model_copy(update={"spec": spec}), seed.files)
    life = Life(utc(SystemClock().utc_ns()))
    make_keys(Keyring(demo / "keys"), life)
    repository = Repository(demo / "releases", Keyring(demo / "keys"), life)
    release_bundles([motor], FIRST_LINE, repository)
    _write_damaged(work / "fuzz" / "modelbundle11", seed.model)


def _write_damaged(folder: Path, model: bytes) -> None:
    """Copies of a model with a few wrong bytes, as `DAMAGED` files."""
    folder.mkdir(parents=True)
    rng = random.Random(11)
    for number in range(DAMAGED):
        damaged = bytearray(model)
        for _ in range(1 + 3 * number):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (folder / f"model{number}").write_bytes(damaged)
