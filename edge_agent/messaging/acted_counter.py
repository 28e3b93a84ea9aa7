"""How many event numbers an epoch has given: known after kill -9, bounded after a power cut.

The line acts on a part before its verdict is on disk. If the agent dies in between, the next start
must say how many parts were acted on and never recorded. So every number is counted in shared
memory before the output acts, and blocks of numbers are reserved on disk ahead of their use.

    after an orderly end     the end record on disk: exact
    after kill -9, a crash   the count in shared memory: exact (it may include one part whose output
                             was about to act)
    after a power cut        the reserved block: an upper bound
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.messaging.row import NUMBER_MAX
from edge_agent.messaging.shared_memory import SHARED_MEMORY, file_prefix, new_map, read_own

LOG = logging.getLogger("lineside.outbox")

BLOCK = 256
"""Numbers reserved at once; also the uncertainty after a power cut."""
TOKEN_BYTES = 16
COUNT_AT = TOKEN_BYTES // 8


@dataclass(frozen=True)
class LastRun:
    """What an earlier run of this station left: numbers 0 to given - 1 were given in `epoch`.

    exact: False after a power cut, where `given` is an upper bound.
    """

    epoch: int
    given: int
    exact: bool


class _Reservation(Strict):
    """The record on disk. token: ties it to the count in shared memory."""

    epoch: int = Field(ge=0, lt=10**40)
    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    boot: str
    reserved: int = Field(ge=0, lt=NUMBER_MAX)
    ended: bool = False


class ActedCounter:
    """Gives the event numbers of one epoch, 0, 1, ... in the state folder `folder`.

    take() may be called by any thread and never waits for the disk; the others belong to the
    thread that writes the outbox. memory: a folder of shared memory; where there is none the state
    folder itself serves. boot: an id of this start of the machine.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory: Path = SHARED_MEMORY,
        block: int = BLOCK,
        boot: str | None = None,
    ) -> None:
        self._note = folder / "acted.json"
        self._boot = _boot_id() if boot is None else boot
        self._memory = memory if os.access(memory, os.W_OK) else folder
        self._block = block
        self._lock = threading.Lock()
        self._given = 0
        self._record: _Reservation | None = None
        self._map: mmap.mmap | None = None
        self._count: memoryview | None = None

    @property
    def given(self) -> int:
        """Numbers given in this epoch."""
        return self._given

    def last_run(self) -> LastRun | None:
        """What the last run left; None where there was none, or its record cannot be read."""
        try:
            record = _Reservation.model_validate_json(self._note.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            LOG.warning("%s cannot be read, so parts may be missing unseen: %s", self._note, error)
            return None
        if record.ended:
            return LastRun(record.epoch, record.reserved, exact=True)
        # A count in the state folder itself may be an old page of before the power cut.
        count = self._counted(record.token) if record.boot == self._boot else None
        if count is None:
            return LastRun(record.epoch, record.reserved, exact=False)
        return LastRun(record.epoch, count, exact=True)

    def begin(self, epoch: int) -> None:
        """Start to count the numbers of `epoch` from 0; ask last_run() before.

        Raises StorageError where the first block cannot be reserved.
        """
        self.close()
        token = secrets.token_bytes(TOKEN_BYTES)
        record = _Reservation(epoch=epoch, token=token.hex(), boot=self._boot, reserved=self._block)
        # The old count must outlive a crash in here: the note still names its token.
        fresh = self._shared(token.hex())
        self._map_count(fresh, token)
        write_atomic(self._note, record.model_dump_json().encode())
        self._forget_others(fresh)
        self._record, self._given = record, 0

    def take(self) -> int:
        """The next number. It is counted before the caller acts: a kill in between leaves a number
        that nothing was done under, never a part that nobody knows of.
        """
        with self._lock:
            number = self._given
            self._given += 1
            if self._count is not None:
                self._count[COUNT_AT] = self._given
        return number

    def reserve_ahead(self) -> None:
        """Reserve another block on disk where half of the last one is used; raises StorageError."""
        record = self._record
        if record is None or self._given + self._block // 2 <= record.reserved:
            return
        self._write(record, self._given + self._block)

    def end(self) -> None:
        """Write the end record: the count is exact, whatever happens to the memory.

        Raises StorageError; the count in memory then still tells the next start.
        """
        if self._record is not None:
            self._write(self._record, self._given, ended=True)
        self.close()

    def close(self) -> None:
        """Let go of the shared memory, which stays for the next start."""
        if self._count is not None:
            self._count.release()
        if self._map is not None:
            self._map.close()
        self._count = self._map = self._record = None

    def _write(self, record: _Reservation, reserved: int, *, ended: bool = False) -> None:
        fresh = record.model_copy(update={"reserved": reserved, "ended": ended})
        write_atomic(self._note, fresh.model_dump_json().encode())
        self._record = fresh

    def _shared(self, token: str) -> Path:
        return self._memory / f"{file_prefix(self._note.parent)}{token}"

    def _map_count(self, path: Path, token: bytes) -> None:
        try:
            self._map = new_map(path, TOKEN_BYTES + 8)
        except OSError as error:
            raise StorageError(
                f"no shared memory for the count of parts ({error.strerror})",
                where=str(path),
                cure="free some of /dev/shm",
            ) from error
        self._map[:TOKEN_BYTES] = token
        # One aligned store of eight bytes: a kill leaves the old count or the new one, no mixture.
        self._count = memoryview(self._map).cast("Q")

    def _counted(self, token: str) -> int | None:
        """The count of the run of `token`; None where the memory is gone or is another's."""
        found = read_own(self._shared(token), TOKEN_BYTES + 8)
        if found is None or len(found) != TOKEN_BYTES + 8 or found[:TOKEN_BYTES].hex() != token:
            return None
        return memoryview(found).cast("Q")[COUNT_AT]

    def _forget_others(self, fresh: Path) -> None:
        with contextlib.suppress(OSError):
            for path in self._memory.glob(f"{file_prefix(self._note.parent)}*"):
                if path != fresh:
                    path.unlink()


def _boot_id() -> str:
    """Differs after each start of the machine (random(4)); empty where the kernel has none."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
