"""Releasing an agent: a folder of wheels, checked to be whole, as one signed list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version as Order

from deploy.signing.repository import Repository, Target
from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.model.signature import MANIFEST_SHA256
from edge_agent.contracts.model.wheel_set import (
    AGENT_LINE,
    ANY_MACHINE,
    INSTALLER,
    OWN,
    Wheel,
    WheelSet,
    machine_name,
    wheel_set_path,
)

LINUX = re.compile(r"(?:manylinux\w*?|linux)_(aarch64|x86_64)")
EXTRA = "device"
"""What a station needs of the agent's own extras."""


def release_agent(folder: Path, repository: Repository) -> str:
    """Release the wheels in `folder` as one set; returns its target path.

    Raises ConfigError or BundleError that names what is missing or does not fit; nothing is
    published then.
    """
    chosen, payloads = read_wheels(folder)
    for wheel in chosen.wheels:
        path = repository.folder / wheel.place
        if not path.is_file() or sha256_hex(path.read_bytes()) != wheel.sha256:
            write_atomic(path, payloads[wheel.file])
    text = chosen.model_dump_json(indent=1).encode()
    path_of_list = wheel_set_path(chosen.name, chosen.version)
    custom = {MANIFEST_SHA256: sha256_hex(text), "target": chosen.name}
    # The library takes half a second, which reading wheels alone need not pay.
    from deploy.signing.sbom import agent_bill_of_materials

    parts = agent_bill_of_materials(chosen, repository.now)
    note = Target(f"{path_of_list.removesuffix('.wheels')}.cdx.json", parts, {})
    repository.add(AGENT_LINE, [Target(path_of_list, text, custom), note])
    return path_of_list


def read_wheels(folder: Path) -> tuple[WheelSet, dict[str, bytes]]:
    """The wheel set that the wheels in `folder` make, and the bytes of each file."""
    files = sorted(folder.glob("*.whl"))
    names = {path: _parsed(path) for path in files}
    projects = {name: version for name, version, _, _ in names.values()}
    for project in (OWN, INSTALLER):
        if canonicalize_name(project) not in projects:
            raise ConfigError(
                f"holds no wheel of {project}",
                where=str(folder),
                cure="put the agent's wheel there and run `pip download -d` for the others",
            )
    payloads = {path.name: path.read_bytes() for path in files}
    machine, interpreter = _machine_of([tags for *_, tags in names.values()], folder)
    _refuse_open(files, projects, machine, interpreter)
    document = {
        "name": machine_name(machine, interpreter) if machine else ANY_MACHINE,
        "version": str(projects[canonicalize_name(OWN)]),
        "wheels": [_wheel(path, names[path][1], payloads[path.name]) for path in files],
    }
    return validate(WheelSet, document, str(folder)), payloads


def _parsed(path: Path) -> tuple[NormalizedName, Order, BuildTag, frozenset[Tag]]:
    try:
        return parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise ConfigError(str(error), where=str(path), cure="download it again") from error


def _wheel(path: Path, version: Order, payload: bytes) -> Wheel:
    return Wheel(
        file=path.name, version=str(version), sha256=sha256_hex(payload), bytes=len(payload)
    )


def _machine_of(all_tags: list[frozenset[Tag]], folder: Path) -> tuple[str, str]:
    """Machine and interpreter of the compiled wheels ("aarch64", "cp311"); empty without any."""
    machines: set[str] = set()
    interpreters: set[str] = set()
    for tags in all_tags:
        if any(tag.platform == "any" for tag in tags):
            continue
        machines |= {found[1] for tag in tags if (found := LINUX.fullmatch(tag.platform))}
        interpreters |= {tag.interpreter for tag in tags if not _is_stable(tag)}
    if len(machines) > 1 or len(interpreters) > 1:
        found = ", ".join(sorted(machines | interpreters))
        raise ConfigError(
            f"wheels of several kinds of machine ({found})",
            where=str(folder),
            cure="one folder for one machine and one Python",
        )
    return next(iter(machines), ""), next(iter(interpreters), "py3")


def _is_stable(tag: Tag) -> bool:
    """Whether a wheel of this tag runs on every later Python too."""
    return tag.abi in ("abi3", "none")


def _refuse_open(
    files: list[Path], projects: dict[NormalizedName, Order], machine: str, interpreter: str
) -> None:
    """Raises BundleError for a requirement that no wheel of the set meets."""
    environment = {
        "extra": "",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        **({"platform_machine": machine} if machine else {}),
    }
    if found := re.fullmatch(r"cp(\d)(\d+)", interpreter):
        python = f"{found[1]}.{found[2]}"
        environment |= {"python_version": python, "python_full_version": f"{python}.0"}
    for path in files:
        for need in _needs(path):
            extras = ("", EXTRA) if _parsed(path)[0] == OWN else ("",)
            wanted = any(
                need.marker is None or need.marker.evaluate({**environment, "extra": extra})
                for extra in extras
            )
            held = projects.get(canonicalize_name(need.name))
            if wanted and (held is None or not need.specifier.contains(held, prereleases=True)):
                raise BundleError(
                    f"needs {need}, and {f'{held} is there' if held else 'it is not there'}",
                    where=path.name,
                    cure="put its wheel into the folder: stations install without a network",
                )


def _needs(path: Path) -> Iterator[Requirement]:
    try:
        with ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            found = Metadata.from_email(archive.read(name), validate=False)
    except (BadZipFile, StopIteration, OSError) as error:
        raise ConfigError("is no whole wheel", where=str(path), cure="download it again") from error
    yield from found.requires_dist or []
