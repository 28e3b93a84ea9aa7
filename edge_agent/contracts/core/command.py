"""A command with verbs: how each of the four programs parses, runs and ends.

Exit codes: what the verb gives (0 ok, 1 failed, 2 misuse, 3 defect or fault found, 4 device
absent) or the error's own; after Ctrl-C, SIGTERM or SIGHUP and when the reader of the output hung
up what a shell says of a program that a signal ended (128 + its number). All of them end a verb as
Ctrl-C does: what it began is taken back, and its children end.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import io
import os
import pkgutil
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn, TypeAlias

from edge_agent.contracts.core.completion import SHELLS, CompletionAction
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.own_version import own_version
from edge_agent.contracts.core.printable import printable

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What the `register(verbs)` of a verb's file adds its verbs to."""

QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
"""Decoders say nothing of a broken file, our own error names it; a level set by the user stays."""

CPU_LIMIT_S = 600
"""Processor time of a verb that looks at one model."""

OWN_PACKAGES = ("edge_agent", "trainer", "quantize", "deploy")

INTERRUPTED = 128 + signal.SIGINT
HUNG_UP = 128 + signal.SIGPIPE


@dataclass(frozen=True)
class Program:
    """One command; its verbs are those of every module of `package`.

    extra: of Lineside's wheel, which brings what all of them need.
    """

    name: str
    package: str
    description: str
    epilog: str
    extra: str = "workshop"

    def main(self, argv: list[str] | None = None) -> int:
        """Run one verb and give its exit code; an error is one line on stderr."""
        _show_any_name()
        for name, level in QUIET.items():
            os.environ.setdefault(name, level)
        try:
            try:
                with _ended_by_signals():
                    return self._run(argv)
            finally:
                if sys.stdout:
                    sys.stdout.flush()
        except BrokenPipeError:
            _let_go()
            return HUNG_UP
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            _let_go()
            return _say("error: no space left: free some on the output's disk, or in TMPDIR", 1)

    def parser(self, words: Sequence[str] = ()) -> argparse.ArgumentParser:
        """The parser with the verbs that each module of `package` adds by `register(verbs)`.

        Where `words` begin with the verb of a module, that one alone is imported: on a small board
        all of them take seconds.
        """
        top = HelpfulParser(
            prog=self.name,
            description=self.description,
            epilog=self.epilog,
        )
        said = f"{self.name} {own_version()}"
        top.add_argument("--version", action="version", version=said)
        top.add_argument(
            "--completion",
            action=CompletionAction,
            choices=SHELLS,
            help="print the script by which the shell completes verbs and options",
        )
        verbs = top.add_subparsers(required=True, dest="verb", metavar="VERB")
        modules = [one.name for one in pkgutil.iter_modules(import_module(self.package).__path__)]
        own = words[0].replace("-", "_") if words else ""
        for name in [own] if own in modules else modules:
            import_module(f"{self.package}.{name}").register(verbs)
        return top

    def _run(self, argv: list[str] | None) -> int:
        try:
            words = sys.argv[1:] if argv is None else argv
            arguments = self.parser(words).parse_args(words)
            # Not where a program calls this function: it may have threads, which no fork survives.
            if argv is None and (code := _isolated(arguments)) is not None:
                return code
            return int(arguments.run(arguments))
        except LinesideError as error:
            return _say(f"error: {error}", error.exit_code)
        except KeyboardInterrupt as ended:
            return _say("interrupted", ended.args[0] if ended.args else INTERRUPTED)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in ("", *OWN_PACKAGES):
                raise
            cure = f"install Lineside with its extra [{self.extra}]"
            return _say(f"error: the package {missing} is not installed here: {cure}", 1)
        except MemoryError:
            return _say("error: not enough memory: use a smaller model or file, or end others", 1)
        except OSError as error:
            if error.filename is None or isinstance(error, BrokenPipeError):
                raise
            said = f"{os.fsdecode(error.filename)}: {error.strerror}"
            return _say(f"error: {said}: check the path and the rights on it", 1)


class HelpfulParser(argparse.ArgumentParser):
    """Answers a mistyped verb, choice or option with the nearest one there is.

    Its verbs are such parsers too: examples in `epilog` keep their lines in all of them.
    """

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and the likely cure; exit 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        option = re.search(r"unrecognized arguments: (--[^\s=]+)", message)
        if choice is not None:
            message += _did_you_mean(choice[1], re.findall(r"[^\s',]+", choice[2]))
        elif option is not None:
            # An option of another verb is known here too, and is no cure.
            message += _did_you_mean(option[1], sorted(_options(self) - {option[1]}))
        super().error(message)

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(self.prog)


def add_verb(
    verbs: Verbs,
    name: str,
    about: str,
    examples: str,
    run: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add the verb `name`; without `run` it has verbs of its own."""
    verb = verbs.add_parser(name, help=about, epilog=examples)
    if run is not None:
        verb.set_defaults(run=run)
    return verb


def isolate(verb: argparse.ArgumentParser, argument: str, cpu_limit_s: int = 0) -> None:
    """Let a verb go on in a child, for native code runs a stranger's file in it.

    argument: the name of the argument that names the file. cpu_limit_s: processor time of the verb.
    """
    verb.set_defaults(isolated=argument, cpu_limit_s=cpu_limit_s)


def _isolated(arguments: argparse.Namespace) -> int | None:
    """The exit code of the child, None where this is the child or the verb has none."""
    name = getattr(arguments, "isolated", "")
    if not name or not hasattr(os, "fork"):
        return None
    from edge_agent.contracts.core.isolation import fork_and_wait

    where = str(getattr(arguments, name) or "the bundle")
    return fork_and_wait(where, arguments.cpu_limit_s)


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """The long options of a parser and of its verbs."""
    found: set[str] = set()
    for action in parser._actions:
        found.update(name for name in action.option_strings if name.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            found.update(*(_options(verb) for verb in action.choices.values()))
    return found


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP as Ctrl-C, but where they are ignored (nohup), or outside the main thread,
    where Python sets no handler.
    """

    def end(number: int, frame: object) -> NoReturn:
        del frame
        raise KeyboardInterrupt(128 + number)

    main = threading.current_thread() is threading.main_thread()
    before = {
        one: signal.signal(one, end)
        for one in (signal.SIGTERM, signal.SIGHUP)
        if main and signal.getsignal(one) is signal.SIG_DFL
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _show_any_name() -> None:
    """A file name that the terminal's encoding lacks is shown escaped."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _say(words: str, code: int) -> int:
    shown = "\n".join(printable(line) for line in words.split("\n"))
    print(shown, file=sys.stderr, flush=True)
    return code


def _let_go() -> None:
    """Lead the broken streams nowhere, so that the interpreter ends without a word on them."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
