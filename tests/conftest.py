"""What every test may use."""

from __future__ import annotations

import fcntl
import gc
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

DATA = Path(os.environ.get("LINESIDE_DATA", Path(__file__).parents[2] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "mobilenet_v2_1.0_no_top.weights.h5"


Build = Callable[[Path], object]
Shared = Callable[[str, Build], Path]

LONG_FIRST = ("line", "trainer", "quantize", "faults", "benchmarks", "test_house.py")
"""Folders in the order in which they are begun: what is short fills the last gaps."""


NEW_OBJECTS = 50_000
"""As many are made between two searches for cycles. TensorFlow and the tests are some million
objects that stay: to look through them after every 700 new ones takes a third of the time."""


MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
"""The variable that names the folder of pytest's temporary folders."""


def pytest_configure() -> None:
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    # How fast a busy machine draws its examples is no property of what is tested.
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("patient", patient)
    settings.load_profile("patient")
    if _has_room(MEMORY):
        # Twenty thousand times the tests wait until a disk has written, 4 ms each.
        os.environ.setdefault(TEMPORARY, str(MEMORY))


def _has_room(folder: Path) -> bool:
    """Whether tests may write and run files there; a container's is often 64 MB, or noexec."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    free = state.f_bavail * state.f_frsize
    return free > ROOM_BYTES and not state.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)


def pytest_collection_finish() -> None:
    """What has been imported stays: no search looks through it again."""
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    what = "run files, and the tests of each file, in an order drawn from this number"
    parser.addoption("--order-seed", type=int, default=None, metavar="N", help=what)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long files begin first, so that no worker is left alone with one at the end."""
    seed = config.getoption("--order-seed")
    if seed is None:
        items.sort(key=_turn)
    else:
        items.sort(key=lambda item: (_drawn(seed, str(item.path)), _drawn(seed, item.nodeid)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test, and every fixture that is built for it, begins with the same seeds.

    So no test depends on what ran before it. Keras draws its initial weights from `random`.
    """
    _seed()


def _seed() -> None:
    random.seed(1)
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(1)


def _drawn(seed: int, name: str) -> float:
    """The same number in each of pytest's processes."""
    return random.Random(f"{seed} {name}").random()


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """`shared(name, build)`: the path that `build` made, once for all of pytest's processes.

    What took seconds to train is trained once, not once in each process. Do not change it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, build: Build) -> Path:
        path, done = folder / name, folder / f".{name}.done"
        with (folder / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                _seed()
                build(path)
                # Only what was built to its end counts: another process may have died over it.
                done.touch()
        return path

    return once


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}: set LINESIDE_DATA to a folder that has it")
    return DATA


@pytest.fixture(scope="session")
def imagenet_weights() -> Path:
    """MobileNetV2 weights; tests that need them skip where they are absent."""
    if not WEIGHTS.is_file():
        pytest.skip(f"no ImageNet weights at {WEIGHTS}")
    return WEIGHTS
