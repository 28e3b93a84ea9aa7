"""Wheels made by hand, and a workshop that releases them, for tests of the agent's updates."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from deploy.signing.wheel_release import release_agent
from edge_agent.contracts.model.wheel_set import AGENT_LINE
from tests.signing_kit import Workshop, open_workshop


def write_wheel(
    folder: Path,
    project: str,
    version: str,
    content: Mapping[str, bytes] | None = None,
    *,
    needs: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """A wheel that pip takes, with RECORD (PyPA, binary distribution format)."""
    path = folder / f"{project}-{version}-{tag}.whl"
    info = f"{project}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        **(content or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        f"{needed}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    rows = [f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(ZipInfo(name), text)  # the same content is the same file
    return path


def agent_workshop(folder: Path) -> Workshop:
    """A workshop with the product line `agent`."""
    workshop = open_workshop(folder)
    workshop.repository().add_line(AGENT_LINE)
    return workshop


def release_small_agent(workshop: Workshop, version: str, note: str = "") -> None:
    """A set of two wheels that no pip need install."""
    wheels = workshop.folder / f"wheels-{version}{note}"
    write_wheel(wheels, "lineside", version, {"edge_agent.py": f"# {version}{note}".encode()})
    write_wheel(wheels, "pip", "1.0")
    release_agent(wheels, workshop.repository())


def _digest(text: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")
