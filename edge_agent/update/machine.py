"""The update machine: one state after the other, each on disk before its action is begun.

Actions may be begun again: after a kill or a power cut the machine goes on with the action that was
at work. What fails by itself for a while (a full disk, a busy lock) is tried again; a verdict about
the candidate is final. What the station does not take by what it trusts is refused, and remembered
nowhere: another root or newer metadata may let the same candidate pass. Nothing here knows what an
action does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    RollbackError,
    SignatureError,
)
from edge_agent.contracts.core.files import storage_error
from edge_agent.update.folder import Folder
from edge_agent.update.journal import (
    JOURNAL,
    QUARANTINE,
    GivenUp,
    Journal,
    Quarantine,
    read_journal,
    read_quarantine,
    write,
)
from edge_agent.update.state_table import ATTEMPTS, ENDS, ROWS, SWITCHED, State

LOG = logging.getLogger("lineside.update")

Action: TypeAlias = Callable[[Journal], Journal | None]
"""Does the work of one state and returns what it learned; None: not yet, ask again later.

Raises SignatureError or RollbackError for what the station does not take by what it trusts, and
before anything is switched; another BundleError for a verdict about the candidate; another
LinesideError or OSError for what may pass.
"""


class UpdateMachine:
    """Runs the table's actions over the open folder `update`, which the caller has locked.

    forget: clears what a candidate that is given up before the switch has left. verb: the agent's
    verb by which a person goes on. now_ns: UTC, for the quarantine.
    """

    def __init__(
        self,
        folder: Folder,
        actions: Mapping[State, Action],
        forget: Callable[[Journal], None] = lambda _: None,
        verb: str = "update",
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self._folder = folder
        self._verb = verb
        self._now_ns = now_ns
        self._actions = actions
        self._forget = forget
        self.failure: LinesideError | OSError | None = None
        """What the last step failed by, where it may pass."""

    def begin(self, journal: Journal) -> None:
        """Take up a candidate; raises BundleError for one that was given up, or while one is
        at work."""
        self.refuse_at_work()
        self.refuse_given_up(journal.candidate)
        write(self._folder, JOURNAL, journal)

    def refuse_at_work(self) -> None:
        """Raises BundleError while an update is at work."""
        current = read_journal(self._folder)
        if current is not None and current.state not in ENDS:
            raise BundleError(
                f"an update is in the state {current.state}",
                where=str(self._folder.path),
                cure=f"let it end: `lineside-agent {self._verb} resume`, or `{self._verb} abort`",
            )

    def refuse_given_up(self, digest: str) -> None:
        """Raises BundleError for a candidate in quarantine."""
        refuse_quarantined(self._folder, digest, self._verb)

    def run(self) -> Journal | None:
        """Go on until an end, a failure that may pass, or a "not yet"; the journal of then."""
        while True:
            before = read_journal(self._folder)
            after = self.step()
            stays = before is not None and after is not None and after.state == before.state
            if after is None or after.state in ENDS or stays:
                return after

    def step(self) -> Journal | None:
        """Begin the action of the current state; the journal after it, None where there is none.

        Raises StorageError where the journal itself cannot be written: nothing was begun then.
        """
        journal = read_journal(self._folder)
        if journal is None or journal.state in ENDS:
            return journal
        row, self.failure = ROWS[journal.state], None
        if journal.begun >= ATTEMPTS and row.otherwise != row.state:
            reason = journal.reason or f"{row.state} was begun {journal.begun} times"
            return self._move(journal, row.otherwise, reason)
        begun = journal.model_copy(update={"begun": journal.begun + 1})
        self._write(begun)
        try:
            learned = self._actions[row.state](begun)
        except (SignatureError, RollbackError) as error:
            end = row.otherwise if row.state in SWITCHED else "refused"
            return self._move(begun, end, str(error))
        except BundleError as error:
            if row.otherwise == row.state:
                return self._again(begun, str(error))
            return self._move(begun, row.otherwise, str(error))
        except (LinesideError, OSError) as error:
            self.failure = error
            return self._again(begun, str(error))
        if learned is None:
            self._write(journal)
            return journal
        return self._move(learned, row.then, learned.reason)

    def abort(self, reason: str) -> Journal | None:
        """Give the candidate up by a person's word; from the switch on, return first.

        One that is on its way back by a failure keeps the reason of that.
        """
        journal = read_journal(self._folder)
        if journal is None or journal.state in ENDS:
            return journal
        if journal.state == "roll_back":
            return self.run()
        otherwise = ROWS[journal.state].otherwise
        self._move(journal, "quarantine" if otherwise == "refused" else otherwise, reason)
        return self.run()

    def promote(self) -> Journal | None:
        """Let a waiting candidate pass by a person's word, and go on."""
        journal = read_journal(self._folder)
        if journal is not None and journal.state not in ENDS:
            self._write(journal.model_copy(update={"promoted": True}))
        return self.run()

    def pardon(self, journal: Journal) -> None:
        """Take a candidate out of quarantine: what ended it was no verdict about it."""
        before = read_quarantine(self._folder)
        after = before.without((journal.candidate, journal.manifest))
        if after != before:
            self._write_quarantine(after)

    def free(self, digest: str) -> GivenUp:
        """Take the candidate out of quarantine of which `digest` begins a hash, by a person's word.

        Raises BundleError where it is none, or more than one.
        """
        before = read_quarantine(self._folder)
        found = [
            (digests, why)
            for digests, why in before.candidates()
            if any(one.startswith(digest) for one in digests)
        ]
        if len(found) != 1:
            raise BundleError(
                f"{len(found)} candidates in quarantine begin with {digest!r}",
                where=str(self._folder.path),
                cure=f"name one of `lineside-agent {self._verb} quarantine`",
            )
        self._write_quarantine(before.without(found[0][0]))
        return found[0][1]

    def _again(self, journal: Journal, reason: str) -> Journal:
        LOG.warning("update: %s failed (%d): %s", journal.state, journal.begun, reason)
        if ROWS[journal.state].otherwise != journal.state:
            # On the way back the reason stays that of the candidate.
            journal = journal.model_copy(update={"reason": reason})
        self._write(journal)
        return journal

    def _move(self, journal: Journal, state: State, reason: str) -> Journal:
        LOG.info("update: %s -> %s%s", journal.state, state, f" ({reason})" if reason else "")
        if state in ("quarantine", "refused"):
            try:
                self._forget(journal)
            except (LinesideError, OSError) as error:
                LOG.warning("update: something of the candidate is left: %s", error)
        if state == "quarantine":
            given_up = read_quarantine(self._folder).with_one(
                (journal.candidate, journal.manifest), self._why(journal, reason)
            )
            self._write_quarantine(given_up)
        journal = journal.model_copy(update={"state": state, "begun": 0, "reason": reason})
        self._write(journal)
        return journal

    def _why(self, journal: Journal, reason: str) -> GivenUp:
        """Before it is verified a candidate has the name of its file alone."""
        name = journal.name or Path(journal.source).name
        return GivenUp(
            reason=reason or "failed", name=name, version=journal.version, at_ns=self._now_ns()
        )

    def _write(self, journal: Journal) -> None:
        try:
            write(self._folder, JOURNAL, journal)
        except OSError as error:
            raise storage_error(self._folder.path / JOURNAL, error) from error

    def _write_quarantine(self, content: Quarantine) -> None:
        try:
            write(self._folder, QUARANTINE, content)
        except OSError as error:
            raise storage_error(self._folder.path / QUARANTINE, error) from error


def refuse_quarantined(folder: Folder, digest: str, verb: str = "update") -> None:
    """Raises BundleError for a candidate in the quarantine of the open folder `folder`."""
    found = read_quarantine(folder).given_up.get(digest)
    if found is not None:
        raise BundleError(
            f"this candidate was given up ({found.reason})",
            where=str(folder.path),
            cure="release a better one with a higher version, or let this one be tried again: "
            f"lineside-agent {verb} free {digest[:12]} --root {folder.path.parent}",
        )
