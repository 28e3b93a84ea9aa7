"""Times of a station that station.toml does not set; a test gives its own."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.station.bundle_watch import LOOK_S, RETRY_S
from edge_agent.station.channel_threads import HUNG_S
from edge_agent.station.part_tracker import QUIET_S


@dataclass(frozen=True)
class Timing:
    """Times of a station that station.toml does not set, in seconds.

    rearm_s: a disarmed station tries again after this. arming_s: longest time that one channel's
    arming, or the end, may hang before the supervisor steps in (an Edge TPU that does not answer
    is waited for in each channel). join_s: longest wait for a channel's thread at the end.
    still_s: the station is disarmed after the watch of deadlines gave no sign of life for so
    long. hung_s: an inspection that takes longer, and longer than the line's deadline, hangs.
    quiet_s, look_s, retry_s: as line.QUIET_S, bundle_watch.LOOK_S and RETRY_S.
    """

    rearm_s: float = 5.0
    arming_s: float = 90.0
    join_s: float = 15.0
    still_s: float = 5.0
    hung_s: float = HUNG_S
    quiet_s: float = QUIET_S
    look_s: float = LOOK_S
    retry_s: tuple[float, ...] = RETRY_S
