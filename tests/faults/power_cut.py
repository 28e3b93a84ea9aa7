"""Power cuts without a power switch: record what a program asks of the kernel, then replay what a
disk may hold at every moment.

strace records the calls. A replayed disk keeps apart what was written and what was made durable:
file content by fsync of the file, names in a folder by fsync of the folder, as fsync(2) promises
and no more. `Disk.after_cut` gives the three answers a real disk may give.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CALLS = (
    "openat,open,creat,write,pwrite64,writev,fsync,fdatasync,sync,rename,renameat,renameat2,mkdir,"
    "mkdirat,symlink,symlinkat,unlink,unlinkat,rmdir,link,linkat,truncate,ftruncate"
)
LINE = re.compile(r"^(\w+)\((.*)\) += +(\d+)(?:<(.*)>)?$")


@dataclass(frozen=True)
class Step:
    """One change: create, write, sync, rename, mkdir, symlink or remove."""

    kind: str
    path: Path
    other: str = ""


@dataclass
class Node:
    """A file, folder or link; `pending` are names that are not durable yet."""

    kind: str
    target: str = ""
    origin: Path | None = None
    synced: bool = True
    names: dict[str, Node] = field(default_factory=dict)
    pending: list[tuple[str, Node | None]] = field(default_factory=list)

    def now(self) -> dict[str, Node]:
        """The names as a running program sees them."""
        return self.known(len(self.pending))

    def known(self, changes: int) -> dict[str, Node]:
        """The names after the first `changes` of those that are not durable."""
        names = dict(self.names)
        for name, node in self.pending[:changes]:
            names.pop(name, None)
            if node is not None:
                names[name] = node
        return names


def record(command: list[str], root: Path) -> list[Step]:
    """Run `command` under strace; the changes it made below `root`, in order."""
    log = root.parent / "strace.log"
    words = ["strace", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run([*words, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    steps = []
    for line in log.read_text(errors="replace").splitlines():
        found = LINE.match(line)
        if found and str(root.parent) in line:
            steps += _steps(found[1], found[2], found[4] or "")
    ours = [step for step in steps if root in (step.path, *step.path.parents)]
    above = [step for step in steps if (step.kind, step.path) == ("sync", root.parent)]
    return [step for step in steps if step in ours or step in above]


class Disk:
    """A replayed disk that begins with the tree `start` (all durable).

    `origins` says, for each file in the order of creation, where its content can be read.
    """

    def __init__(self, start: Path, root: Path, origins: Sequence[Path | None] = ()) -> None:
        self.created: list[Node] = []
        self._origins = origins
        self._root = root
        self._top = Node("folder")
        base = self._top
        for part in root.parent.parts:
            base.names[part] = Node("folder")
            base = base.names[part]
        if start.exists():
            base.names[root.name] = _read(start)

    def apply(self, step: Step) -> None:
        """Carry out one step."""
        if step.kind == "sync":
            node = self._at(step.path)
            node.synced = True
            node.names, node.pending = node.now(), []
            return
        if step.kind == "write":
            self._at(step.path).synced = False
            return
        folder, name = self._at(step.path.parent), step.path.name
        if step.kind == "create":
            if name not in folder.now():
                folder.pending.append((name, self._new_file()))
        elif step.kind == "mkdir":
            folder.pending.append((name, Node("folder")))
        elif step.kind == "symlink":
            folder.pending.append((name, Node("link", target=step.other)))
        elif step.kind == "rename":
            other = Path(step.other)
            if other.parent != step.path.parent:
                raise NotImplementedError("rename between folders")
            moved = folder.now()[name]
            folder.pending += [(other.name, moved), (name, None)]
        else:
            folder.pending.append((name, None))

    def origins(self, finished: Path) -> list[Path | None]:
        """Where the content of each created file is in the tree `finished`, after all steps."""
        self._learn(self._at(self._root), finished)
        return [node.origin for node in self.created]

    def after_cut(self, into: Path, how: str, chance: Random) -> None:
        """Write the tree that may be found after a power cut now.

        strict: only what was made durable. eager: all names, but no content that was not synced.
        mixed: of each folder a random first part of its changes; unsynced content or nothing.
        """
        root = self._root
        names = self._chosen(self._at(root.parent), how, chance)
        if root.name in names:
            self._write(names[root.name], into, how, chance)

    def _chosen(self, folder: Node, how: str, chance: Random) -> dict[str, Node]:
        count = len(folder.pending)
        return folder.known({"strict": 0, "eager": count}.get(how, chance.randint(0, count)))

    def _write(self, node: Node, path: Path, how: str, chance: Random) -> None:
        if node.kind == "link":
            path.symlink_to(node.target)
        elif node.kind == "file":
            whole = node.synced or (how == "mixed" and chance.random() < 0.5)
            path.write_bytes(node.origin.read_bytes() if whole and node.origin else b"")
        else:
            path.mkdir()
            for name, child in self._chosen(node, how, chance).items():
                self._write(child, path / name, how, chance)

    def _learn(self, node: Node, path: Path) -> None:
        for name, child in node.now().items():
            if child.kind == "file" and child.origin is None:
                child.origin = path / name
            elif child.kind == "folder":
                self._learn(child, path / name)

    def _new_file(self) -> Node:
        place = len(self.created)
        origin = self._origins[place] if place < len(self._origins) else None
        self.created.append(Node("file", origin=origin, synced=False))
        return self.created[-1]

    def _at(self, path: Path) -> Node:
        node = self._top
        for part in path.parts:
            node = node.now()[part]
        return node


def missing() -> str:
    """Why nothing can be recorded here; empty where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt install strace)"
    probe = subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "strace is not allowed to trace here"


def _read(path: Path) -> Node:
    if path.is_symlink():
        return Node("link", target=str(path.readlink()))
    if path.is_dir():
        return Node("folder", names={child.name: _read(child) for child in path.iterdir()})
    return Node("file", origin=path)


def _steps(call: str, text: str, opened: str) -> list[Step]:
    """The change that a traced call made, if any."""
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    folder = re.search(r"(?:AT_FDCWD|\b\d+)<([^>]*)>", text)
    if call in ("openat", "open", "creat"):
        return [Step("create", Path(opened))] if "O_CREAT" in text else []
    if call in ("write", "pwrite64", "writev", "ftruncate"):
        return [Step("write", Path(folder[1]))] if folder else []
    if call in ("fsync", "fdatasync"):
        return [Step("sync", Path(folder[1]))] if folder else []
    base = Path(folder[1]) if folder else Path("/")
    if call in ("mkdir", "mkdirat"):
        return [Step("mkdir", base / strings[0])]
    if call in ("symlink", "symlinkat"):
        return [Step("symlink", base / strings[1], strings[0])]
    if call in ("rename", "renameat", "renameat2"):
        return [Step("rename", base / strings[0], str(base / strings[1]))]
    if call in ("unlink", "unlinkat", "rmdir"):
        return [Step("remove", base / strings[0])]
    raise NotImplementedError(f"{call}({text[:80]})")
