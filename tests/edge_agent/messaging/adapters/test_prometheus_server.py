"""Prometheus itself (apt install prometheus) scrapes the adapter, configured as the page says."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.types import Verdict
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.prometheus import PrometheusAdapter, PrometheusTable
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.station_kit import wait_until

pytestmark = pytest.mark.drivers

PAGE = (Path(__file__).parents[4] / "docs" / "adapters.md").read_text()


def block(begin: str) -> str:
    """The indented block of the page that begins with this word."""
    found = re.search(rf"^    {re.escape(begin)}.*\n(?: {{4}}.*\n)*", PAGE, re.M)
    assert found is not None
    return textwrap.dedent(found[0])


@contextlib.contextmanager
def prometheus(folder: Path, target: int) -> Iterator[int]:
    """The port of a Prometheus that scrapes `target` by the page's configuration, only oftener."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed (apt install prometheus)")
    text = re.sub(r"targets: .*", f'targets: ["127.0.0.1:{target}"]', block("scrape_configs:"))
    config = folder / "prometheus.yml"
    config.write_text(text.replace("scrape_interval: 15s", "scrape_interval: 200ms"))
    port = free_port()
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    words += [f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, *words], stdout=log, stderr=log)
        try:
            yield port
        finally:
            server.terminate()
            server.wait(20)


def query(port: int, expression: str) -> list[dict[str, Any]]:
    """The result of an expression; raises HTTPError for one that is wrong."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={quote(expression)}"
    with urlopen(url, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def value(port: int, expression: str) -> float | None:
    """The one value of an expression; None while the server is not up, or there is none."""
    with contextlib.suppress(OSError):
        if found := query(port, expression):
            return float(found[0]["value"][1])
    return None


def test_prometheus_has_the_counts_and_takes_the_expressions_of_the_page(tmp_path: Path) -> None:
    table = PrometheusTable(driver="prometheus", port=0)
    adapter = PrometheusAdapter(table, station())
    adapter.open(Delivery)
    for verdict in (Verdict.PASS, Verdict.PASS, Verdict.PASS, Verdict.FAIL):
        adapter.publish(decided(verdict, label="scratch" if verdict == Verdict.FAIL else ""))
    with prometheus(tmp_path, adapter.port) as port:
        passed = 'lineside_parts_total{verdict="PASS"}'
        assert wait_until(lambda: value(port, passed) == 3), (tmp_path / "log").read_text()
        assert value(port, 'up{job="lineside"}') == 1
        assert value(port, 'lineside_channel_verdicts_total{reason="scratch"}') == 1
        expressions = block("sum(increase(").splitlines()
        assert len(expressions) == 4
        for expression in expressions:
            query(port, expression)
        assert value(port, expressions[2]) == 0  # not armed: the alarm is there
        adapter.close()
        assert wait_until(lambda: value(port, 'up{job="lineside"}') == 0)
