"""The next agent for an emulated board: the wheels of its image, lineside as a later version."""

from __future__ import annotations

import shutil
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from packaging.version import Version

from deploy.signing.wheel_release import release_agent
from edge_agent.contracts.core.own_version import own_version
from tests.signing_kit import Workshop
from tests.wheel_kit import write_wheel


def release_next_agent(workshop: Workshop, wheels: Path) -> str:
    """Release the wheels in the folder `wheels` with a later version of lineside; that version."""
    now = Version(own_version())
    new = f"{now.major}.{now.minor}.{now.micro + 1}"
    folder = workshop.folder / "agent-wheels"
    shutil.copytree(wheels, folder)
    (own,) = folder.glob("lineside-*.whl")
    with ZipFile(own) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    own.unlink()
    (about,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    needs = HeaderParser().parsestr(files[about].decode()).get_all("Requires-Dist") or []
    content = {name: text for name, text in files.items() if ".dist-info/" not in name}
    write_wheel(folder, "lineside", new, content, needs=needs)
    release_agent(folder, workshop.repository())
    return new
