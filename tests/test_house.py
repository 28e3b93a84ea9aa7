"""The rules of the house that can be read off the tree."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import Finding, findings
from benchmarks.source_tree import PACKAGES, Module, circles, import_graph, read_tree

pytestmark = pytest.mark.timeout(600)
"""The whole tree is parsed, and every program starts: seconds, but minutes on a busy machine."""

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "edge_agent": "lineside-agent",
    "trainer": "lineside-train",
    "quantize": "lineside-quantize",
    "deploy": "lineside-deploy",
}
TEXTS = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".service", ".html", ""}

STILL: dict[str, int] = {}
"""Figures that are not yet what they must be: they may improve, and not get worse."""

ASK_EVERY_VERB = """
import contextlib, importlib, io, json, sys
program = importlib.import_module(sys.argv[1] + ".__main__").PROGRAM

def ask(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = program.main(list(words))
        except SystemExit as ended:
            code = ended.code
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}

verbs = [a for a in program.parser()._actions if a.dest == "verb"][0].choices
answers = {verb: ask(verb, "--help") for verb in verbs}
print(json.dumps({"help": ask("--help"), "version": ask("--version"),
                  "unknown": ask("frobnicate"), "verbs": answers}))
"""
"""One interpreter asks a program for all its help texts: a start for each verb takes minutes."""


@pytest.fixture(scope="module")
def tree() -> dict[str, Module]:
    return read_tree(ROOT)


@pytest.fixture(scope="module")
def measured() -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(ROOT)}


def test_the_house_is_no_worse_than_it_was(measured: dict[str, Finding]) -> None:
    worse = {
        name: [f"{found.value:g}, at most {limit:g}", *found.offenders]
        for name, found in measured.items()
        if found.is_beyond(limit := STILL.get(name, found.limit))
    }
    assert not worse, json.dumps(worse, indent=1)


def test_every_exception_to_a_rule_names_a_figure(measured: dict[str, Finding]) -> None:
    assert not STILL.keys() - measured.keys()


def test_a_circle_is_found_through_any_number_of_modules(tmp_path: Path) -> None:
    package = tmp_path / "room"
    package.mkdir()
    (package / "a.py").write_text("import room.b\n")
    (package / "b.py").write_text("def f():\n    from room.c import g\n")
    (package / "c.py").write_text("from room import a\n")
    (package / "d.py").write_text("import room.a\n")
    found = circles(import_graph(read_tree(tmp_path, ("room",))))
    assert found == [["room.a", "room.b", "room.c"]]


def test_init_files_are_empty(tree: dict[str, Module]) -> None:
    assert not [name for name, module in tree.items() if module.is_init and module.text.strip()]


def test_every_module_and_public_name_says_what_it_is(tree: dict[str, Module]) -> None:
    bare = [
        f"{name}:{getattr(node, 'name', '')}"
        for name, module in tree.items()
        if not module.is_init
        for node in [module.tree, *_public(module.tree)]
        if not ast.get_docstring(node)
    ]
    assert not bare


def _public(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    named = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return [node for node in named if not node.name.startswith("_")]


def test_no_file_holds_a_registry_address() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    registry = re.compile(r"https?://[^\s\"]*(pypi|pythonhosted|npmjs|deb\.debian)")
    texts = (ROOT / name for name in tracked if Path(name).suffix in TEXTS)
    holders = [p.name for p in texts if p.is_file() and registry.search(p.read_text("utf-8"))]
    assert not holders


def test_constraints_are_names_and_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().split("\n")
    assert all(re.fullmatch(r"[\w.\-]+==[\w.\-+!]+", line) for line in lines if line)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_verb_has_help_with_an_example_in_any_folder(package: str, tmp_path: Path) -> None:
    done = _python("-c", ASK_EVERY_VERB, package, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert f"usage: {COMMANDS[package]}" in answers["help"]["out"]
    assert re.fullmatch(rf"{COMMANDS[package]} \d+\.\d+\.\d+\n", answers["version"]["out"])
    assert len(answers["verbs"]) >= 4
    for verb, answer in answers["verbs"].items():
        assert answer["code"] == 0, answer["err"]
        assert "example" in answer["out"].lower(), f"{package} {verb} --help has no example"
    unknown = answers["unknown"]
    assert (unknown["code"], unknown["out"]) == (2, "")
    assert "frobnicate" in unknown["err"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_program_starts_as_a_module_in_any_folder(package: str, tmp_path: Path) -> None:
    done = _python("-m", package, "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(COMMANDS[package])


HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "pandas", "scipy", "rich", "pyarrow")


@pytest.mark.parametrize("module", ["edge_agent.station.station", "edge_agent.__main__"])
def test_station_loads_nothing_of_the_workshop(module: str, tmp_path: Path) -> None:
    done = _python("-c", f"import sys, {module}; print(*sys.modules)", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {*HEAVY, "trainer", "quantize", "deploy"}


def _python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False
    )
