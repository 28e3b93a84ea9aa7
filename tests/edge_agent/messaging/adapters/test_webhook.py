"""Every result at a real HTTP server, once it is there, whatever it answered before."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.webhook import SIGNATURE, WebhookAdapter, WebhookTable
from edge_agent.messaging.outbox_reader import OutboxReader, Page
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from tests.dripping import HTTP, Drip, dripping
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.station_kit import wait_until


class Receiver(ThreadingHTTPServer):
    """Answers by `codes`, then 200; remembers what it took with 200."""

    def __init__(self, port: int, *codes: int) -> None:
        self.codes = list(codes)
        self.taken: list[bytes] = []
        self.signatures: list[str] = []
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.codes.pop(0) if self.server.codes else 200
        if code == 200:
            self.server.taken.append(body)
            self.server.signatures.append(self.headers.get(SIGNATURE, ""))
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(port: int, *codes: int) -> Iterator[Receiver]:
    with Receiver(port, *codes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def webhook(folder: Path, port: int, **keys: object) -> Iterator[WebhookAdapter]:
    table = {"driver": "webhook", "url": f"http://127.0.0.1:{port}/parts", "retry_max_s": 0.1}
    config = WebhookTable.model_validate(table | keys)
    adapter = WebhookAdapter(config, station(folder=folder))
    adapter.open(Delivery)
    try:
        yield adapter
    finally:
        adapter.close()
        adapter.close()


def parts(taken: list[bytes]) -> list[str]:
    return [json.loads(body)["part_id"] for body in taken]


def test_results_wait_for_the_server_and_come_in_order(tmp_path: Path) -> None:
    port = free_port()
    with webhook(tmp_path, port) as adapter:
        for k in range(5):
            adapter.publish(decided(Verdict.FAIL).model_copy(update={"part_id": f"{k}"}))
        adapter.publish(StateMessage(station="test", state="armed", at_ns=1))
        assert wait_until(lambda: adapter.waiting == 5)
        with receiving(port, 503, 429) as server:
            assert wait_until(lambda: adapter.waiting == 0)
    assert parts(server.taken) == ["0", "1", "2", "3", "4"]
    assert len({json.loads(body)["event_id"] for body in server.taken}) == 5


def test_an_authority_that_is_missing_is_named_and_what_waits_is_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port, ca = free_port(), tmp_path / "ca.pem"
    with webhook(tmp_path, port, ca_file=ca) as adapter:
        adapter.publish(decided(Verdict.FAIL).model_copy(update={"part_id": "0"}))
        assert wait_until(lambda: f"{ca}: the certificate of the authority" in caplog.text)
        assert adapter.waiting == 1


def test_what_waits_is_sent_after_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    with webhook(tmp_path, port) as adapter:
        adapter.publish(decided(Verdict.PASS))
        assert wait_until(lambda: adapter.waiting == 1)
    with receiving(port) as server, webhook(tmp_path, port):
        assert wait_until(lambda: parts(server.taken) == ["p"])


def test_a_damaged_file_is_told_to_the_writer_and_sending_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, faults = OutboxReader.after, [StoreDamagedError("damaged", where="outbox.db")]

    def damaged_once(self: OutboxReader, *args: Any, **keys: Any) -> Page:
        if faults:
            raise faults.pop()
        return after(self, *args, **keys)

    monkeypatch.setattr(OutboxReader, "after", damaged_once)
    port = free_port()
    with receiving(port) as server, webhook(tmp_path, port) as adapter:
        adapter.publish(decided(Verdict.PASS))
        assert wait_until(lambda: parts(server.taken) == ["p"])
    assert not faults


def test_a_message_that_is_refused_for_its_own_sake_does_not_stop_the_others(
    tmp_path: Path,
) -> None:
    port = free_port()
    with receiving(port, 422, 422, 422) as server, webhook(tmp_path, port) as adapter:
        for name in ("bad", "good"):
            adapter.publish(decided(Verdict.PASS).model_copy(update={"part_id": name}))
        assert wait_until(lambda: parts(server.taken) == ["good"])
        assert wait_until(lambda: adapter.waiting == 0)
        assert adapter.left_out == 1


def test_a_body_is_signed_with_the_secret(tmp_path: Path) -> None:
    port, secret = free_port(), tmp_path / "secret"
    secret.write_text("hush\n")
    secret.chmod(0o600)
    with receiving(port) as server, webhook(tmp_path, port, secret_file=str(secret)) as adapter:
        adapter.publish(decided(Verdict.PASS))
        assert wait_until(lambda: len(server.taken) == 1)
    digest = hmac.new(b"hush", server.taken[0], hashlib.sha256).hexdigest()
    assert server.signatures == [f"sha256={digest}"]


@pytest.mark.parametrize("drip", [HTTP["head"], HTTP["headers"]], ids=["head", "headers"])
def test_a_server_that_drips_its_answer_is_one_that_is_away(
    drip: Drip, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the results of a shift would wait behind one of them."""
    with dripping(drip) as port, webhook(tmp_path, port, timeout_s=0.3) as adapter:
        adapter.publish(decided(Verdict.FAIL))
        assert wait_until(lambda: "messages wait on disk" in caplog.text, 30)
        assert adapter.waiting == 1


def test_an_answer_without_an_end_is_not_read(tmp_path: Path) -> None:
    """The server has taken it: its status says so."""
    with dripping(HTTP["body"]) as port, webhook(tmp_path, port) as adapter:
        adapter.publish(decided(Verdict.FAIL))
        assert wait_until(lambda: adapter.waiting == 0, 30)
