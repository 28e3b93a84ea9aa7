"""The scripts in the shells they are for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.__main__ import PROGRAM
from deploy.__main__ import main as deploy
from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.completion import completion_script

ASK = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_lineside_deploy
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = tmp_path / "completion"
    script.write_text(completion_script(PROGRAM.parser(), "bash"))
    quoted = " ".join(f"'{word}'" for word in ("lineside-deploy", *words))
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(script=script, words=quoted)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_verbs_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "st") == ["status"]
    assert {"keys", "push", "release", "--version"} <= set(completed(tmp_path, ""))


def test_options_of_a_verb_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "push", "caps.bundle", "--tr") == ["--trust"]
    assert completed(tmp_path, "status", "--tr") == []


def test_a_verb_of_a_verb_is_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "keys", "in") == ["init"]
    assert completed(tmp_path, "keys", "init", "--js") == ["--json"]


def test_choices_of_an_option_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "--completion", "z") == ["zsh"]


def test_where_a_file_is_needed_the_shell_completes_it(tmp_path: Path) -> None:
    assert completed(tmp_path, "release", "./") == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_program_prints_a_script_that_its_shell_reads(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for main in (deploy, agent):
        with pytest.raises(SystemExit) as ended:
            main(["--completion", shell])
        assert ended.value.code == 0
        script = tmp_path / "script"
        script.write_text(capsys.readouterr().out)
        if shutil.which(shell):
            subprocess.run([shell, "-n", script], check=True)
