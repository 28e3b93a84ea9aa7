"""Names of a data set on the terminal: markup is text, control characters are escapes."""

from __future__ import annotations

import pytest

from trainer.console.output import print_lines, print_table
from trainer.console.progress import TerminalProgress

HOSTILE = "[red]a[/red] [/] :smile: \x1b[2J\x1b]0;owned\x07 \u202eb"
SHOWN = r"[red]a[/red] [/] :smile: \x1b[2J\x1b]0;owned\x07 \u202eb"


def test_a_label_with_markup_is_shown_whole_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("set [bold]", ("label [x]", "n"), [["[crack]", "3"], ["[/]", "4"]])
    shown = capsys.readouterr().out
    for text in ("set [bold]", "label [x]", "[crack]", "[/]"):
        assert text in shown


def test_a_hostile_name_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(HOSTILE, "a\nb")
    TerminalProgress().say(HOSTILE)
    print_table(HOSTILE, ("x",), [["y"]])
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [SHOWN, "a\\x0ab"]
    assert SHOWN in captured.err
    assert not set(captured.out + captured.err) & {"\x1b", "\x07", "\u202e"}
