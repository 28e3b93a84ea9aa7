"""Shell completion: a script of words read off a parser, so that the shell starts no Python."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

SHELLS = ("bash", "zsh")

SCRIPT = """\
# {shell} completion of {program}; once and for all:
#   {program} --completion {shell} >> ~/.{shell}rc
{prelude}_{name}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local path= words= place
  for ((place = 1; place < COMP_CWORD; place++)); do
    case "$path ${{COMP_WORDS[place]}}" in
      {verbs}) path="$path ${{COMP_WORDS[place]}}" ;;
    esac
  done
  case "$path $previous" in
{values}    *)
      case "$path" in
{options}      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _{name} {program}
"""
"""No word of ours fits: the shell completes file names, as it does without us."""


class CompletionAction(argparse.Action):
    """`--completion SHELL`: print the shell's script for this program, and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print and end with 0."""
        del namespace, option_string
        print(completion_script(parser, str(values)), end="")
        parser.exit()


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script by which `shell` completes the verbs, options and choices of `parser`."""
    paths = list(_walk(parser, ""))
    verbs = [f"'{path}'" for path, _ in paths if path]
    options = [f"        '{path}') words={_words(_offered(verb))} ;;\n" for path, verb in paths]
    values = [
        f"    '{path} {option}') words={_words(choices)} ;;\n"
        for path, verb in paths
        for option, choices in _choices(verb)
    ]
    return SCRIPT.format(
        shell=shell,
        program=parser.prog,
        name=re.sub(r"\W", "_", parser.prog),
        prelude="autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else "",
        verbs=" | ".join(verbs) or "''",
        options="".join(options),
        values="".join(values),
    )


def _walk(
    parser: argparse.ArgumentParser, path: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for name, verb in _subparsers(parser).items():
        yield from _walk(verb, f"{path} {name}")


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _offered(parser: argparse.ArgumentParser) -> list[str]:
    """Verbs, long options, and the choices of what has no option."""
    found = list(_subparsers(parser))
    for action in parser._actions:
        found += [name for name in action.option_strings if name.startswith("--")]
        if not action.option_strings and not found:
            found += map(str, action.choices or ())
    return found


def _choices(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    for action in parser._actions:
        if action.choices and action.option_strings:
            for option in action.option_strings:
                yield option, [str(choice) for choice in action.choices]


def _words(words: list[str]) -> str:
    return shlex.quote(" ".join(words))
