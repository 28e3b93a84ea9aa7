"""The threshold that people moved at the station: kept with who and when, bound to one bundle.

    STATE_DIR/thresholds.json    every setting, the oldest first; the last of a channel and a bundle
                                 is in force

A setting belongs to the bundle that it names and is never applied to another one. A file that
cannot be read is an error: by the bundle's own threshold parts may pass that somebody stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.scoring import Scoring

FILE = "thresholds.json"
MOST_SETTINGS = 200
LEAST, MOST = 0.01, 0.99
"""Of a probability: beyond them every part, or none, would fail."""


class ThresholdSetting(Strict):
    """One setting. own: the threshold that the bundle brought; note: why."""

    channel: str
    bundle: str = Field(description="name and version")
    own: float
    threshold: float
    by: str
    at_ns: int = Field(ge=0)
    note: str = ""


class ThresholdFile(Strict):
    """The file."""

    schema_version: Literal[1] = 1
    settings: list[ThresholdSetting] = Field(default_factory=list)


class StationThresholds:
    """The settings of one station; any thread may call it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._change = threading.Lock()

    def settings(self, channel: str = "", bundle: str = "") -> list[ThresholdSetting]:
        """All of them, or those of a channel and a bundle; raises InputError for a damaged file."""
        try:
            found = ThresholdFile.model_validate_json(self._path.read_bytes()).settings
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise InputError(
                "the thresholds that were set at the station cannot be read",
                where=str(self._path),
                cure="remove the file to judge by the bundles' own thresholds",
            ) from error
        return [one for one in found if channel in ("", one.channel) and bundle in ("", one.bundle)]

    def scoring_for(self, channel: str, bundle: str, own: Scoring) -> Scoring:
        """The scoring in force: the bundle's own where nothing was set for this very bundle.

        Raises InputError for a damaged file.
        """
        settings = [s for s in self.settings(channel, bundle) if s.own == own.threshold]
        if not settings:
            return own
        last = settings[-1]
        return moved(own, last.threshold, f"set at the station by {last.by}")

    def add(self, setting: ThresholdSetting) -> None:
        """Keep a setting; raises InputError for a damaged file, StorageError."""
        with self._change:
            self._write([*self.settings(), setting])

    def drop_last(self, channel: str, bundle: str, own: float) -> None:
        """Forget the last setting of a channel and a bundle, so that the one before counts again.

        own: the threshold that the bundle brought. A setting over another one is of another bundle.

        Raises InputError for a damaged file, StorageError.
        """
        with self._change:
            kept = self.settings()
            wanted = (channel, bundle, own)
            places = [k for k, s in enumerate(kept) if (s.channel, s.bundle, s.own) == wanted]
            self._write([one for k, one in enumerate(kept) if k not in places[-1:]])

    def keep_only(self, loaded: Collection[tuple[str, str]]) -> list[ThresholdSetting]:
        """Forget what belongs to other (channel, bundle) than the loaded ones; gives what went.

        Raises InputError for a damaged file, StorageError.
        """
        with self._change:
            kept = self.settings()
            gone = [one for one in kept if (one.channel, one.bundle) not in loaded]
            if gone:
                self._write([one for one in kept if (one.channel, one.bundle) in loaded])
            return gone

    def _write(self, settings: list[ThresholdSetting]) -> None:
        if settings:
            document = ThresholdFile(settings=settings[-MOST_SETTINGS:])
            write_atomic(self._path, document.model_dump_json(indent=1).encode())
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(self._path, error) from error


def moved(own: Scoring, threshold: float, chosen_by: str) -> Scoring:
    """A bundle's scoring by another threshold; its band of doubt moves with it."""
    by = threshold - own.threshold
    scoring = own.with_threshold(threshold, chosen_by)
    if own.unsure_low is None or own.unsure_high is None:
        return scoring
    low, high = own.unsure_low + by, own.unsure_high + by
    if own.kind == "logits":
        low, high = min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)
    return scoring.model_copy(update={"unsure_low": low, "unsure_high": high})


def bounds(own: Scoring) -> tuple[float, float]:
    """The least and the greatest threshold that may be set at the station.

    A probability: 0.01 to 0.99. Another score: from a tenth of the bundle's own to twice of it.
    """
    if own.kind == "logits":
        return min(LEAST, own.threshold), max(MOST, own.threshold)
    size = max(abs(own.threshold), 1e-6)
    if own.worse == "low":
        return own.threshold - size * 0.5, own.threshold + size
    return own.threshold - size * 0.9, own.threshold + size


def is_looser(own: Scoring, threshold: float) -> bool:
    """Whether parts would pass that the bundle, as the workshop proved it, rejects."""
    return threshold < own.threshold if own.worse == "low" else threshold > own.threshold


def fails(score: float, threshold: float, own: Scoring) -> bool:
    """Whether a score means FAIL by a threshold."""
    return score <= threshold if own.worse == "low" else score >= threshold
