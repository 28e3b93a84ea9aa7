"""How easy the source is to find one's way in: sizes, circles, layers, names that nothing uses.

    python -m benchmarks.house [--list NAME]

Reads the tree with `ast`; runs nothing of it. Offenders are listed on stderr.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.rows import Row, print_rows, say
from benchmarks.source_tree import (
    PACKAGES,
    Function,
    Module,
    circles,
    class_names,
    import_graph,
    public_methods,
    public_names,
    read_tree,
)

ROOT = Path(__file__).parents[1]
LONG_FUNCTION = 40


@dataclass(frozen=True)
class Finding:
    """One figure with what it must not exceed, and the places that make it what it is."""

    name: str
    value: float
    limit: float
    unit: str = ""
    offenders: list[str] = field(default_factory=list)
    n: int = 1

    def is_beyond(self, limit: float) -> bool:
        """Whether the figure is worse than `limit`; a share is better when it is higher."""
        return self.value < limit if self.unit == "%" else self.value > limit

    def row(self) -> Row:
        """The figure as a benchmark's row."""
        better: Literal["higher", "lower"] = "higher" if self.unit == "%" else "lower"
        return Row(self.name, self.value, better, self.unit, self.n, reach=self.limit)


@dataclass(frozen=True)
class Extension:
    """A thing that somebody will add: the room it goes to, and members to take as an example.

    The first example that exists stands for the new member; other files would know it by its name.
    """

    name: str
    room: str
    examples: tuple[str, ...]


EXTENSIONS = (
    Extension("an RTSP camera", "edge_agent.capture.camera", ("rtsp", "v4l2")),
    Extension("a Modbus output", "edge_agent.outputs", ("modbus", "gpio", "simulated")),
    Extension("an accelerator target", "quantize.targets", ("coral",)),
    Extension("a runtime", "edge_agent.infer.runtimes", ("tflite_runtime",)),
    Extension("a verb", "edge_agent.cli", ("measure",)),
)
NO_NAMES = {"simulated"}
"""Each room has a simulated member: the word alone leads to none of them."""
MESSAGES = "edge_agent.contracts.wire.kinds."
"""The package with a file for each kind of message."""
SHIPPED_FOR_TESTS = ("ManualClock",)
"""What the product does not use itself, but gives to the tests of whoever extends it."""


def main() -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", metavar="NAME", default="", help="only rows that hold NAME")
    wanted = parser.parse_args().list
    found = [finding for finding in findings(ROOT) if wanted in finding.name]
    for finding in found:
        mark = "beyond" if finding.is_beyond(finding.limit) else "ok"
        say(f"{mark:6} {finding.name}: {finding.value:g}{finding.unit} (asked {finding.limit:g})")
        for offender in finding.offenders:
            say(f"    {offender}")
    print_rows([finding.row() for finding in found])
    return 0


def findings(root: Path) -> list[Finding]:
    """Every figure of the tree at `root`."""
    everything = read_tree(root)
    product = {name: m for name, m in everything.items() if m.package in PACKAGES}
    tests = read_tree(root, ("tests",))
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    return [
        *_sizes(everything),
        _annotations(everything),
        _circles(everything),
        _outside_layers(product, settings["tool"]["importlinter"]["contracts"]),
        _loose(product),
        *(_extension(extension, product) for extension in EXTENSIONS),
        _message_kind(product),
        _broad_handlers(product),
        _untested(product, tests),
        _unused(everything, settings["project"]["scripts"]),
        _asserts(everything),
    ]


def _sizes(modules: dict[str, Module]) -> list[Finding]:
    longest = max(modules.values(), key=lambda module: module.lines)
    sized = [(_lines(f), f"{m.path.name}:{f.name}") for m in modules.values() for f in m.functions]
    lengths = sorted(lines for lines, _ in sized)
    tenths = statistics.quantiles(lengths, n=10)
    long = sorted((one for one in sized if one[0] > LONG_FUNCTION), reverse=True)
    return [
        Finding("longest module", longest.lines, 400, " lines", [longest.name], len(modules)),
        Finding("function median", statistics.median(lengths), 8, " lines", n=len(lengths)),
        Finding("function p90", tenths[-1], 20, " lines", n=len(lengths)),
        Finding(
            f"functions longer than {LONG_FUNCTION} lines",
            len(long),
            0,
            offenders=[f"{name} {lines}" for lines, name in long],
            n=len(lengths),
        ),
    ]


