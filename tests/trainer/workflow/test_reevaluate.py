from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.run_folder.metrics import HeldOutMetrics
from edge_agent.contracts.run_folder.rows import Prediction
from trainer.__main__ import main
from trainer.workflow.reevaluate import HEAD as HEAD_BYTES
from trainer.workflow.reevaluate import Evaluation, refuse_target

HEAD = "path,label,predicted,score,verdict\n"


def left_out(run: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> int:
    assert main(["evaluate", str(run), str(dataset), "--json"]) == 0
    return int(json.loads(capsys.readouterr().out)["left_out"])


def test_training_samples_are_left_out_wherever_the_data_set_lies(
    plates_run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = left_out(plates_run, plates, capsys)
    copy = Path(shutil.copytree(plates, tmp_path / "copy"))
    assert own > 0
    assert left_out(plates_run, copy, capsys) == own
    with (copy / "labels.csv").open("a") as stream:
        stream.write("ok/new.png,ok,99,0\n")
    shutil.copy(copy / "ok" / "00_0.png", copy / "ok" / "new.png")
    assert left_out(plates_run, copy, capsys) == own


def test_other_pictures_of_the_same_names_are_judged(
    plates_run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(plates, tmp_path / "copy"))
    first, second = copy / "ok" / "00_0.png", copy / "ok" / "02_0.png"
    first.write_bytes(second.read_bytes())
    assert left_out(plates_run, copy, capsys) == 0


def test_earlier_predictions_are_replaced(plates_run: Path, plates: Path, tmp_path: Path) -> None:
    target = tmp_path / "p.csv"
    words = ["evaluate", str(plates_run), str(plates), "--predictions", str(target)]
    assert main(words) == 0
    first = target.read_text()
    assert first.startswith(HEAD)
    target.write_text(HEAD)
    assert main(words) == 0
    assert target.read_text() == first


@pytest.mark.parametrize("name", ["mine.txt", "folder", "fifo", "data/new.csv", "run/new.csv"])
def test_a_target_that_is_not_ours_is_refused_before_the_evaluation(
    name: str,
    plates_run: Path,
    plates: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.txt").write_text("path,label\nmine,ok\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "data").symlink_to(plates)
    (tmp_path / "run").symlink_to(plates_run)
    target = tmp_path / name
    words = ["evaluate", str(plates_run), str(plates), "--predictions", str(target)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"--predictions {target}: " in said
    assert "name another file" in said
    assert (tmp_path / "mine.txt").read_text() == "path,label\nmine,ok\n"
    assert not (plates / "new.csv").exists()


def test_a_target_below_a_file_is_refused_before_the_evaluation(
    plates_run: Path, plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    words = ["--predictions", str(tmp_path / "file" / "p.csv")]
    assert main(["evaluate", str(plates_run), str(plates), *words]) == 1
    out, said = capsys.readouterr()
    assert not out
    assert "a file lies where a folder is needed" in said


def test_a_moved_set_of_cut_recordings_is_known_again(
    machines_run: Path, machines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = left_out(machines_run, machines, capsys)
    copy = Path(shutil.copytree(machines, tmp_path / "copy"))
    assert own > 0
    assert left_out(machines_run, copy, capsys) == own


def test_predictions_replace_only_earlier_predictions(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    refuse_target(path, [])
    path.write_text("path,label,predicted,score,verdict\r\na.png,ok,ok,0.1,PASS\r\n")
    refuse_target(path, [])
    marked = f"{HEAD.strip()},needs_baseline"
    others = [HEAD.strip() + ",more\n", f"{marked},more\n", f"{marked}s\n", f"{marked[:-1]}\n"]
    for content in ("", "path,label\n", *others):
        path.write_text(content)
        with pytest.raises(ConfigError, match="holds no predictions"):
            refuse_target(path, [])
        assert path.read_text() == content
    with pytest.raises(ConfigError, match="holds no predictions"):
        refuse_target(tmp_path, [])


def test_no_file_is_written_into_a_protected_folder_by_any_way(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "link").symlink_to(run)
    for path in (run / "new.csv", run / "deep" / ".." / "new.csv", tmp_path / "link" / "new.csv"):
        with pytest.raises(ConfigError, match="which an evaluation leaves as it is"):
            refuse_target(path, [tmp_path / "other", run])


def test_a_table_of_predictions_begins_with_its_head() -> None:
    one = Prediction(0, "a,b.png", "ok", "dent", 0.123456789, "FAIL")
    evaluation = Evaluation("plates", "data", 3, HeldOutMetrics(), [one])
    head, row = evaluation.table().decode().splitlines()
    assert head.encode() == HEAD_BYTES
    assert row == '"a,b.png",ok,dent,0.12345679,FAIL'
    assert evaluation.summary()["left_out"] == 3


def test_the_table_marks_frames_without_a_part() -> None:
    plain = Prediction(0, "a.png", "good", "normal", 0.1, "PASS")
    lost = Prediction(1, "b.png", "good", "anomaly", 9.0, "NO-VERDICT", needs_baseline="always")
    for predictions, columns in (([plain], 5), ([plain, lost], 6)):
        told = Evaluation("run", "set", 0, HeldOutMetrics(), predictions).table().decode()
        assert [len(line.split(",")) for line in told.split()] == [columns] * (len(predictions) + 1)
    assert told.split()[-1] == "b.png,good,anomaly,9.0,NO-VERDICT,always"


def test_a_table_that_marks_frames_without_a_part_is_replaced_by_the_next(tmp_path: Path) -> None:
    lost = Prediction(1, "b.png", "good", "anomaly", 9.0, "NO-VERDICT", needs_baseline="always")
    path = tmp_path / "predictions.csv"
    path.write_bytes(Evaluation("run", "set", 0, HeldOutMetrics(), [lost]).table())
    refuse_target(path, [])
