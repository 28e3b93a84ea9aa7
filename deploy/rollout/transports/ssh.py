"""By ssh: what a rollout does on one station, by its own verbs `update` and `slots`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from deploy.push.host import Answer, Host, ask, hand_over
from deploy.push.station import UPDATE_FIRST, StationWord, station_word
from deploy.rollout.inventory import Inventory
from deploy.rollout.transport import Release, UnreachedError
from edge_agent.contracts.core.errors import DeviceError

AT_ONCE = 16
ENDS = ("done", "quarantine", "refused")
"""States in which nothing of an update is at work (docs/updates.md)."""
AT_WORK = "an update is in the state"
"""An earlier controller, or its connection, died while this station was at work."""


class SshTransport:
    """The stations of an inventory; every method may be called again, and from several threads."""

    def __init__(
        self,
        inventory: Inventory,
        release: Release,
        probation_s: float,
        newest: Callable[[], bytes] | None = None,
    ) -> None:
        """newest: the bundle file with the newest signature at hand, asked for each station.

        What is released or pushed while a rollout is at work makes an earlier one too old.
        """
        self._newest = newest or (lambda: release.payload)
        self._inventory = inventory
        self._release = release
        self._probation_s = probation_s
        self._words: dict[str, StationWord] = {}

    @property
    def at_once(self) -> int:
        """Each costs this machine a process of ssh."""
        return AT_ONCE

    def open(self) -> None:
        """Each station is called by itself."""

    def close(self) -> None:
        """Nothing stays open."""

    def update(self, name: str) -> str:
        """Bring the release onto a station; why it did not stay there, or nothing.

        Raises DeviceError for one out of reach, UnreachedError before anything was sent to it.
        """
        host = self._inventory.host(name)
        word = self._words.pop(name, None) or _first_word(host)
        if why := word.cannot_read(self._release.manifest):
            return f"{why}: {UPDATE_FIRST}"
        answer = hand_over(
            host,
            ["update", "start"],
            self._release.file,
            self._newest(),
            "--json",
            f"--probation={self._probation_s:g}",
        )
        if AT_WORK in answer.stderr:
            answer = ask(host, "resume", "--json", verb="update")
        found = _json(answer)
        if found.get("state") == "done":
            return ""
        return str(found.get("reason") or answer.stderr.strip() or f"ended in {found.get('state')}")

    def go_back(self, name: str, had: str) -> str:
        """Take a station back to what it had; nothing where it is there already."""
        host = self._inventory.host(name)
        if why := self._end_update(host):
            return why
        if had == self._release.version or self.version(name) != self._release.version:
            return ""
        answer = ask(host, "rollback", "--json", self._release.name)
        return "" if answer.code == 0 else answer.stderr.strip() or f"exit code {answer.code}"

    def _end_update(self, host: Host) -> str:
        """Abort our update where it is at work, as after a lost connection: it would go on, and
        end with the release after the station was counted as back. Why it failed, or nothing."""
        found = _json(ask(host, "status", "--json", verb="update"))
        if not found or found.get("state") in ENDS or not self._is_ours(found):
            return ""
        answer = ask(host, "abort", "--json", "--reason=the rollout went back", verb="update")
        if answer.code:
            return answer.stderr.strip() or f"exit code {answer.code}"
        if found["state"] != "roll_back":  # that others failed is no verdict: it may come again
            ask(host, "free", "--json", str(found["candidate"]), verb="update")
        return ""

    def _is_ours(self, journal: dict[str, Any]) -> bool:
        """Whether the journal of a station's update is about the release."""
        if journal.get("name"):
            found = (journal["name"], journal.get("version"))
            return found == (self._release.name, self._release.version)
        # Before it is verified it has the name of its file alone.
        return PurePosixPath(str(journal.get("source"))).name == self._release.file

    def version(self, name: str) -> str:
        """The version of the release's bundle that a station has now; raises DeviceError."""
        word = self._words[name] = station_word(self._inventory.host(name))
        return word.version_of(self._release.name)


def _first_word(host: Host) -> StationWord:
    try:
        return station_word(host)
    except DeviceError as error:
        raise UnreachedError(error.what, where=error.where, cure=error.cure) from error


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.stdout)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