def _lines(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _annotations(modules: dict[str, Module]) -> Finding:
    bare, arguments = [], 0
    for module in modules.values():
        for function in module.functions:
            asked = [a for a in _arguments(function.args) if a.arg not in ("self", "cls")]
            arguments += len(asked)
            bare += [f"{module.name}:{function.name}({a.arg})" for a in asked if not a.annotation]
    share = 100 * (arguments - len(bare)) / max(arguments, 1)
    return Finding("arguments annotated", share, 100, "%", bare, arguments)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [one for one in (arguments.vararg, arguments.kwarg) if one]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _circles(modules: dict[str, Module]) -> Finding:
    found = circles(import_graph(modules))
    lines = [" <-> ".join(group) for group in found]
    return Finding("import circles, late imports included", len(found), 0, "", lines, len(modules))


def _outside_layers(modules: dict[str, Module], contracts: list[dict[str, object]]) -> Finding:
    """Modules whose room is in no layer of import-linter's contracts."""
    rooms: set[str] = set()
    for contract in contracts:
        if contract["type"] == "layers":
            rooms |= set(_rooms(contract))
    outside = [
        module.name
        for module in modules.values()
        if "." in module.name and ".".join(module.name.split(".")[:2]) not in rooms
    ]
    return Finding("modules outside the layers", len(outside), 0, "", outside, len(modules))


def _rooms(contract: dict[str, object]) -> Iterator[str]:
    containers, layers = contract.get("containers"), contract.get("layers")
    for container in containers if isinstance(containers, list) else []:
        for layer in layers if isinstance(layers, list) else []:
            for room in str(layer).replace(":", "|").split("|"):
                yield f"{container}.{room.strip().strip('()')}"


def _loose(modules: dict[str, Module]) -> Finding:
    loose = [
        name
        for name, module in modules.items()
        if name.count(".") == 1 and not module.is_init and not name.endswith(".__main__")
    ]
    return Finding("loose modules at a package's root", len(loose), 0, "", loose, len(modules))


def _extension(extension: Extension, modules: dict[str, Module]) -> Finding:
    """Files that know the example: its own, and each that imports it or holds its name."""
    name = f"files to touch for {extension.name}"
    own = [f"{extension.room}.{example}" for example in extension.examples]
    example = next((one for one in own if one in modules), None)
    if example is None:
        return Finding(name, 99, 1, "", [f"no room for it: {extension.room}"])
    words = {example.rpartition(".")[2]} - NO_NAMES
    others = [
        module.name
        for module in modules.values()
        # A module of the same name is another room's own member: modbus is an output and a trigger.
        if module.name.rpartition(".")[2] != example.rpartition(".")[2]
        and (example in module.imported or _holds(module, words))
    ]
    return Finding(name, 1 + len(others), 1, "", [example, *others])


def _holds(module: Module, words: set[str]) -> bool:
    """Whether a string of the module is one of the names."""
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
        for node in module.nodes
    )


def _message_kind(modules: dict[str, Module]) -> Finding:
    """A kind's own file, and every file that knows all kinds: it must be edited for a new one.

    Whoever treats some kinds in a way of their own names those; a new kind needs nobody who does.
    tests/deploy/history/test_new_kind.py sends a kind that no file of the product knows.
    """
    files = [module for name, module in modules.items() if name.startswith(MESSAGES)]
    kinds = [name for file in files for name in public_names(file) if name.endswith("Message")]
    others = (module for module in modules.values() if module not in files)
    knowing = [m.name for m in others if all(m.words[kind] for kind in kinds)]
    own = [file.name for file in files[:1]]
    return Finding("files to touch for a message kind", 1 + len(knowing), 1, "", own + knowing)


def _broad_handlers(modules: dict[str, Module]) -> Finding:
    """`except Exception` and broader that swallow, outside a worker's loop."""
    found = []
    for module in modules.values():
        in_loops = {id(node) for loop in _loops(module) for node in ast.walk(loop)}
        found += [
            f"{module.name}:{node.lineno}"
            for node in module.nodes
            if isinstance(node, ast.ExceptHandler)
            and _is_broad(node)
            and not _raises(node)
            and id(node) not in in_loops
        ]
    return Finding("broad handlers outside a worker's loop", len(found), 0, "", found)


def _loops(module: Module) -> list[ast.AST]:
    """`while` loops, and functions that a thread, a task or a process of its own runs."""
    started = {
        _last_name(keyword.value)
        for node in module.nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "target"
    }
    started |= {
        _last_name(node.func)
        for guard in module.tree.body
        if isinstance(guard, ast.If) and "__main__" in ast.unparse(guard.test)
        for node in ast.walk(guard)
        if isinstance(node, ast.Call)
    }
    loops: list[ast.AST] = [node for node in module.nodes if isinstance(node, ast.While)]
    return loops + [function for function in module.functions if function.name in started]


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = [handler.type] if handler.type else []
    if handler.type is None:
        return True
    names = (_last_name(one) for kind in kinds for one in getattr(kind, "elts", [kind]))
    return any(name in ("Exception", "BaseException") for name in names)


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _untested(modules: dict[str, Module], tests: dict[str, Module]) -> Finding:
    """Modules that no test imports. A verb is tested through its command."""
    imported = {name for test in tests.values() for name in test.imported}
    asked = [m for m in modules.values() if not m.is_init and not _is_verb(m.name)]
    found = [m.name for m in asked if m.name not in imported]
    return Finding("modules that no test imports", len(found), 0, "", found, len(asked))


def _is_verb(name: str) -> bool:
    return ".cli." in name or name.endswith(".__main__")


def _unused(modules: dict[str, Module], scripts: dict[str, str]) -> Finding:
    """Public names and methods that no module uses; a test's use alone does not count."""
    used = Counter(_words(scripts.values()))
    for module in modules.values():
        used.update(module.words)
    classes = class_names(modules)
    found, names = [], 0
    for module in modules.values():
        public = public_names(module) + public_methods(module, classes)
        names += len(public)
        dead = (one for one in public if not used[one.rpartition(".")[2]])
        found += [f"{module.name}:{one}" for one in dead if one not in SHIPPED_FOR_TESTS]
    return Finding("public names that nothing uses", len(found), 0, "", found, names)


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in text.replace(":", ".").split(".")]


def _asserts(modules: dict[str, Module]) -> Finding:
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules.values()
        for node in module.nodes
        if isinstance(node, ast.Assert)
    ]
    return Finding("asserts outside tests", len(found), 0, "", found)


if __name__ == "__main__":
    sys.exit(main())
