"""The actions of a hawkBit server, one after the other, each carried out by the update machine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.errors import (
    BundleError,
    DeviceError,
    LinesideError,
)
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.log_limit import LogLimit
from edge_agent.contracts.core.strict import Strict
from edge_agent.update.bundle_update import Station, journal_of
from edge_agent.update.ddi import Artifact, Base, DdiServer, Deployment, Finished
from edge_agent.update.download import Download
from edge_agent.update.folder import read_below, write_below
from edge_agent.update.handed_over import HandOver
from edge_agent.update.slots import status
from edge_agent.update.state_table import State
from edge_agent.update.stored import parse_stored

LOG = logging.getLogger("lineside.update")

FOLDER, FILE = "hawkbit", "action.json"
MOST_TRIES = 20
"""Of what may pass, such as a full disk; then the action has failed."""
SOONEST_S, FIRST_POLL_S = 5.0, 60.0
"""Between two polls: at least, and until the server has said what it wishes."""
ENDINGS = (".bundle", ".release")


class Action(Strict):
    """action.json. outcome: empty while it is at work; told: the server has taken the outcome.

    server: whose action it is, as every server counts its own from 1; empty: of an agent that did
    not write it down, and taken for this server's.
    """

    action: str = Field(pattern=r"^\d{1,19}$")
    server: str = ""
    outcome: Literal["", "success", "failure", "canceled"] = ""
    reason: str = ""
    tries: int = Field(default=0, ge=0, description="that failed by what may pass")
    told: bool = False

    @property
    def source(self) -> str:
        """What the journal calls it."""
        of = f" {sha256_hex(self.server.encode())[:16]}" if self.server else ""
        return f"hawkbit {self.action}{of}"

    def is_of(self, number: str, server: str) -> bool:
        """Whether it is the server's action of this number."""
        return self.action == number and self.server in ("", server)


