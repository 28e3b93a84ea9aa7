"""Cards that must never be written: wrong, busy and lying ones, and an image that fits none.

Every one is a real block device (or what a user mistakes for one); `memory` is the file behind it,
whose bytes tell whether anything was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.__main__ import main as deploy_main

MIB = 1 << 20
CARD_BYTES = 4 * MIB
REFUSED = (1, 2, 4)
"""Exit codes of a refusal."""
LYING_CARD = Path(__file__).parents[1] / "tests" / "deploy" / "flash" / "lying_card.py"


@dataclass(frozen=True)
class WrongCard:
    """words: what follows the image on the command line."""

    name: str
    words: tuple[str, ...]
    memory: Path

    def sha256(self) -> bytes:
        """Of every byte that the card holds."""
        return hashlib.sha256(self.memory.read_bytes()).digest()


def tries_that_wrote(image: Path, cards: list[WrongCard], count: int) -> list[str]:
    """Flash `count` cards of the table by chance; those that were changed or not refused."""
    before = {card.name: card.sha256() for card in cards}
    chance, wrote = random.Random(4), []
    for _ in range(count):
        card = chance.choice(cards)
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            code = deploy_main(["flash", str(image), *card.words, "--yes"])
        if code not in REFUSED or card.sha256() != before[card.name]:
            wrote.append(card.name)
    return wrote


@contextmanager
def wrong_cards(folder: Path) -> Iterator[list[WrongCard]]:
    """The table; an image larger than MIB and smaller than CARD_BYTES fits the cards but too small.

    As root. A kind of card that this machine cannot make is left out.
    """
    with ExitStack() as stack:
        yield [*_wrong(folder, stack), *_busy(folder, stack), *_lying(folder, stack)]


def _wrong(folder: Path, stack: ExitStack) -> Iterator[WrongCard]:
    card, small, tiny = _card(folder, "card"), _card(folder, "locked"), _card(folder, "tiny")
    device = stack.enter_context(loop_device(card))
    locked = stack.enter_context(loop_device(small, "--read-only"))
    cut = stack.enter_context(loop_device(tiny, f"--sizelimit={MIB}"))
    right = f"--serial={card}"
    yield WrongCard("not removable", (device,), card)
    yield WrongCard("another serial", (device, "--serial=0x0"), card)
    yield WrongCard("image of another sha256", (device, right, "--sha256", "0" * 64), card)
    yield WrongCard("read-only", (locked, f"--serial={small}"), small)
    yield WrongCard("too small", (cut, f"--serial={tiny}"), tiny)
    yield WrongCard("a file", (str(card), right), card)
    yield WrongCard("absent", (f"{device}absent", right), card)


def _busy(folder: Path, stack: ExitStack) -> Iterator[WrongCard]:
    held = _card(folder, "held")
    device = stack.enter_context(loop_device(held))
    stack.callback(os.close, os.open(device, os.O_RDONLY | os.O_EXCL))
    yield WrongCard("held by another program", (device, f"--serial={held}"), held)
    disk, place = _card(folder, "mounted"), folder / "place"
    place.mkdir()
    subprocess.run(["mke2fs", "-q", "-F", str(disk)], check=True, env=with_sbin())
    device = stack.enter_context(loop_device(disk))
    words = ["mount", "-o", "ro", device, str(place)]
    if subprocess.run(words, check=False, capture_output=True).returncode == 0:
        stack.callback(subprocess.run, ["umount", str(place)], check=True)
        yield WrongCard("mounted", (device, f"--serial={disk}"), disk)


def _lying(folder: Path, stack: ExitStack) -> Iterator[WrongCard]:
    """It states 64 MiB and holds 8, over FUSE; none where mfusepy or FUSE is absent."""
    place, memory = folder / "fuse", folder / "memory"
    place.mkdir()
    words = [sys.executable, str(LYING_CARD), str(place), str(memory), "--holds", "8"]
    child = stack.enter_context(subprocess.Popen(words, stderr=subprocess.DEVNULL))
    stack.callback(child.terminate)
    stack.callback(subprocess.run, ["umount", str(place)], check=False, capture_output=True)
    file = place / "card"
    while not file.exists():
        if child.poll() is not None:
            return
        time.sleep(0.02)
    memory.write_bytes(random.Random(5).randbytes(8 * MIB))
    device = stack.enter_context(loop_device(file))
    yield WrongCard("states more than it holds", (device, f"--serial={file}"), memory)


def _card(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(CARD_BYTES))
    return path


@contextmanager
def loop_device(file: Path, *options: str) -> Iterator[str]:
    """A loop device over `file`; options of losetup."""
    words = ["losetup", "--find", "--show", *options, str(file)]
    device = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def with_sbin() -> dict[str, str]:
    """The environment with the folders of root's programs."""
    return os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
