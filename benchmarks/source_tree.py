"""The source as syntax trees: modules, who imports whom, what is defined and what is named."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("edge_agent", "trainer", "quantize", "deploy")
TREES = (*PACKAGES, "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted, a package's own name for its __init__."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return len(self.text.splitlines())

    @property
    def package(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    @property
    def is_init(self) -> bool:
        """Whether this is an __init__.py."""
        return self.path.name == "__init__.py"

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def imported(self) -> set[str]:
        """Dotted names of imports at any depth: a module, or a module and a name in it."""
        found: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        return found

    @cached_property
    def words(self) -> Counter[str]:
        """How often each identifier or string occurs where it is used, not where it is defined."""
        found: Counter[str] = Counter()
        for node in self.nodes:
            found.update(_used_words(node))
        return found


def read_tree(root: Path, folders: tuple[str, ...] = TREES) -> dict[str, Module]:
    """Dotted name -> module of every .py file below the `folders` of `root`."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    modules = (Module(_dotted(path.relative_to(root)), path, path.read_text()) for path in paths)
    return {module.name: module for module in modules}


def import_graph(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Module -> modules that it imports, late imports and those for type checkers included."""
    return {
        name: {other for other in module.imported if other in modules and other != name}
        for name, module in modules.items()
        if not module.is_init
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            place = stack.index(node)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for node in graph:
        if node not in index:
            visit(node)
    return [group for group in found if len(group) > 1]


def public_names(module: Module) -> list[str]:
    """Public functions, classes and constants of the module's top level."""
    return [name for node in module.tree.body for name in _defined(node) if _is_public(name)]


def public_methods(module: Module, classes: set[str]) -> list[str]:
    """`Class.method` of every public method; only of classes whose bases are all in `classes`.

    A base from elsewhere (Keras, argparse, threading) calls methods by names of its own.
    """
    found: list[str] = []
    for node in module.nodes:
        if isinstance(node, ast.ClassDef) and all(_base(base) in classes for base in node.bases):
            found += [
                f"{node.name}.{item.name}"
                for item in node.body
                if isinstance(item, Function) and _is_public(item.name) and not _is_hook(item)
            ]
    return found


def class_names(modules: dict[str, Module]) -> set[str]:
    """The classes of the tree, and those from elsewhere that call no method by its name."""
    own = {n.name for m in modules.values() for n in m.nodes if isinstance(n, ast.ClassDef)}
    return own | {"Protocol", "Generic", "BaseModel", "StrEnum", "Enum", "Exception", "NamedTuple"}


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _used_words(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield node.name.rpartition(".")[2]
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from node.value.replace(":", ".").replace("[", ".").replace("]", ".").split(".")


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _is_hook(function: Function) -> bool:
    """Whether a decorator calls it: pydantic's validators and serialisers."""
    words = {word for line in function.decorator_list for word in ast.unparse(line).split("(")}
    return any(word.endswith(("validator", "serializer")) for word in words)


def _base(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _base(node.value)
    if isinstance(node, ast.Attribute):  # logging.Handler is not the tree's own Handler
        return f"{_base(node.value)}.{node.attr}"
    return getattr(node, "id", "")
