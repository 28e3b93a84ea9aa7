"""The rules of the house that can be read off the tree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge_agent", "trainer", "quantize", "deploy")
TREES = (*PACKAGES, "benchmarks")
MODULES = sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))
COMMANDS = {
    "edge_agent": "lineside-agent",
    "trainer": "lineside-train",
    "quantize": "lineside-quantize",
    "deploy": "lineside-deploy",
}
TEXTS = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".service", ".html", ""}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(m.relative_to(ROOT)): n for m in MODULES if (n := len(m.read_text().splitlines())) > 400
    }
    assert not long


def test_init_files_are_empty() -> None:
    assert not [m for m in MODULES if m.name == "__init__.py" and m.read_text().strip()]


def test_every_public_function_has_annotations_and_every_module_a_docstring() -> None:
    bare = [
        str(m.relative_to(ROOT))
        for m in MODULES
        if m.name not in ("__init__.py", "__main__.py")
        and not ast.get_docstring(ast.parse(m.read_text()))
    ]
    assert not bare


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
def test_command_has_help_and_version_in_any_folder(package: str, tmp_path: Path) -> None:
    shown = run(package, "--help", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"usage: {COMMANDS[package]}" in shown.stdout
    version = run(package, "--version", cwd=tmp_path)
    assert re.fullmatch(rf"{COMMANDS[package]} \d+\.\d+\.\d+\n", version.stdout)
    verbs = re.findall(r"^    ([a-z][a-z-]*)(?: {2,}|$)", shown.stdout, re.MULTILINE)
    assert len(verbs) >= 4
    for verb in verbs:
        text = run(package, verb, "--help", cwd=tmp_path)
        assert text.returncode == 0, text.stderr
        assert "example" in text.stdout.lower(), f"{package} {verb} --help has no example"


@pytest.mark.parametrize("package", PACKAGES)
def test_unknown_verb_is_misuse(package: str, tmp_path: Path) -> None:
    done = run(package, "frobnicate", cwd=tmp_path)
    assert done.returncode == 2
    assert "frobnicate" in done.stderr
    assert not done.stdout


HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "pandas", "scipy", "rich", "pyarrow")


@pytest.mark.parametrize("module", ["edge_agent.station.station", "edge_agent.__main__"])
def test_station_loads_nothing_of_the_workshop(module: str, tmp_path: Path) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {*HEAVY, "trainer", "quantize", "deploy"}
