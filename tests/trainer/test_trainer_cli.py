from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge_agent.simulator.parts import truth
from edge_agent.simulator.scene import render_part
from tests.run_folders import write_image_run
from trainer.__main__ import main


@pytest.mark.parametrize("verb", ["check", "fit", "evaluate", "report"])
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert f"lineside-train {verb}" in capsys.readouterr().out.split("example", 1)[1]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom trainer.__main__ import parser\nparser().format_help()\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'cv2', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "verb",
    [["fit"], ["crossval"], ["tune", "--out", "o"], ["synth", "--out", "o", "--method", "perlin"]],
    ids=lambda verb: verb[0],
)
def test_a_wrong_setting_is_refused_before_anything_heavy_is_loaded(verb: list[str]) -> None:
    code = (
        "import sys\nfrom trainer.__main__ import main\nstatus = main(sys.argv[1:])\n"
        "print(status, sorted({'tensorflow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, *verb, "nowhere", "--epochs", "-1"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"
    assert "command line: epochs: " in done.stderr


def test_an_option_of_a_model_in_another_table_is_told_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fit.toml").write_text('[image]\nforeground = "on"\n')
    assert main(["fit", str(tmp_path), "--config", str(tmp_path / "fit.toml")]) == 2
    said = capsys.readouterr().err
    assert "image: unknown key 'foreground'" in said
    assert "stands under [options]" in said


def test_an_unknown_target_of_a_file_is_refused_before_the_data_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fit.toml").write_text('target = "rpi3"\n')
    assert main(["fit", str(tmp_path / "nowhere"), "--config", str(tmp_path / "fit.toml")]) == 2
    assert "no target 'rpi3', did you mean 'rpi5'?" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("lineside-train 0.")


def test_an_unknown_verb_is_misuse() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train"])
    assert caught.value.code == 2


def test_check_prints_counts_and_protocol(plates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(plates)]) == 0
    said = capsys.readouterr().out
    for text in ("image-class, 60 samples", "labels.csv", "groups by 'plate'", "no faults"):
        assert text in said


def test_check_says_that_parts_lie_at_any_angle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(8):
        picture = render_part(truth(5, k, 0.0), 160, 120, 0.0)
        (tmp_path / "good").mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / "good" / f"{k}.png"), picture[:, :, ::-1])
    (tmp_path / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    main(["check", str(tmp_path)])
    said = capsys.readouterr().out
    assert "of 8 good parts lie at another angle or place" in said
    assert "fit tries to move each part" in said
    main(["check", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)["lying"]["kind"] == "anyhow"


def test_check_speaks_json(machines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(machines), "--group", "load", "--held-out", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["protocol"] == (
        "load 2 held out; healthy split by time; "
        "the last recordings of each label and condition validate"
    )
    assert found["labels"]["knock"]["groups"] == 3
    assert found["rates_hz"] == [2000.0]


@pytest.mark.parametrize("words", ["crossval", "tune --out x", "synth --method perlin --out x"])
def test_a_verb_that_keeps_no_budget_refuses_one(
    words: str, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "fit.toml"
    settings.write_text('target = "rpi4"\n')
    assert main([*words.split(), str(plates), "--config", str(settings)]) == 2
    assert "choose a network, which `fit` alone does" in capsys.readouterr().err


def test_check_names_faults_and_exits_3(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(plates, tmp_path / "plates"))
    (root / "ok" / "00_0.png").write_bytes(b"")
    assert main(["check", str(root)]) == 3
    assert "fault    ok/00_0.png: empty, 0 bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["check", "nowhere"], 1, "nowhere: no such folder"),
        (["fit", "PLATES", "--model", "cmn"], 2, "did you mean 'cnn'?"),
        (["fit", "PLATES", "--epochs", "-1"], 2, "command line: epochs: Input should be greater"),
        (["fit", "PLATES", "--group", "plat"], 1, "no column 'plat': did you mean 'plate'?"),
        (["fit", "PLATES", "--held-out", "x"], 2, "plate has no value 'x'"),
        (["fit", "PLATES", "--config", "no.toml"], 2, "no.toml: cannot be read"),
        (["report", "PLATES"], 1, "is no run folder: name a folder that lineside-train fit wrote"),
    ],
    ids=["folder", "model", "epochs", "group", "held out", "config", "report"],
)
def test_misuse_ends_in_one_line_on_stderr(
    plates: Path,
    words: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(plates) if word == "PLATES" else word for word in words]) == code
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert said.err.splitlines()[-1] == line
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_the_default_run_folder_is_named_after_data_and_model(
    plates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = tmp_path / "runs" / "plates-cnn"
    there.mkdir(parents=True)
    (there / "config.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(["fit", str(plates), "--weights", "none"]) == 2
    assert f"{there}: this run exists" in capsys.readouterr().err


def test_one_class_is_no_data_set_of_a_classifier(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(plates / "ok", tmp_path / "set" / "ok")
    assert main(["check", str(tmp_path / "set")]) == 3
    shown = capsys.readouterr().out
    assert "none can be made" in shown
    assert "no faults" not in shown
    assert main(["fit", str(tmp_path / "set"), "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "every sample has the label 'ok', a classifier needs two" in said
    assert 'task = "image-anomaly"' in said
    assert not (tmp_path / "run").exists()


def test_run_that_could_not_be_written_is_refused_before_training(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["fit", str(plates), "--out", str(tmp_path / "file" / "run")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "file/run: cannot write (Not a directory)" in said


@pytest.mark.parametrize(
    "verb",
    [
        "check",
        "crossval",
        "evaluate",
        "explain",
        "fit",
        "groups",
        "optimise",
        "report",
        "synth",
        "threshold",
        "tune",
    ],
)
def test_every_verb_that_reports_speaks_json(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "--json" in capsys.readouterr().out


def test_report_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_image_run(tmp_path / "run")
    assert main(["report", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    escapes, rejects = found["acceptance"]
    assert (escapes["errors"], escapes["parts"], escapes["outcome"]) == (1, 20, "NOT PROVEN")
    assert rejects["more"] == 279
    assert Path(found["report"]).is_file()
    assert found["held_out"]["detected"]["value"] == 0.95


def test_a_label_with_markup_is_shown_whole(
    images,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = images({"ok": 4, "scratch [red]": 4, "scratch [blue]": 4})
    assert main(["check", str(root)]) in (0, 3)
    shown = capsys.readouterr().out
    assert "scratch [red]" in shown
    assert "scratch [blue]" in shown
