"""The figures of this computer against psutil, the kernel and a clock that is moved by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.station.metrics_report import MetricsReport


def test_a_folder_to_come_is_measured_on_the_disk_where_it_will_be(tmp_path: Path) -> None:
    report = MetricsReport("press-4", tmp_path / "not" / "yet", ManualClock())
    free_mb = psutil.disk_usage(str(tmp_path)).free / (1 << 20)
    # other programs write meanwhile
    assert report.take(waiting=0, confirmed=0).disk_free_mb == pytest.approx(free_mb, abs=500)


def test_this_process_is_measured_and_the_outbox_is_repeated(tmp_path: Path) -> None:
    me = psutil.Process()
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(7)]
    message = MetricsReport("press-4", tmp_path, ManualClock()).take(waiting=3, confirmed=7)
    assert message.station == "press-4"
    assert (message.outbox_waiting, message.confirmed) == (3, 7)
    # the listing of descriptors needs one itself
    assert message.descriptors - me.num_fds() in (0, 1)
    assert message.threads <= me.num_threads()
    assert message.rss_mb == pytest.approx(me.memory_info().rss / (1 << 20), rel=0.05)
    for file in held:
        os.close(file)


def test_the_processor_counts_from_one_call_to_the_next(tmp_path: Path) -> None:
    clock = ManualClock()
    report = MetricsReport("press-4", tmp_path, clock)
    start_s = time.process_time()
    while time.process_time() - start_s < 0.2:
        pass
    clock.advance_s(2.0)
    busy = report.take(waiting=0, confirmed=0)
    clock.advance_s(100.0)
    idle = report.take(waiting=0, confirmed=0)
    assert busy.uptime_s == 2.0
    assert idle.uptime_s == 102.0
    assert 10 <= busy.cpu_percent < 20  # 0.2 s of 2 s, and what pytest itself took
    assert idle.cpu_percent < 1
