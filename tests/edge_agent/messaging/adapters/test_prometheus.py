"""The adapter over HTTP, as Prometheus asks; promtool judges the answer where it is installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from typing import get_args
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.messaging.adapter import ADAPTERS, Delivery, build_adapter
from edge_agent.messaging.adapters.prometheus import PrometheusAdapter, PrometheusTable
from tests.edge_agent.messaging.adapter_kit import decided, station


def adapter(**keys: object) -> PrometheusAdapter:
    table = PrometheusTable.model_validate({"driver": "prometheus", "port": 0, **keys})
    return PrometheusAdapter(table, station())


def scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_scrape_gives_what_was_published() -> None:
    made = adapter()
    made.publish(decided(Verdict.PASS))
    made.open(lambda: Delivery(waiting=3))
    text = scrape(made.port)
    made.close()
    made.close()
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    passed = [s.value for s in samples if s.labels == {"verdict": "PASS", "reason": "good"}]
    assert passed == [1]
    assert [s.value for s in samples if s.name == "lineside_outbox_messages"] == [3]


def test_promtool_finds_no_fault() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt install prometheus)")
    made = adapter()
    made.publish(decided(Verdict.FAIL, label="scratch"))
    made.open(Delivery)
    text = scrape(made.port)
    made.close()
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_stalled_scrapes_do_not_hold_up_a_message() -> None:
    made = adapter()
    made.open(Delivery)
    with contextlib.ExitStack() as stalled:
        for _ in range(8):
            stalled.enter_context(socket.create_connection(("127.0.0.1", made.port)))
        for _ in range(1000):
            made.publish(decided(Verdict.PASS))
    made.close()


def test_only_this_machine_is_served_unless_configured() -> None:
    table = PrometheusTable(driver="prometheus")
    assert (table.host, table.port) == ("127.0.0.1", 9925)


def test_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edge_agent.messaging.metrics", None)
    with pytest.raises(DeviceError, match=r"lineside\[prometheus\]"):
        build_adapter(PrometheusTable(driver="prometheus"), station())


def test_every_adapter_is_found_by_its_file() -> None:
    for name, row in ADAPTERS.rows().items():
        assert get_args(row.config.model_fields["driver"].annotation) == (name,)
