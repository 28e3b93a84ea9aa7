"""A program called as a function: exit codes of errors, and the nearest word for a mistyped one."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge_agent.contracts.core import command
from edge_agent.contracts.core.command import Program, Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError, DeviceError, InputError

Shown = pytest.CaptureFixture[str]


def program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException | None
) -> Program:
    """A program with the one verb `measure`, which ends by `error`."""

    def run(arguments: object) -> int:
        if error is not None:
            raise error
        return 3

    def register(verbs: Verbs) -> None:
        verb = add_verb(verbs, "measure", "measure", "examples:\n  bench measure", run)
        verb.add_argument("--rate-hz", choices=["slow", "fast"])

    (tmp_path / "verbs.py").write_text("")
    package, module = ModuleType("benchcli"), ModuleType("benchcli.verbs")
    package.__path__ = [str(tmp_path)]
    module.register = register  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchcli", package)
    monkeypatch.setitem(sys.modules, "benchcli.verbs", module)
    return Program("bench", "benchcli", "a program", "examples")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (None, 3, ""),
        (ConfigError("odd", where="a.toml", cure="edit it"), 2, "error: a.toml: odd: edit it"),
        (InputError("torn"), 1, "error: torn"),
        (DeviceError("gone"), 4, "error: gone"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(errno.ENOENT, "No such file", "x.png"), 1, "x.png: No such file"),
        (OSError(errno.ENOSPC, "full"), 1, "no space left"),
        (ModuleNotFoundError("x", name="serial.tools"), 1, "the package serial is not installed"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException | None,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Shown,
) -> None:
    monkeypatch.setattr(command, "_let_go", lambda: None)
    assert program(monkeypatch, tmp_path, error).main(["measure"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert shown.err.count("\n") == bool(told)


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError(errno.EIO, "io")])
def test_a_fault_of_our_own_is_not_hidden(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(type(error)):
        program(monkeypatch, tmp_path, error).main(["measure"])


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["mesure"], "measure"),
        (["measure", "--rate-h", "fst"], "fast"),
        (["measure", "--rte-hz", "fast"], "--rate-hz"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    words: list[str], meant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Shown
) -> None:
    with pytest.raises(SystemExit) as ended:
        program(monkeypatch, tmp_path, None).main(words)
    assert ended.value.code == 2
    assert f"did you mean {meant}" in capsys.readouterr().err.replace("'", "")
