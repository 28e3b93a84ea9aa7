"""The wheel with the extra [tflite] in an environment of its own: the verdicts of LiteRT."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from tests.line.test_device_environment import PACKAGES, STATION
from tests.station_kit import (
    write_frames,
    write_image_bundle,
    write_process_bundle,
    write_vibration_bundle,
)

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "constraints-tflite.txt"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **options
    )  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs in a fresh environment with the wheel and its extra [tflite]."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tflite-runtime 2.14 has wheels for Python 3.11 at most")
    folder = tmp_path_factory.mktemp("tflite")
    for package in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / package
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / package)
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    pip = [folder / "venv" / "bin" / "pip", "install", "--quiet", "-c", REQUIREMENTS]
    done = run(*pip, f"{wheel}[tflite]")
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[object]]:
    """Bundle -> what it is to judge."""
    folder = tmp_path_factory.mktemp("cases")
    rows, signal_csv = folder / "rows.csv", folder / "signal.csv"
    rows.write_text("torque [Nm],speed [rpm],air [K]\n20,1200,290\n60,2300,300\n")
    np.savetxt(signal_csv, np.sin(np.arange(2048)), header="x", comments="")
    return {
        write_image_bundle(folder / "image.bundle"): [write_frames(folder / "frames", 8)],
        write_vibration_bundle(folder / "vibration.bundle"): [signal_csv, "--rate-hz", "1000"],
        write_process_bundle(folder / "process.bundle"): [rows],
    }


def verdicts(programs: Path, bundle: Path, given: list[object]) -> list[tuple[str, str, float]]:
    done = run(programs / "lineside-agent", "predict", bundle, *given, "--json")
    assert done.returncode in (0, 3), done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [(row["verdict"], row["label"], row["score"]) for row in rows]


def test_predict_gives_the_verdicts_of_litert(
    programs: Path, cases: dict[Path, list[object]]
) -> None:
    for bundle, given in cases.items():
        found = verdicts(programs, bundle, given)
        expected = verdicts(Path(sys.executable).parent, bundle, given)
        assert [row[:2] for row in found] == [row[:2] for row in expected]
        assert [row[2] for row in found] == pytest.approx([row[2] for row in expected], abs=1e-3)


def test_verify_holds_and_names_the_runtime(
    programs: Path, cases: dict[Path, list[object]]
) -> None:
    for bundle in cases:
        done = run(programs / "lineside-quantize", "verify", bundle)
        assert done.returncode == 0, done.stderr
        assert "parity vectors hold in tflite_runtime 2.14.0" in done.stdout


def test_an_agent_decides(programs: Path, tmp_path: Path) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 8)
    (tmp_path / "station.toml").write_text(STATION)
    words = [programs / "lineside-agent", "run", "station.toml", "--verbose"]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "8 parts: 6 PASS, 2 FAIL, 0 NO-VERDICT" in done.stderr


def test_a_verb_of_the_workshop_names_the_missing_package(programs: Path, tmp_path: Path) -> None:
    write_image_bundle(tmp_path / "a.bundle")
    done = run(programs / "lineside-quantize", "inspect", tmp_path / "a.bundle")
    assert done.returncode == 1
    assert "the package ai_edge_litert is not installed here" in done.stderr
    assert "Traceback" not in done.stderr
