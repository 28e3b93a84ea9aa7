"""bench: here, on a station behind a real sshd, and kept in the card of a bundle."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.__main__ import main as deploy
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.bundle_inspector import load_inspector
from quantize.__main__ import main
from quantize.bench.prediction import Prediction, predict
from quantize.graph.read import parse_graph
from tests.deploy import sshd
from tests.station_kit import write_image_bundle

REPO = Path(__file__).parents[3]
SMALL = REPO / "tests" / "edge_agent" / "models" / "brightness.tflite"
PROGRAM = shlex.join(["env", f"PYTHONPATH={REPO}", sys.executable, "-m", "quantize"])
SHORT = ["--threads", "1", "--runs", "20"]


@pytest.fixture(scope="module")
def ssh_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.served(tmp_path_factory.mktemp("sshd")) as config:
        yield config


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_image_bundle(tmp_path / "brightness.bundle")


def test_bench_measures_in_a_fresh_process(capsys: Any) -> None:
    assert main(["bench", str(SMALL), *SHORT, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (timing,) = document["timings"]
    assert 0 < timing["p50_ms"] <= timing["p95_ms"] <= timing["p99_ms"]
    assert timing["cold_start_ms"] > timing["p50_ms"]
    assert 10 < timing["rss_mb"] < 200
    assert "cores" in document["machine"]


def test_the_prediction_stands_beside_the_measurement(capsys: Any) -> None:
    assert main(["bench", str(SMALL), *SHORT]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("predicted")
    assert main(["bench", str(SMALL), *SHORT, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    predicted = document["predicted"]
    assert (predicted is None) == ("nothing" in last)
    if predicted is not None:
        assert 0 < predicted["low_ms"] < predicted["ms"] < predicted["high_ms"]
        assert (
            f"predicted for {predicted['target']} on one thread: {predicted['ms']:.3f} ms" in last
        )
        assert "measured" in last


@pytest.mark.parametrize(
    ("machine", "target"),
    [
        ("Intel(R) Xeon(R), 2 cores, x86_64", "x86"),
        ("Raspberry Pi 5 Model B Rev 1.0, 4 cores, aarch64", "rpi5"),
        ("Raspberry Pi 4 Model B Rev 1.5, 4 cores, aarch64", "rpi4"),
        ("NVIDIA Jetson Orin Nano, 6 cores, aarch64", "jetson"),
        ("some board, 4 cores, aarch64", None),
    ],
)
def test_a_machine_is_predicted_by_the_row_of_its_name(machine: str, target: str | None) -> None:
    predicted = predict(parse_graph(SMALL.read_bytes(), SMALL.name), machine)
    assert (predicted and predicted.target) == target


def test_a_measurement_outside_the_range_is_told() -> None:
    one = Prediction("x86", 2.0, 1.25, 3.2, "measured")
    assert one.sentence(3.0).endswith("measured 1.50 times that, within the range")
    assert one.sentence(4.0).endswith("measured 2.00 times that, outside the range")
    assert one.sentence(None).endswith("not timed with one thread")


def test_kept_run_times_stand_in_the_card_and_as_json(bundle: Path, capsys: Any) -> None:
    before = read_bundle(bundle)
    assert main(["bench", str(bundle), *SHORT, "--save", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    after = read_bundle(bundle)
    assert json.loads(after.files["bench.json"]) == {document["machine"]: document["timings"]}
    card = after.files["card.md"].decode()
    assert "## Run times" in card
    assert f"{document['timings'][0]['p50_ms']:.3f}" in card
    assert after.model == before.model
    assert after.manifest.model_copy(update={"files": {}}) == before.manifest.model_copy(
        update={"files": {}}
    )
    assert load_inspector(after).parity is not None


def test_keeping_again_replaces_the_same_machine(bundle: Path) -> None:
    for _ in range(2):
        assert main(["bench", str(bundle), *SHORT, "--save"]) == 0
    card = read_bundle(bundle).files["card.md"].decode()
    assert card.count("## Run times") == 1
    assert card.count("| litert") == 1


def test_a_signed_bundle_is_not_touched(bundle: Path, tmp_path: Path, capsys: Any) -> None:
    keys = tmp_path / "keys"
    assert deploy(["keys", "init", str(keys)]) == 0
    assert deploy(["release", str(bundle), "--keys", str(keys)]) == 0
    signed = bundle.read_bytes()
    assert main(["bench", str(bundle), *SHORT, "--save"]) == 1
    said = capsys.readouterr().err
    assert "is signed, so its card cannot change: bench with --save before" in said
    assert "timing with" not in said
    assert bundle.read_bytes() == signed
    assert main(["bench", str(bundle), *SHORT]) == 0


def test_a_bare_model_has_no_card(capsys: Any) -> None:
    assert main(["bench", str(SMALL), "--save"]) == 2
    assert "a bare model has no card" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["", "{}", "[]", "welcome", '{"machine": 1, "timings": [{}]}'])
def test_a_station_that_answers_something_else_is_named(
    answer: str, bundle: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\ncat > /dev/null\necho {shlex.quote(answer)}\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    assert main(["bench", str(bundle), "--ssh", "pi@station7"]) == 4
    assert "install the same version of Lineside there" in capsys.readouterr().err


def test_operators_of_a_station_are_timed_there(capsys: Any) -> None:
    assert main(["bench", str(SMALL), "--ssh", "pi@station7", "--profile"]) == 2
    assert "run it on the station itself" in capsys.readouterr().err


def test_the_twin_is_timed_only_where_there_is_one(bundle: Path, capsys: Any) -> None:
    assert main(["bench", str(bundle), "--runtime", "edgetpu"]) == 1
    assert "has no model compiled for Edge TPU" in capsys.readouterr().err


def test_bench_on_a_station_over_ssh(bundle: Path, ssh_config: Path, capsys: Any) -> None:
    words = ["--ssh", "station", "--ssh-config", str(ssh_config), "--program", PROGRAM]
    assert main(["bench", str(bundle), *SHORT, *words, "--json", "--save"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["where"] == "station"
    assert document["timings"][0]["runs"] == 20
    assert list((ssh_config.parent / "scratch").iterdir()) == []
    assert document["machine"] in read_bundle(bundle).files["card.md"].decode()


def test_a_station_without_the_program_is_said(bundle: Path, ssh_config: Path, capsys: Any) -> None:
    words = ["--ssh", "station", "--ssh-config", str(ssh_config), "--program", "no-such-program"]
    assert main(["bench", str(bundle), *SHORT, *words]) == 4
    assert "station: has no no-such-program" in capsys.readouterr().err


def test_what_fails_on_the_station_is_said_here(
    bundle: Path, ssh_config: Path, capsys: Any
) -> None:
    words = ["--ssh", "station", "--ssh-config", str(ssh_config), "--program", PROGRAM]
    assert main(["bench", str(bundle), *SHORT, *words, "--runtime", "tflite_runtime"]) == 1
    assert "bench fails there" in capsys.readouterr().err


def test_bench_of_a_station_that_is_not_there_says_so(capsys: Any) -> None:
    assert main(["bench", str(SMALL), "--ssh", "nobody@station.invalid"]) == 4
    assert "station.invalid: cannot be reached by ssh" in capsys.readouterr().err


def test_what_was_measured_is_kept_for_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    costs = tmp_path / "costs.json"
    monkeypatch.setenv("LINESIDE_COSTS", str(costs))
    model = SMALL.with_name("loudness.tflite")
    assert main(["bench", str(model), *SHORT, "--calibrate", "rpi5", "--json"]) == 0
    said = capsys.readouterr()
    document, row = json.loads(said.out), json.loads(costs.read_text())["rpi5"]
    assert row["measured_ms"] == document["timings"][0]["p50_ms"]
    assert row["predicted_ms"] == document["predicted"]["ms"]
    assert (row["model"], row["machine"]) == (model.name, document["machine"])
    assert f"rpi5 counts times {row['measured_ms'] / row['predicted_ms']:.2f}" in said.err


def test_without_one_thread_there_is_nothing_to_calibrate_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("LINESIDE_COSTS", str(tmp_path / "costs.json"))
    words = ["bench", str(SMALL), "--threads", "2", "--runs", "5", "--calibrate", "x86"]
    assert main(words) == 2
    assert "--threads 1" in capsys.readouterr().err
    assert not (tmp_path / "costs.json").exists()
