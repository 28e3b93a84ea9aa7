"""What a disk holds after a power cut, byte by byte: recorded system calls, replayed.

Other than power_cut.Disk, which replays whole files, this keeps every single write, so that a
database that writes into the middle of its files can be tested. Durable is what fsync(2) promises
and no more: a file's bytes by fsync of the file, names by fsync of the folder. Of the rest, a cut
keeps nothing (strict), everything (eager), or any of it in any order, torn at sectors (mixed).
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CALLS = (
    "openat,open,write,pwrite64,pwritev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,"
    "unlink,unlinkat,mkdir,mkdirat,lseek"
)
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += +(-?\d+)(?:<(.*)>)?$")
SECTOR = 512


@dataclass(frozen=True)
class Call:
    """One recorded change; `data` are the bytes that were written at `offset`."""

    kind: str
    path: str
    other: str = ""
    offset: int = 0
    data: bytes = b""


@dataclass
class File:
    """The durable bytes of a file, and the writes that are not durable yet."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)
    size: int = 0


def record_bytes(command: list[str], root: Path, log: Path) -> list[Call]:
    """Run `command` under strace; its changes below `root`, and its words on stdout (kind say)."""
    words = ["strace", "-f", "-qq", "-y", "-xx", "-s", "70000", "-e", f"trace={CALLS}"]
    done = subprocess.run(
        [*words, "-o", str(log), *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    calls, ends = [], {}
    for line in _whole_lines(log.read_text()):
        found = LINE.match(line)
        if found and int(found[3]) >= 0:
            calls += _calls(found[1], found[2], int(found[3]), _text(found[4] or ""), ends)
    inside = [c for c in calls if c.kind == "say" or Path(c.path).is_relative_to(root)]
    return [c for c in inside if not c.path.endswith("-shm")]


class ByteDisk:
    """A disk that is empty at first; apply() the calls, then after_cut() writes what is left."""

    def __init__(self) -> None:
        self.names: dict[str, File] = {}
        self._durable: dict[str, File] = {}

    def apply(self, call: Call) -> None:
        """Carry out one call."""
        if call.kind == "create":
            if call.path not in self.names:
                self.names[call.path] = File()
        elif call.kind in ("write", "truncate"):
            file = self.names[call.path]
            file.pending.append(call)
        elif call.kind == "sync":
            self._sync(call.path)
        elif call.kind == "rename":
            self.names[call.other] = self.names.pop(call.path)
        elif call.kind == "remove":
            self.names.pop(call.path, None)

    def after_cut(self, root: Path, into: Path, how: str, chance: Random) -> None:
        """Write the tree that may be found after a power cut now."""
        into.mkdir(parents=True)
        names = dict(self._durable if how == "strict" else self.names)
        if how == "mixed" and chance.random() < 0.5:
            names = dict(self._durable)
        for name, file in names.items():
            content = bytearray(file.durable)
            for call in file.pending:
                if how == "eager":
                    _carry_out(content, call)
                elif how == "mixed":
                    _carry_out_torn(content, call, chance)
            (into / Path(name).relative_to(root)).write_bytes(content)

    def _sync(self, path: str) -> None:
        file = self.names.get(path)
        if file is not None:
            for call in file.pending:
                _carry_out(file.durable, call)
            file.pending.clear()
            return
        # A folder: its names are durable as they are now.
        inside = {n: f for n, f in self.names.items() if str(Path(n).parent) == path}
        outside = {n: f for n, f in self._durable.items() if str(Path(n).parent) != path}
        self._durable = outside | inside


def _carry_out(content: bytearray, call: Call) -> None:
    if call.kind == "truncate":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
        return
    content.extend(bytes(max(0, call.offset - len(content))))
    content[call.offset : call.offset + len(call.data)] = call.data


def _carry_out_torn(content: bytearray, call: Call, chance: Random) -> None:
    """All of a write, none of it, or some of its sectors."""
    if call.kind == "truncate":
        if chance.random() < 0.5:
            _carry_out(content, call)
        return
    keep = chance.choice((0.0, 0.5, 1.0))
    for at in range(0, len(call.data), SECTOR):
        if chance.random() < keep:
            part = call.data[at : at + SECTOR]
            _carry_out(content, Call("write", call.path, offset=call.offset + at, data=part))


def _whole_lines(text: str) -> list[str]:
    """strace splits a call that another thread interrupts: put both halves together."""
    lines, begun = [], {}
    for line in text.splitlines():
        thread = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>").rstrip()
        elif "resumed>" in line:
            lines.append(begun.pop(thread, "") + line.split("resumed>", 1)[1])
        else:
            lines.append(line)
    return lines


def _text(quoted: str) -> str:
    return _bytes(quoted).decode("utf-8", "replace") if "\\x" in quoted else quoted


def _bytes(quoted: str) -> bytes:
    return bytes.fromhex(quoted.replace("\\x", ""))


def _calls(call: str, text: str, result: int, opened: str, ends: dict[str, int]) -> list[Call]:
    """The change that a traced call made, if any. ends: path -> where the next write() goes."""
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    descriptor = re.match(r"(\d+)<([^>]*)>", text)
    path = _text(descriptor[2]) if descriptor else ""
    if call in ("openat", "open"):
        if "O_CREAT" not in text and "O_TRUNC" not in text:
            return []
        ends[opened] = 0
        created = [Call("create", opened)]
        return [*created, Call("truncate", opened)] if "O_TRUNC" in text else created
    if call == "write":
        if descriptor and descriptor[1] == "1":
            return [Call("say", path, data=_bytes(strings[0]))]
        offset = ends.get(path, 0)
        ends[path] = offset + result
        return [Call("write", path, offset=offset, data=_bytes(strings[0])[:result])]
    if call == "pwrite64":
        offset = int(text.rsplit(",", 1)[1])
        return [Call("write", path, offset=offset, data=_bytes(strings[0])[:result])]
    if call == "ftruncate":
        return [Call("truncate", path, offset=int(text.rsplit(",", 1)[1]))]
    if call in ("fsync", "fdatasync"):
        return [Call("sync", path)]
    if call.startswith("rename"):
        return [Call("rename", _text(strings[0]), _text(strings[1]))]
    if call.startswith("unlink"):
        return [Call("remove", _text(strings[0]))]
    if call == "pwritev":
        raise NotImplementedError(text[:80])
    return []
