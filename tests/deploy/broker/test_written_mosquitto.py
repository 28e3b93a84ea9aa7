"""A mosquitto as broker-config writes it: it lets in whom it should, and no one else."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from deploy.broker.accounts import accounts
from deploy.broker.behaviour import refused
from deploy.broker.certificates import ensure_certificates
from deploy.broker.check import Depth, check_broker
from deploy.broker.client import CheckClient
from deploy.broker.rights import rights
from deploy.broker.target import BrokerTarget
from deploy.broker.transport import transport
from deploy.rollout.link import Link
from edge_agent.contracts.core.errors import BrokerError, ConfigError
from edge_agent.contracts.wire.mosquitto_conf import lint_conf
from tests.deploy.broker.kit import NOW, as_user, grades, one, running, with_lines, written
from tests.station_kit import wait_until


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, BrokerTarget]]:
    folder = tmp_path_factory.mktemp("broker")
    target = written(folder)
    with running(folder, target.port):
        yield folder, target


def test_nothing_of_it_is_found_wanting(plant: tuple[Path, BrokerTarget]) -> None:
    folder, target = plant
    depth = Depth(queued=50, mosquitto_conf=folder / "mosquitto.conf", plain_port=free_port())
    found = list(check_broker(target, depth, NOW))
    assert {f.what: f for f in found if f.grade in ("FAIL", "WARN")} == {}
    assert one(found, "write as another").grade == "OK"
    assert one(found, "anonymous clients").grade == "OK"


def test_the_collector_hears_every_station_and_confirms(plant: tuple[Path, BrokerTarget]) -> None:
    folder, target = plant
    collector = as_user(folder, target.port, "collector")
    with CheckClient(collector) as one_collector, CheckClient(target) as station:
        one_collector.subscribe("lineside/+/verdict")
        station.subscribe("lineside/press-1/ack")
        station.publish("lineside/press-1/verdict", [b"{}"])
        assert one_collector.receive(1) == [b"{}"]
        one_collector.publish("lineside/press-1/ack", [b"ok"])
        assert station.receive(1) == [b"ok"]


def test_the_rollouts_user_alone_says_what_is_desired(plant: tuple[Path, BrokerTarget]) -> None:
    folder, target = plant
    came: list[tuple[str, bytes]] = []
    link = Link(
        as_user(folder, target.port, "rollout"),
        "lineside/+/update",
        lambda topic, payload: came.append((topic, payload)),
    )
    link.open()
    desired = "lineside/press-1/desired"
    with CheckClient(target) as station:
        station.subscribe(desired)
        link.publish(desired, b"wanted", 60)
        assert station.receive(1) == [b"wanted"]
        assert not refused(station.publish("lineside/press-1/update", [b"done"]))
        assert refused(station.publish(desired, [b"forged"]))
    with CheckClient(as_user(folder, target.port, "viewer")) as viewer:
        assert refused(viewer.publish(desired, [b"forged"]))
    assert wait_until(lambda: came == [("lineside/press-1/update", b"done")])
    link.close()


def test_a_wrong_password_is_told_with_its_cure(plant: tuple[Path, BrokerTarget]) -> None:
    wrong = replace(plant[1], password="guess")
    with pytest.raises(BrokerError, match="check --username"), CheckClient(wrong):
        pass


def test_an_open_port_beside_tls_and_a_certificate_at_its_end_are_seen(
    plant: tuple[Path, BrokerTarget], tmp_path: Path
) -> None:
    with with_lines(tmp_path) as plain:
        late = NOW + timedelta(days=810)
        found = grades(list(transport(plant[1], late, plain.port)))
    assert found == {"TLS": "OK", "certificate": "WARN", "unencrypted port": "WARN"}


def test_a_stranger_authority_is_not_trusted(
    plant: tuple[Path, BrokerTarget], tmp_path: Path
) -> None:
    ensure_certificates(tmp_path, ["localhost"], NOW)
    found = list(transport(replace(plant[1], ca_file=tmp_path / "ca.pem"), NOW, 1))
    assert [f.grade for f in found] == ["FAIL"]
    assert "--ca-file of the authority" in found[0].cure


def test_a_second_writing_keeps_passwords_and_the_authority(tmp_path: Path) -> None:
    first = written(tmp_path, "press-1")
    authority = (tmp_path / "ca.pem").read_bytes()
    again = written(tmp_path, "press-1", "press-2")
    assert again.password == first.password
    assert (tmp_path / "ca.pem").read_bytes() == authority
    secret = tmp_path / "passwords" / "press-1"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert lint_conf(tmp_path / "mosquitto.conf")


def test_an_edge_node_may_write_as_itself_alone(tmp_path: Path) -> None:
    users = accounts(tmp_path, ["press-1"], "lineside", "Plant1")
    station = users[0]
    assert "spBv1.0/Plant1/+/press-1" in station.write
    assert "spBv1.0/Plant1/NCMD/press-1" in station.read
    assert not any("spBv1.0" in topic for topic in (*users[1].write, *users[2].write))


def test_a_name_that_no_station_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no station id"):
        accounts(tmp_path, ["press/1"], "lineside")


def test_an_open_broker_is_named_for_what_it_lets_through(tmp_path: Path) -> None:
    with with_lines(tmp_path) as target:
        with CheckClient(target) as other:
            other.publish("lineside/press-2/state", [b"{}"], retain=True)
        found = list(rights(replace(target, username="press-1", password="x")))
    assert one(found, "anonymous clients").grade == "FAIL"
    assert "forge" in one(found, "write as another").detail
    assert "press-2/state" in one(found, "read others").detail
