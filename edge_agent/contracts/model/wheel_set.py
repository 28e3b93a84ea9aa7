"""A wheel set: everything that one version of the agent is installed from, pinned.

`NAME-VERSION.wheels` is its list in JSON, and the one file of it that metadata signs: it names
every wheel with version, size and sha256. The wheels lie beside the signed targets, named by their
content, so that two versions share what is the same in both.
"""

from __future__ import annotations

from typing import Annotated, Self

from packaging.utils import canonicalize_name
from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Name, Sha256, Version

AGENT_LINE = "agent"
"""The product line that alone may release wheel sets."""
ANY_MACHINE = "agent-any"
"""The name of a set that holds no compiled wheel."""
MOST_WHEELS = 300
MOST_WHEEL_BYTES = 1 << 28
OWN, INSTALLER = "lineside", "pip"

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+!-]{0,180}\.whl$")]


class Wheel(Strict):
    """One wheel of a set."""

    file: FileName
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+!_-]{1,64}$")]
    sha256: Sha256
    bytes: int = Field(ge=1, le=MOST_WHEEL_BYTES)

    @property
    def project(self) -> str:
        """The project's name, normalised."""
        return str(canonicalize_name(self.file.partition("-")[0]))

    @property
    def place(self) -> str:
        """Where it lies below the folder of releases."""
        return f"wheels/{self.sha256}.{self.file}"


class WheelSet(Strict):
    """The content of `NAME-VERSION.wheels`."""

    name: Name = Field(description="agent-MACHINE-PYTHON, such as agent-aarch64-cp311")
    version: Version = Field(description="of the agent's own wheel")
    wheels: list[Wheel] = Field(min_length=2, max_length=MOST_WHEELS)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        versions = {wheel.project: wheel.version for wheel in self.wheels}
        if len(versions) < len(self.wheels):
            raise ValueError("a project has two wheels")
        if versions.get(OWN) != self.version:
            raise ValueError(f"holds no wheel of {OWN} {self.version}")
        if INSTALLER not in versions:
            raise ValueError(f"holds no wheel of {INSTALLER}, which installs the others")
        return self

    def wheel(self, project: str) -> Wheel:
        """The wheel of a project that every set has."""
        return next(wheel for wheel in self.wheels if wheel.project == project)


def wheel_set_path(name: str, version: str) -> str:
    """The TUF target path of a wheel set."""
    return f"{AGENT_LINE}/{name}-{version}.wheels"


def machine_name(machine: str, interpreter: str) -> str:
    """The name of the sets for a kind of machine: aarch64 and cp311 give agent-aarch64-cp311."""
    return f"agent-{machine}-{interpreter}"