class Actions:
    """Polls and acts, one action at a time; attributes: what the server is told of this station."""

    def __init__(
        self,
        server: DdiServer,
        station: Station,
        probation_s: float,
        attributes: Mapping[str, str],
        *,
        retry_s: float = 2.0,
    ) -> None:
        self._server = server
        self._station = station
        self._root: Path = station.root
        self._probation_s = probation_s
        self._attributes = attributes
        self._retry_s = retry_s
        self._asked_s = FIRST_POLL_S
        self._log = LogLimit(LOG, station.clock)
        self._download = Download(server, station.root, FOLDER)

    def follow(self, stop: threading.Event, poll_s: float | None = None) -> None:
        """Poll until `stop` is set; poll_s: in place of what the server asks for."""
        wait_s = 0.0
        while not stop.wait(wait_s):
            self.poll()
            wait_s = max(SOONEST_S, poll_s or self._asked_s)

    def poll(self) -> bool:
        """Look once, and do what is to do; False where it must be tried again.

        What the server says, the network does or the disk lacks is logged, and ends nothing.
        """
        try:
            self.once()
        except (LinesideError, OSError, ValueError) as error:
            self._log.log(logging.ERROR, "hawkbit", f"hawkBit: {error}")
            return False
        return True

    def once(self) -> None:
        """The same; raises what must be tried again: DeviceError for a server out of reach."""
        with self._download.locked():  # a second client would write the same files
            base = self._server.base()
            self._asked_s = float(base.poll_s)
            self._act(base)

    def _act(self, base: Base) -> None:
        if cancel := base.action("cancelAction"):
            self._cancel(cancel)
        elif action := base.action("deploymentBase"):
            self._deploy(action)
        if "configData" in base.links:
            versions = {f"bundle.{one.name}"[:32]: one.version for one in status(self._root)}
            self._server.attributes({**self._attributes, **versions})

    # --- a deployment

    def _deploy(self, number: str) -> None:
        taken = self._taken(number)
        if not taken.outcome and self._is_committed(taken):
            # Before the server is asked: whatever it says now, this is permanent.
            taken = self._succeeded(taken)
        if not taken.outcome:
            taken = self._carried_out(taken)
        if taken.outcome:
            self._tell(taken)

    def _carried_out(self, taken: Action) -> Action:
        """The action as far as it goes now; its outcome is on disk."""
        try:
            deployment = self._server.deployment(taken.action)
            is_installed = self._installed(taken, deployment)
        except DeviceError:
            raise  # the server is away: nothing was learned about the release
        except BundleError as error:
            return self._failed(taken, error)
        except (LinesideError, OSError) as error:
            again = taken.model_copy(update={"tries": taken.tries + 1})
            if again.tries >= MOST_TRIES:
                return self._failed(again, error)
            self._written(again)
            raise
        return self._succeeded(taken) if is_installed else taken

    def _is_committed(self, action: Action) -> bool:
        """Whether the station's last update is this action's, and is done."""
        journal = journal_of(self._root)
        return journal is not None and (journal.state, journal.source) == ("done", action.source)

    def _succeeded(self, taken: Action) -> Action:
        return self._written(taken.model_copy(update={"outcome": "success"}))

    def _installed(self, taken: Action, deployment: Deployment) -> bool:
        """Whether it is current and committed; False where the server asks to wait."""
        artifact = _release_of(deployment)
        if not deployment.may_download:
            return False
        payload = self._download.whole(artifact)
        if payload is None:
            self._server.feedback(taken.action, "download")
            payload = self._download.fetch(artifact)
            self._server.feedback(taken.action, "downloaded")
        if not deployment.may_install:
            return False
        hand_over = self._hand_over(taken)
        hand_over.bring(payload)
        hand_over.commit()
        return True

    def _hand_over(self, action: Action) -> HandOver:
        def tell(state: State) -> None:
            try:
                self._server.feedback(action.action, "proceeding", details=state)
            except DeviceError as error:
                LOG.debug("not told: %s", error)

        return HandOver(
            self._station,
            action.source,
            probation_s=self._probation_s,
            step=tell,
            retry_s=self._retry_s,
        )

    def _failed(self, taken: Action, error: Exception) -> Action:
        """It has failed, once nothing of it is at work; raises StorageError where the way back
        must be tried again."""
        self._hand_over(taken).give_back(str(error))
        LOG.error("hawkBit's action %s failed: %s", taken.action, error)
        return self._written(
            taken.model_copy(update={"outcome": "failure", "reason": str(error)[:1000]})
        )

    def _tell(self, taken: Action) -> None:
        """The outcome, as often as the server asks for the action."""
        finished: Finished = "success" if taken.outcome == "success" else "failure"
        reason = taken.reason or ("" if finished == "success" else taken.outcome)
        self._server.feedback(taken.action, "closed", finished, reason)
        self._download.remove()
        if not taken.told:
            LOG.info("hawkBit's action %s: %s", taken.action, taken.outcome)
            self._written(taken.model_copy(update={"told": True}))

    # --- a cancellation

    def _cancel(self, cancel: str) -> None:
        """Give back what is not done yet; what has ended cannot be cancelled, and another action
        than the cancelled one is never touched."""
        number = self._server.stopped_by(cancel)
        kept = self._read()
        is_kept = kept is not None and kept.is_of(number, self._server.name)
        stopped = kept if kept is not None and is_kept else self._new(number)
        if stopped.outcome in ("success", "failure") or self._is_committed(stopped):
            what = f"the action has ended ({stopped.outcome or 'success'})"
            self._server.feedback(cancel, "rejected", "none", what, of="cancelAction")
            return
        if is_kept:
            self._hand_over(stopped).give_back("hawkBit canceled it")
            self._written(stopped.model_copy(update={"outcome": "canceled", "told": True}))
            self._download.remove()
        self._server.feedback(cancel, "closed", "success", of="cancelAction")

    # --- on disk

    def _taken(self, number: str) -> Action:
        kept = self._read()
        if kept is not None and kept.is_of(number, self._server.name):
            return kept
        if kept is not None and not kept.outcome and not self._is_committed(kept):
            # The server forgot it, or it is another server's: what of it is at work ends, so that
            # this one can begin.
            self._hand_over(kept).give_back("hawkBit asks for another action")
        return self._written(self._new(number))

    def _new(self, number: str) -> Action:
        return Action(action=number, server=self._server.name)

    def _read(self) -> Action | None:
        text = read_below(self._root, FOLDER, FILE)
        if text is None:
            return None
        path = self._root / FOLDER / FILE
        return parse_stored(Action, text, path, "is damaged", "remove this file")

    def _written(self, action: Action) -> Action:
        write_below(self._root, FOLDER, FILE, action.model_dump_json(indent=1).encode())
        return action


def _release_of(deployment: Deployment) -> Artifact:
    """The one release among the artifacts; raises BundleError."""
    found = [one for one in deployment.artifacts if one.filename.endswith(ENDINGS)]
    if len(found) != 1:
        raise BundleError(
            f"{len(found)} releases in one distribution, a station takes one at a time",
            where=f"action {deployment.id}",
            cure="give the software module one .release of `lineside-deploy pack`",
        )
    return found[0]
