"""Three days without a broker, compressed: what is kept, how fast it drains, what live waits for.

    python -m benchmarks.backlog [--quick]

One part and one condition a second for 72 h go into an outbox of 256 MB while no broker is there;
then mosquitto starts. While the backlog drains an alarm is put every half second and timed at a
subscriber that is another process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.brokers import Mosquitto, free_port
from benchmarks.durability_line import wait_for
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.alarm import AlarmMessage
from edge_agent.contracts.wire.kinds.condition import AxisCondition, ConditionMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.messaging.acted_counter import ActedCounter
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.sender import Sender
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.outbox_store import OutboxStore

HOURS, QUOTA_MB = 72, 256
BATCH = 5000
LIMIT_S = 1800.0
NAME = "bench"


def main(words: list[str] | None = None) -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke version, not for figures")
    given = parser.parse_args(words)
    seconds = 2000 if given.quick else HOURS * 3600
    with tempfile.TemporaryDirectory() as folder:
        print_rows(backlog(Path(folder), seconds))


def backlog(folder: Path, seconds: int) -> list[Row]:
    """Fill, drain, and count what came."""
    broker = Mosquitto(folder / "broker", free_port())
    outbox, sender = _line(folder / "state", broker.port)
    _fill(outbox, seconds)
    kept, file_mb = outbox.waiting, (folder / "state" / "outbox.db").stat().st_size / (1 << 20)
    say(f"  {kept} messages are kept in {file_mb:.0f} MB")
    with broker:
        # A queue for the subscriber would be measured, too: it is there all the time.
        listener = _Listener(broker.port)
        sender.start()
        delays_s, drain_s = _drain(outbox, listener)
        sender.stop(5)
        listener.close()
    outbox.stop()
    came = listener.kinds
    verdicts = len(listener.numbers["verdict"])
    return [
        Row("verdicts of 72 h that came, of those that were given", verdicts / seconds, "higher",
            n=seconds, reach=1.0),
        Row("outbox after 72 h at 1 part/s with condition data", file_mb, "lower", "MB",
            n=seconds, reach=QUOTA_MB),
        Row("telemetry that was thinned, as gaps tell", listener.dropped, "lower", n=seconds),
        Row("telemetry that came", came["condition"], "higher", n=seconds),
        Row("live alarm while draining, longest", max(delays_s, default=0), "lower", "s",
            n=len(delays_s), reach=2.0),
        Row("live alarm while draining, median", statistics.median(delays_s or [0]), "lower", "s",
            n=len(delays_s)),
        Row("drain against real time", seconds / drain_s, "higher", "times", n=kept, reach=10.0),
    ]  # fmt: skip


class _Listener:
    """mosquitto_sub in a process of its own: what came, and when each alarm did."""

    def __init__(self, port: int) -> None:
        words = ["mosquitto_sub", "-p", str(port), "-t", f"lineside/{NAME}/#", "-q", "1"]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.kinds: Counter[str] = Counter()
        self.numbers: dict[str, set[str]] = {"verdict": set(), "alarm": set(), "condition": set()}
        self.dropped = 0
        self.alarm_delays_s: list[float] = []
        self._gaps: set[str] = set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        time.sleep(0.5)

    def close(self) -> None:
        """End it, after what it has to say."""
        time.sleep(1)
        self._process.terminate()
        self._thread.join(10)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            now_ns = time.time_ns()
            document = json.loads(line)
            kind, event = document["kind"], document.get("event_id", "")
            self.kinds[kind] += 1
            if kind in self.numbers:
                self.numbers[kind].add(event)
            if kind == "alarm":
                self.alarm_delays_s.append((now_ns - document["at_ns"]) / 1e9)
            if kind == "gap" and event not in self._gaps:
                self._gaps.add(event)
                self.dropped += document["dropped"]


def _line(state: Path, port: int) -> tuple[Outbox, Sender]:
    clock = SystemClock()
    outbox = Outbox(
        OutboxStore(state, QUOTA_MB),
        ActedCounter(state),
        station=NAME,
        hand_over=100_000,
        clock=clock,
        on_commit=lambda: sender.wake(),
    )
    config = MqttTable.model_validate({"host": "127.0.0.1", "port": port, "reconnect_max_s": 0.5})
    sender = Sender(config, station=NAME, client_id="lineside-bench", outbox=outbox, clock=clock)
    outbox.start()
    return outbox, sender


def _fill(outbox: Outbox, seconds: int) -> None:
    begin_ns = time.time_ns() - seconds * 10**9
    for second in range(seconds):
        at_ns = begin_ns + second * 10**9
        outbox.put(_verdict(at_ns, second))
        outbox.put(_condition(at_ns))
        if second % BATCH == 0:
            say(f"  {second / 3600:.1f} h")
            wait_for(lambda: outbox._queue.empty)
    wait_for(lambda: outbox._queue.empty)


def _drain(outbox: Outbox, listener: _Listener) -> tuple[list[float], float]:
    """Delays of the alarms, and how long the backlog took."""
    started, given = time.monotonic(), 0
    while outbox.waiting > 10 and time.monotonic() - started < LIMIT_S:
        outbox.put(_alarm())
        given += 1
        time.sleep(0.5)
    drain_s = time.monotonic() - started
    if outbox.waiting > 10:
        raise TimeoutError(f"{outbox.waiting} messages still wait after {LIMIT_S:g} s")
    if not wait_for(lambda: len(listener.alarm_delays_s) >= given):
        raise TimeoutError(f"{given - len(listener.alarm_delays_s)} alarms did not come")
    return listener.alarm_delays_s, drain_s


def _verdict(at_ns: int, number: int) -> VerdictMessage:
    channel = ChannelVerdict(
        channel="top", bundle="castings 1.4.0", verdict=Verdict.PASS, label="good", score=0.12,
        threshold=0.62, captured_at_ns=at_ns - 40_000_000, latency_ms=38.2,
    )  # fmt: skip
    return VerdictMessage(
        station=NAME, at_ns=at_ns, part_id=str(number), verdict=Verdict.PASS, action="accept",
        latency_ms=41.0, deadline_ms=200.0, channels=[channel],
    )  # fmt: skip


def _condition(at_ns: int) -> ConditionMessage:
    axes = [
        AxisCondition(
            axis=axis, rms=0.3101, peak=1.4213, crest=4.58, kurtosis=5.1, rms_mm_s=3.21, zone="C"
        )
        for axis in "xyz"
    ]
    return ConditionMessage(
        station=NAME, at_ns=at_ns, channel="spindle", captured_at_ns=at_ns, unit="g", axes=axes,
        zone="C", rpm=1480.0, trend_mm_s_per_h=0.02,
    )  # fmt: skip


def _alarm() -> AlarmMessage:
    now_ns = time.time_ns()
    return AlarmMessage(
        station=NAME, at_ns=now_ns, source="spindle", name="machine", active=True,
        severity="critical", reason="zone D", since_ns=now_ns,
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
