"""What a host says of itself: its agent, the bundles that it reads, what it has installed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from deploy.push.host import Answer, Host, ask
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.own_version import is_older
from edge_agent.contracts.model.manifest import Manifest

UPDATE_FIRST = (
    "update its agent first (`lineside-deploy push-agent`, or there `lineside-agent self-update "
    "start`); then name the new one: --program ROOT/agent/current/bin/lineside-agent"
)
MISUSE = 2
"""Exit code of an agent that does not know the option `--station`."""
FORMAT_OF_BEFORE = 1
"""What such an agent reads."""


@dataclass(frozen=True)
class Slot:
    """A bundle of the host; fault: why it cannot be used."""

    name: str
    version: str
    sha256: str = ""
    previous: str = ""
    min_version: str = ""
    fault: str = ""


class StationWord(BaseModel):
    """`slots status --json --station`. agent: the one that runs; program: the one that was asked.

    What a later version says beside is passed over.
    """

    agent: str = ""
    program: str = ""
    formats: tuple[int, ...] = (FORMAT_OF_BEFORE,)
    slots: list[Slot] = Field(default_factory=list)

    def version_of(self, name: str) -> str:
        """Of the bundle that is current; empty for none."""
        return next((one.version for one in self.slots if one.name == name), "")

    def cannot_read(self, manifest: Manifest) -> str:
        """Why this station cannot take a bundle; empty where it can. The cure is UPDATE_FIRST."""
        oldest = manifest.oldest_agent
        needs = f"{manifest.spec.name} {manifest.version} has format {manifest.format}"
        needs += f" and needs Lineside {oldest} or newer"
        if manifest.format not in self.formats or is_older(self.program, oldest):
            reads = " and ".join(map(str, self.formats))
            who = f"the program there is {self.program or 'older'} and reads format {reads}"
        elif is_older(self.agent, oldest):
            who = f"its agent is {self.agent}"
        else:
            return ""
        return f"{needs}, {who}"


def station_word(host: Host) -> StationWord:
    """Ask a host; raises DeviceError where it is out of reach, StorageError where it says something
    else."""
    answer = ask(host, "status", "--json", "--station")
    if answer.code == MISUSE:
        return _of_before(host, ask(host, "status", "--json"))
    try:
        return StationWord.model_validate_json(answer.stdout)
    except ValidationError as error:
        raise _no_answer(host, answer) from error


def _of_before(host: Host, answer: Answer) -> StationWord:
    """An agent of before gives a list of slots, each with the agent's version, or without."""
    try:
        rows = json.loads(answer.stdout)
        agent = str(rows[0].get("agent", "")) if rows else ""
        return StationWord(agent=agent, program=agent, slots=rows)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _no_answer(host, answer) from error


def _no_answer(host: Host, answer: Answer) -> StorageError:
    words = answer.stderr.strip()[:300] or f"exit code {answer.code}"
    return StorageError(f"no answer ({words})", where=str(host), cure="check the station")
