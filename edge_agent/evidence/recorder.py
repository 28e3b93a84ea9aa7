"""Looks at what was judged, names its content, and keeps what is worth another look."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import InputError, StorageError
from edge_agent.contracts.core.types import Frame, Item, Reading, Unreadable
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.budget import worth_of
from edge_agent.evidence.choice import Choice
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.content import Content, encode, encode_heat, kind_of, raw_sha256
from edge_agent.evidence.folder import HEAT, object_path, records_folder, stem_of
from edge_agent.evidence.labels import Missed, read_labels, write_labels
from edge_agent.evidence.recent import RecentItems, size_of
from edge_agent.evidence.record import Cause, EvidenceRecord
from edge_agent.evidence.store import EvidenceStore

LOG = logging.getLogger("lineside.evidence")


@dataclass(frozen=True)
class Chosen:
    """An item that is to be kept. left_out: how many like it were not, since the one before."""

    observation: Observation
    sha256: str
    cause: Cause
    left_out: int = 0

    @property
    def size_bytes(self) -> int:
        """What it takes of the memory while it waits."""
        return size_of(self.observation)

    @property
    def worth(self) -> float:
        """The less, the sooner it goes without where not all can be kept."""
        return worth_of(self.cause)


class EvidenceRecorder:
    """The observer of one station; any thread may call it.

    name_content: is told (part_id, observation's verdict, sha256) of every readable item, for the
    audit log. on_kept: is told of every item that is on disk. dice: the randomness of the samples.
    recent: the last items, whether worth it or not, so that one that is reported as missed can
    still be kept. A disk that is full is logged once; what could not be kept, also because the disk
    is slow, is counted in `lost`, and in `left_out` of the next one like it.
    """

    def __init__(
        self,
        folder: Path,
        table: EvidenceTable,
        *,
        name_content: Callable[[Observation, str], None] | None = None,
        on_kept: Callable[[EvidenceRecord], None] = lambda _: None,
        dice: random.Random | None = None,
        recent: RecentItems | None = None,
    ) -> None:
        self.kept = 0
        self.lost = 0
        self._folder = folder
        self._table = table
        self._name_content = name_content
        self._on_kept = on_kept
        self._choice = Choice(table, dice or random.Random())
        self._store = EvidenceStore(folder, table)
        self._recent = recent
        self._hand_over: Callable[[Chosen], None] = self.write
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        self._open = False
        self._fault = ""

    @property
    def table(self) -> EvidenceTable:
        """What is kept and how much."""
        return self._table

    def observe(self, observation: Observation) -> None:
        """Name the content of an item, and keep it where it is worth it."""
        if isinstance(observation.item, Unreadable):
            return
        chosen = None
        if self._table.enabled:
            with self._lock:
                if self._recent is not None:
                    self._recent.add(observation)
                chosen = self._choice.cause(observation.verdict, observation.item.mono_ns)
        if chosen is None and self._name_content is None:
            return  # the hash of a large picture takes longer than all of this
        sha256 = raw_sha256(observation.item)
        if self._name_content is not None:
            self._name_content(observation, sha256)
        if chosen is not None:
            self._choose(observation, sha256, chosen)

    def keep_disagreement(self, observation: Observation) -> None:
        """Keep an item about which a candidate bundle decides otherwise."""
        item = observation.item
        if isinstance(item, Unreadable) or not self._table.enabled:
            return
        with self._lock:
            is_kept = self._choice.admits(observation.verdict, "shadow", item.mono_ns)
        if is_kept:
            self._choose(observation, raw_sha256(item), "shadow")

    def write_by(self, hand_over: Callable[[Chosen], None]) -> None:
        """Let `hand_over` call write() later: the next item is named while the disk is slow."""
        self._hand_over = hand_over

    def write(self, chosen: Chosen) -> None:
        """Encode an item and write it to the disk."""
        with self._disk:
            self._keep(chosen)

    def lose(self, chosen: Chosen) -> None:
        """Count an item that was to be kept and is not: the disk is too slow for it, or full."""
        with self._lock:
            self.lost += 1
            self._choice.lose(chosen.observation.verdict, chosen.cause, chosen.left_out)

    def _choose(self, observation: Observation, sha256: str, cause: Cause) -> None:
        with self._lock:
            left_out = self._choice.take_count(observation.verdict, cause)
        self._hand_over(Chosen(observation, sha256, cause, left_out))

    def keep_missed(self, part_id: str, missed: Missed) -> int:
        """Keep what is remembered of a part that is bad although it passed; gives how many items.

        Nobody removes them before others. Raises StorageError where they cannot be marked.
        """
        if not self._table.enabled or self._recent is None:
            return 0
        kept = 0
        with self._lock:
            found = self._recent.of_part(part_id)
        with self._disk:
            for observation in found:
                stem = self._keep(Chosen(observation, raw_sha256(observation.item), "missed"))
                if stem:
                    said = read_labels(self._folder, stem)
                    write_labels(self._folder, stem, said.model_copy(update={"missed": missed}))
                    kept += 1
        return kept

    def _keep(self, chosen: Chosen) -> str:
        """The name of the record; empty where it could not be kept."""
        observation = chosen.observation
        try:
            if not self._open:
                self._store.open()
                self._open = True
            content = encode(observation.item, self._table)
            heat = self._heat(observation)
            record = self._record(chosen, content, heat is not None)
            size = self._store.add(record, content, heat)
        except (StorageError, InputError, OSError) as error:
            self.lose(chosen)
            if not self._fault:
                LOG.error("evidence is not kept: %s", error)  # noqa: TRY400
            self._fault = str(error)
            return ""
        self.kept += 1
        with self._lock:
            self._choice.spend(size)
        self._on_kept(record)
        if self._fault:
            LOG.warning("evidence is kept again; %d items are missing", self.lost)
            self._fault = ""
        return stem_of(record)

    def _heat(self, observation: Observation) -> bytes | None:
        judgement = observation.judgement
        if judgement is None or judgement.heat is None or not self._table.heat_map:
            return None
        return encode_heat(judgement.heat, judgement.threshold)

    def _record(self, chosen: Chosen, content: Content, mapped: bool) -> EvidenceRecord:
        observation, sha256 = chosen.observation, chosen.sha256
        item = observation.item
        path = object_path(self._folder, sha256, content.suffix)
        reading = item if isinstance(item, Reading) else None
        record = EvidenceRecord(
            part_id=observation.part_id,
            kind=kind_of(item),
            cause=chosen.cause,
            sha256=sha256,
            file=path.relative_to(self._folder).as_posix(),
            captured_at_ns=item.captured_at_ns,
            verdict=observation.verdict,
            rate_hz=reading.rate_hz if reading else None,
            rpm=reading.rpm if reading else None,
            left_out=chosen.left_out or None,
            shape=_shape(item),
        )
        if not mapped:
            return record
        heat = records_folder(self._folder) / f"{stem_of(record)}{HEAT}"
        return record.model_copy(update={"heat_map": heat.relative_to(self._folder).as_posix()})


def _shape(item: Item) -> list[int]:
    if isinstance(item, Frame):
        return list(item.image.shape)
    return list(item.signal.shape) if isinstance(item, Reading) else []
