"""The first run of a bundle in a child: what it finds is the caller's error, and it is run once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.errors import BundleError, ConfigError, ParityError
from edge_agent.contracts.model.bundle import Bundle, archive_of, parse_bundle, read_bundle
from edge_agent.infer.bundle_inspector import load_inspector
from edge_agent.infer.trial import READY, Trials
from tests import station_kit
from tests.faults.test_fuzz import crashing


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(station_kit.write_image_bundle(tmp_path / "a.bundle"))


def test_a_sound_bundle_is_tried_once(bundle: Bundle) -> None:
    trials = Trials()
    load_inspector(bundle, trials=trials).close()
    trials.command = ["false"]
    load_inspector(bundle, trials=trials).close()
    with pytest.raises(BundleError, match="its first run fails"):
        load_inspector(bundle, threads=2, trials=trials)


def test_a_crash_is_an_error_of_the_bundle(tmp_path: Path) -> None:
    bundle = parse_bundle(crashing("segfault", tmp_path), "x.bundle")
    with pytest.raises(BundleError, match=r"x\.bundle: it crashes the runtime \(SIGSEGV\)"):
        load_inspector(bundle, trials=Trials())


def test_a_service_that_stops_is_no_crash_of_the_bundle(bundle: Bundle) -> None:
    ends = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    trials = Trials(command=[sys.executable, "-c", ends])
    with pytest.raises(BundleError, match=r"stopped from outside \(SIGTERM\): start it again"):
        load_inspector(bundle, trials=trials)


def test_what_does_not_end_is_an_error_of_the_bundle(bundle: Bundle) -> None:
    trials = Trials(0.2, [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(BundleError, match="it does not come to an end in the runtime"):
        trials.check(bundle, "auto", 1)


def test_an_error_in_the_child_comes_back_as_it_was(tmp_path: Path, bundle: Bundle) -> None:
    wrong = read_bundle(station_kit.write_image_bundle(tmp_path / "b.bundle", score_off=0.5))
    with pytest.raises(ParityError, match=r"grey scores .*: do not arm"):
        Trials().check(wrong, "auto", 1)
    with pytest.raises(ConfigError, match="unknown runtime 'onnx'"):
        Trials().check(bundle, "onnx", 1)


def test_an_install_leaves_the_station_as_it_was(tmp_path: Path) -> None:
    path, root = tmp_path / "stranger.bundle", tmp_path / "station"
    path.write_bytes(crashing("segfault", tmp_path))
    assert agent(["slots", "install", str(path), "--root", str(root)]) == 1
    assert not (root / "bundles").exists()


def test_a_child_that_waits_takes_the_next_trial(bundle: Bundle) -> None:
    trials = Trials()
    trials.foresee()
    trials.command = ["false"]
    trials.check(bundle, "auto", 1)
    with pytest.raises(BundleError, match="its first run fails"):
        trials.check(bundle, "auto", 2)


def test_while_a_bundle_is_tried_the_child_of_the_next_gets_ready(bundle: Bundle) -> None:
    trials = Trials()
    trials.foresee(READY + 1)
    first = trials._waiting[:]
    assert len(first) == READY
    trials.check(bundle, "auto", 1)
    trials.command = ["false"]
    for threads in range(2, READY + 2):
        trials.check(bundle, "auto", threads)
    assert trials._waiting == []


def test_no_more_children_are_started_than_bundles_come(bundle: Bundle) -> None:
    trials = Trials()
    trials.foresee()
    trials.foresee(2)
    trials.check(bundle, "auto", 1)
    assert len(trials._waiting) == 1
    trials.foresee(0)
    trials.check(bundle, "auto", 2)
    assert trials._waiting == []


def test_a_child_closes_its_model_and_ends_without_taking_its_libraries_apart(
    bundle: Bundle,
) -> None:
    watched = (
        "import atexit, runpy; from edge_agent.infer.bundle_inspector import BundleInspector as B;"
        "B.close = lambda self: print('closed'); atexit.register(print, 'taken apart');"
        "runpy.run_module('edge_agent.infer.trial_process', run_name='__main__')"
    )
    asked = b'["auto", 1]\n' + archive_of(bundle)
    done = subprocess.run([sys.executable, "-c", watched], input=asked, capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, "closed\n"), done.stderr


def test_a_child_that_ended_before_its_trial_passes_nothing(tmp_path: Path) -> None:
    wrong = read_bundle(station_kit.write_image_bundle(tmp_path / "b.bundle", score_off=0.5))
    sound, trials = Trials().command, Trials(command=["true"])
    trials.foresee()
    trials._waiting[0].wait(20)
    trials.command = sound
    with pytest.raises(ParityError, match="grey scores"):
        trials.check(wrong, "auto", 1)


def test_a_child_that_nobody_needs_is_ended() -> None:
    trials = Trials()
    trials.foresee()
    child = trials._waiting[0]
    trials.dismiss()
    trials.dismiss()
    assert child.poll() is not None


def test_a_child_can_be_started_before_any_library_is_loaded() -> None:
    loaded = (
        "import sys, edge_agent.infer.trial;"
        "print({'numpy', 'cv2', 'pydantic', 'ai_edge_litert'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"
