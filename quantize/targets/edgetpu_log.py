"""The Edge TPU compiler's own word: run it where it is installed, and read its log."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import ConversionError

COMPILER = "edgetpu_compiler"
MAPPED = "Mapped to Edge TPU"
LIMIT_S = 600
ROW = re.compile(r"^([A-Z][A-Z0-9_]+)\s+(\d+)\s+(\S.*)$")


@dataclass(frozen=True)
class LogRow:
    """So many operators of one kind, and what became of them."""

    operator: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether they run on the Edge TPU."""
        return self.status == MAPPED


def parse_log(text: str) -> list[LogRow]:
    """The table "Operator Count Status" of a compiler's log (versions 2 to 16)."""
    rows = [ROW.match(line.strip()) for line in text.splitlines()]
    return [LogRow(row[1], int(row[2]), row[3].strip()) for row in rows if row]


def has_compiler() -> bool:
    """Whether edgetpu_compiler is on the PATH."""
    return shutil.which(COMPILER) is not None


def compile_model(model: bytes) -> tuple[bytes, list[LogRow]]:
    """The compiled twin of `model` and its log; raises ConversionError where it fails."""
    with tempfile.TemporaryDirectory(prefix="lineside-edgetpu-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        done = subprocess.run(
            [COMPILER, "-s", "-o", name, str(folder / "model.tflite")],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        twin = folder / "model_edgetpu.tflite"
        if done.returncode != 0 or not twin.is_file():
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise ConversionError(
                f"{COMPILER} fails ({last[0]})",
                where="model.tflite",
                cure="see what lineside-quantize inspect --target coral-usb refuses",
            )
        log = folder / "model_edgetpu.log"
        text = log.read_text() if log.is_file() else done.stdout
        return twin.read_bytes(), parse_log(text)
