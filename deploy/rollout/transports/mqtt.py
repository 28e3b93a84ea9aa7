"""Over a broker that is not trusted: signed desired states out, reports in.

The stations follow it (`lineside-agent follow`) and fetch the release from their own source.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from deploy.broker.target import BrokerTarget
from deploy.rollout.link import Link
from deploy.rollout.reports import Reports, Waiting
from deploy.rollout.transport import Release
from deploy.signing.desired import DesiredSigner
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.kinds import desired, update
from edge_agent.contracts.wire.kinds.desired import DesiredState
from edge_agent.contracts.wire.stream import topic_of

TAKE_UP_S = 60.0
"""A station at the end of an update that failed hears of its way back so much later."""
AT_ONCE = 64
"""Each costs this machine a thread that waits."""
Action: TypeAlias = Literal["install", "return"]


@dataclass(frozen=True)
class Patience:
    """Seconds: until a station's first sign, and from then to its end, beside the probation.

    A desired state that no station has begun within reach_s expires; it is not begun later.
    """

    reach_s: float = 30.0
    work_s: float = 600.0


class MqttTransport:
    """Signs, publishes and waits; each desired state has a higher counter than the one before.

    report_keys: station -> its public key, for those whose reports must be signed.
    """

    at_once = AT_ONCE

    def __init__(
        self,
        target: BrokerTarget,
        release: Release,
        signer: DesiredSigner,
        clock: Clock,
        *,
        probation_s: float = 0.0,
        patience: Patience | None = None,
        report_keys: Mapping[str, bytes] | None = None,
    ) -> None:
        self._release = release
        self._signer = signer
        self._clock = clock
        self._probation_s = probation_s
        self._patience = patience or Patience()
        self._prefix = target.prefix
        self._reports = Reports(report_keys)
        self._link = Link(
            target, topic_of(update.STREAM.name, target.prefix, "+"), self._reports.came
        )
        self._counter = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Raises BrokerError where the broker cannot be reached, or refuses us."""
        self._link.open()

    def close(self) -> None:
        """Leave the broker."""
        self._link.close()

    def update(self, name: str) -> str:
        """Let a station install the release; why it did not stay there, or nothing."""
        return self._desire(name, "install")

    def version(self, name: str) -> str:
        """Nothing: a station that follows rollouts keeps what it had by itself."""
        return ""

    def go_back(self, name: str, had: str) -> str:
        """Take a station back to what it had; nothing where it is there already."""
        return self._desire(name, "return")

    def _desire(self, name: str, action: Action) -> str:
        reach_s = self._patience.reach_s
        if action == "return":
            reach_s += self._probation_s + TAKE_UP_S
        state = self._state(name, action, reach_s)
        message = self._signer.sign(state)
        with self._reports.waiting(name, state.counter) as waiting:
            self._link.publish(
                desired.STREAM.topic(self._prefix, name),
                message.model_dump_json().encode(),
                round(reach_s) + 1,
            )
            if not waiting.is_seen.wait(reach_s):
                raise _silent(name, f"no answer within {reach_s:g} s", waiting)
            work_s = self._patience.work_s + self._probation_s
            if not waiting.is_ended.wait(work_s):
                raise _silent(name, f"no end within {work_s:g} s", waiting)
            last = waiting.last
        if last is None or last.state == ("done" if action == "install" else "returned"):
            return ""
        return last.reason or f"ended in {last.state}"

    def _state(self, name: str, action: Action, reach_s: float) -> DesiredState:
        now_ns = self._clock.utc_ns()
        return DesiredState(
            station=name,
            counter=self._next_counter(now_ns),
            signed_at_ns=now_ns,
            expires_ns=now_ns + round(reach_s * 1e9),
            action=action,
            name=self._release.name,
            version=self._release.version,
            manifest_sha256=self._release.manifest_sha256,
            probation_s=self._probation_s,
        )

    def _next_counter(self, now_ns: int) -> int:
        """By the clock, so that a controller that died, or another one, goes on above it."""
        with self._lock:
            self._counter = max(self._counter + 1, now_ns // 1000)
            return self._counter


def _silent(name: str, what: str, waiting: Waiting) -> DeviceError:
    """Nothing that counts was reported; the broker may have forged what did not."""
    if not waiting.is_foreign:
        return DeviceError(what, where=name, cure="check the station: `lineside-agent follow`")
    return DeviceError(
        f"{what} that its report_key signed, but reports signed by another key or by none",
        where=name,
        cure="compare report_key in the inventory with `lineside-agent slots key` there, and start "
        "`follow` again after a change; where they are the same, the broker forges reports",
    )
