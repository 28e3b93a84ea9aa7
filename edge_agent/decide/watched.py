"""An inspector whose station is watched: no part passes while the station cannot see."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.contracts.core.types import Frame, Item, Judgement, Reading, Verdict
from edge_agent.decide.inspector import Inspector
from edge_agent.health.watch import CameraWatch, SensorWatch


class WatchedInspector:
    """Judges as the inspector behind it does, and holds what commissioning learned against it.

    A severe fault of the station turns PASS into NO-VERDICT, and so does an item that is odd by
    itself. A FAIL stays a FAIL, and its reason names the fault: whether the part is bad cannot be
    known then.
    """

    def __init__(self, inspector: Inspector, watch: CameraWatch | SensorWatch) -> None:
        self.needs_every_item = inspector.needs_every_item
        self._inspector = inspector
        self._watch = watch

    def inspect(self, item: Item) -> Judgement:
        """Judge an item; raises InputError as the inspector does."""
        judged = self._inspector.inspect(item)
        watch = self._watch
        if isinstance(watch, CameraWatch) and isinstance(item, Frame):
            watch.add(item.image)
        elif isinstance(watch, SensorWatch) and isinstance(item, Reading):
            watch.add(item)
        severe = [fault for fault in watch.faults if fault.is_severe]
        if not severe and watch.odd is not None:
            severe = [watch.odd]
        if not severe:
            if judged.verdict == Verdict.PASS:
                watch.add_score(judged.score)
            return judged
        words = f"the station cannot see: {severe[0]}"
        if judged.verdict == Verdict.FAIL:
            return replace(judged, reason=f"{judged.reason or judged.label} (but {words})")
        return replace(judged, verdict=Verdict.NO_VERDICT, reason=words)
