"""The module's answers to each state of Mender's protocol, without Mender."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.update.journal import QUARANTINE
from tests.edge_agent.rollout.rollout_kit import Line
from tests.edge_agent.update.updaters.updater_kit import packed, station, version

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return station(tmp_path)


def tree(line: Line, payload: Path | None, name: str = "tree") -> Path:
    """The folder that Mender gives to the module."""
    folder = line.folder / name
    (folder / "tmp").mkdir(parents=True)
    (folder / "files").mkdir()
    if payload is not None:
        (folder / "files" / payload.name).write_bytes(payload.read_bytes())
    return folder


def called(line: Line, state: str, folder: Path | None = None) -> int:
    words = ["updater", "mender", state, *([] if folder is None else [str(folder)])]
    return main([*words, "--root", str(line.root), "--probation", "0"])


@pytest.mark.parametrize(
    ("state", "answer"),
    [("SupportsRollback", "Yes\n"), ("NeedsArtifactReboot", "No\n"), ("Download", ""), ("New", "")],
)
def test_what_mender_asks_is_answered(
    tmp_path: Path, capsys: Shown, state: str, answer: str
) -> None:
    words = ["updater", "mender", state, str(tmp_path), "--root", str(tmp_path)]
    assert main(words) == 0
    assert capsys.readouterr().out == answer


def test_install_commit_and_cleanup_leave_the_new_release(line: Line) -> None:
    folder = tree(line, packed(line, "1.1.0"))
    for state in ("Download", "ArtifactInstall", "ArtifactCommit", "Cleanup"):
        assert called(line, state, folder) == 0
    assert version(line) == "1.1.0"


def test_a_rollback_returns_and_leaves_the_release_free_to_come_again(line: Line) -> None:
    release = packed(line, "1.1.0")
    folder = tree(line, release)
    assert called(line, "ArtifactInstall", folder) == 0
    for state in ("ArtifactRollback", "ArtifactFailure"):
        assert called(line, state, folder) == 0
    assert version(line) == "1.0.0"
    assert (line.root / "update" / QUARANTINE).read_text().count("rolled back") == 0
    assert called(line, "ArtifactInstall", tree(line, release, "again")) == 0
    assert version(line) == "1.1.0"


def test_an_update_that_never_began_undoes_nothing_of_the_one_before(
    line: Line, capsys: Shown
) -> None:
    first = tree(line, packed(line, "1.1.0"))
    assert called(line, "ArtifactInstall", first) == 0
    assert called(line, "ArtifactCommit", first) == 0
    second = tree(line, None, "second")
    assert called(line, "ArtifactInstall", second) == 1
    assert "0 files" in capsys.readouterr().err
    assert called(line, "ArtifactCommit", second) == 1
    for state in ("ArtifactRollback", "ArtifactFailure"):
        assert called(line, state, second) == 0
    assert version(line) == "1.1.0"
