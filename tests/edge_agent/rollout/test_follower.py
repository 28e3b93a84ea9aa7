"""A station that follows rollouts over a real broker, which is hostile."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.taken import Taken, read_taken, write_taken
from edge_agent.rollout.work import current
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.rollout.rollout_kit import NAME, Line, encoded, following, open_line
from tests.signing_kit import open_workshop
from tests.station_kit import mosquitto, wait_until

DESIRED, UPDATE = "lineside/press/desired", "lineside/press/update"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return open_line(tmp_path)


def reports(plant: Client) -> list[UpdateMessage]:
    return [UpdateMessage.model_validate_json(payload) for _, payload in plant.payloads]


def ended(plant: Client, counter: int) -> Callable[[], bool]:
    return lambda: any(
        one.counter == counter and one.state not in ("idle", "at-work") for one in reports(plant)
    )


def refused(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if text.startswith("refused:")]


def version(line: Line) -> str:
    return current(line.root, NAME)[0]


def test_what_is_desired_is_carried_out_and_reported(broker: Mosquitto, line: Line) -> None:
    bundle = line.release("1.1.0")
    with Client(broker.port, UPDATE) as plant:
        plant.publish(DESIRED, encoded(line.desired(bundle, 5)), retain=True)
        with following(line, broker.port):
            assert wait_until(ended(plant, 5))
            last = reports(plant)[-1]
            assert (last.state, last.name, last.version) == ("done", NAME, "1.1.0")
            steps = [one.step for one in reports(plant)]
            assert steps.index("verify") < steps.index("switch") < steps.index("commit")
            plant.publish(DESIRED, encoded(line.desired(bundle, 6, action="return")), retain=True)
            assert wait_until(ended(plant, 6))
            assert (reports(plant)[-1].state, version(line)) == ("returned", "1.0.0")
        with following(line, broker.port):  # the retained one comes again, and is no news
            assert wait_until(lambda: len(reports(plant)) and reports(plant)[-1].counter == 6)
    taken = read_taken(line.root)
    assert taken is not None
    assert (taken.state.counter, taken.ended) == (6, "returned")


def test_nothing_that_a_broker_forges_or_repeats_is_begun(
    broker: Mosquitto, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Line(line.folder, open_workshop(line.folder / "stranger"))
    stranger.release("1.1.0")
    old, new = line.release("1.1.0"), line.release("1.2.0")
    taken = encoded(line.desired(new, 9))
    hostile = {
        "not signed by a key": encoded(stranger.desired(new, 99)),
        "not of the form": b'{"counter": 99}',
        "is for the station 'press2'": encoded(line.desired(old, 98, station="press2")),
        "expired": encoded(line.desired(old, 97, signed_at_ns=1, expires_ns=2)),
        "number 8 is not above 9": encoded(line.desired(old, 8)),
        "number 9 is not above 9": encoded(line.desired(old, 9)),
        "bytes, at most": b"x" * (1 << 19),
    }
    with Client(broker.port, UPDATE) as plant, following(line, broker.port):
        plant.publish(DESIRED, taken, retain=True)
        assert wait_until(ended(plant, 9))
        for repeat in range(20):
            for payload in hostile.values():
                plant.publish(DESIRED, payload, retain=True)
            assert repeat or wait_until(lambda: len(refused(caplog)) == len(hostile))
        plant.publish(DESIRED, encoded(line.desired(new, 10, action="return")))
        assert wait_until(ended(plant, 10))
    assert version(line) == "1.0.0"
    words = refused(caplog)
    assert len(words) == len(hostile)
    assert all(any(text in word for word in words) for text in hostile)
    told = [one.counter for one in reports(plant) if one.state == "refused"]
    assert sorted(told) == [8, 97, 98], "no stranger is answered, and 9 is the one that was taken"


def test_what_a_kill_cut_short_goes_on_without_a_broker(line: Line, tmp_path: Path) -> None:
    bundle = line.release("1.1.0")
    write_taken(line.root, Taken(state=line.state(bundle, 5), digest="0" * 64))
    with following(line, 1):
        assert wait_until(lambda: version(line) == "1.1.0")
    assert json.loads((line.root / "rollout/desired.json").read_text())["ended"] == "done"


def test_a_broker_that_dies_and_comes_back_misses_nothing(broker: Mosquitto, line: Line) -> None:
    bundle = line.release("1.1.0")
    with following(line, broker.port):
        broker.kill()
        broker.start()
        with Client(broker.port, UPDATE) as plant:
            plant.publish(DESIRED, encoded(line.desired(bundle, 5)), retain=True)
            assert wait_until(ended(plant, 5))
    assert version(line) == "1.1.0"


def test_a_broker_that_ends_each_session_stops_nothing_that_was_taken(line: Line) -> None:
    """As one does that takes no report from this account."""
    write_taken(line.root, Taken(state=line.state(line.release("1.1.0"), 5), digest="0" * 64))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=closing_at_publish, args=(server,), daemon=True).start()
        with following(line, server.getsockname()[1], confirm_s=0.1):
            assert wait_until(lambda: version(line) == "1.1.0")


def closing_at_publish(server: socket.socket) -> None:
    """An MQTT 3.1.1 or 5 broker that grants a subscription and ends at the first report."""
    while True:
        try:
            client = server.accept()[0]
        except OSError:
            return
        is_5 = False
        with client:
            while packet := client.recv(1 << 16):
                kind = packet[0] >> 4
                if kind == 1:
                    is_5 = b"MQTT\x05" in packet
                    client.sendall(b"\x20\x03\0\0\0" if is_5 else b"\x20\x02\0\0")
                elif kind == 8:
                    granted = b"\0\x01" if is_5 else b"\x01"
                    body = packet[2:4] + granted
                    client.sendall(bytes([0x90, len(body)]) + body)
                else:
                    break


def test_a_disk_that_fails_ends_no_follower(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    write_taken(line.root, Taken(state=line.state(line.release("1.1.0"), 5), digest="0" * 64))
    releases, taken = line.workshop.folder / "releases", line.root / "rollout"
    shutil.move(releases, line.folder / "away")

    def tries() -> int:
        found = read_taken(line.root)
        return 0 if found is None else found.tries

    with following(line, 1):
        assert wait_until(lambda: tries() > 0)
        taken.rename(line.root / "kept")
        taken.symlink_to("nowhere")  # no folder can be opened here, nor made
        assert wait_until(lambda: any("a rollout waits:" in text for text in caplog.messages))
        taken.unlink()
        (line.root / "kept").rename(taken)
        shutil.move(line.folder / "away", releases)
        assert wait_until(lambda: version(line) == "1.1.0")
