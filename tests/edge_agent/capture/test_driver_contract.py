"""What every capture driver promises, run over every driver that the registries find."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from edge_agent.capture.drivers import REGISTRIES
from edge_agent.capture.source import EndOfSource, Running, Source, SourceDriver
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item
from tests.edge_agent.capture.driver_kits import KITS, NEEDS_PEER, Kit

DRIVERS = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names()]
TICK_S = 0.2


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(one, id="-".join(one), marks=[pytest.mark.drivers] * (one in NEEDS_PEER))
        for one in DRIVERS
    ],
)
def driver(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def kit(driver: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    assert driver in KITS, f"{driver} has no kit in driver_kits.py"
    with KITS[driver](tmp_path_factory.mktemp(driver[1])) as kit:
        if kit.missing:
            pytest.skip(f"{driver[1]}: {kit.missing}")
        yield kit


@pytest.fixture
def row(driver: tuple[str, str]) -> SourceDriver:
    return REGISTRIES[driver[0]].find(driver[1])


@pytest.fixture
def build(driver: tuple[str, str], row: SourceDriver, kit: Kit):
    def make(*, absent: bool = False) -> Source:
        table = dict(kit.table) | (dict(kit.absent) if absent else {})
        config = row.config.model_validate({"driver": driver[1], **table})
        parts = {} if absent else kit.parts
        return row.build(config, name="x", clock=kit.clock, **parts)

    return make


def first(source: Source, within_s: float = 10) -> Item:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = source.next(TICK_S)
        if item is not None:
            return item
    pytest.fail("no item came")


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_the_table_names_its_driver_and_describes_every_key(
    driver: tuple[str, str], row: SourceDriver
) -> None:
    assert row.config.model_fields["driver"].annotation.__args__ == (driver[1],)
    for key, field in row.config.model_fields.items():
        assert key == "driver" or field.description, f"{driver}: {key} has no description"


def test_a_loss_is_noticed_within_two_seconds_by_default(row: SourceDriver) -> None:
    stall = row.config.model_fields.get("stall_s")
    assert stall is None or stall.default <= 1.5, "half a second is left for waking up"


def test_the_constructor_does_no_io(build, kit: Kit) -> None:
    handles, running = len(os.listdir("/proc/self/fd")), threads()
    source = build(absent=bool(kit.absent))
    assert len(os.listdir("/proc/self/fd")) == handles
    assert threads() == running
    source.close()


def test_an_absent_device_is_an_error_with_a_cure(build, kit: Kit) -> None:
    if not kit.absent:
        pytest.skip("a simulated device is never absent")
    source = build(absent=True)
    with pytest.raises(DeviceError) as raised:
        source.open()
    assert raised.value.where
    assert raised.value.cure
    source.close()


def test_it_opens_and_closes_twice_and_gives_items_after_it_was_opened_again(build) -> None:
    source = build()
    source.close()
    source.open()
    source.open()
    before = first(source)
    source.close()
    source.close()
    source.open()
    after = first(source)
    source.close()
    assert after.seq > before.seq, "numbers go on after a loss"
    assert after.mono_ns >= before.mono_ns
    assert before.source == after.source == "x"


def test_a_closed_driver_leaves_no_thread_and_no_handle(build) -> None:
    source = build()
    source.open()
    first(source)
    source.close()
    handles, running = len(os.listdir("/proc/self/fd")), threads()
    source.open()
    first(source)
    source.close()
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert threads() <= running


def test_what_a_running_device_gave_before_the_beginning_is_no_item(build, kit: Kit) -> None:
    source = build()
    if not isinstance(source, Running):
        pytest.skip("nothing of it waits unread")
    source.open()
    kit.clock.sleep_s(0.5)  # another device opens meanwhile
    began_ns = kit.clock.mono_ns()
    source.begin()
    item = first(source)
    source.close()
    assert item.seq == 0
    assert item.mono_ns >= began_ns


def test_a_stop_is_obeyed_within_a_tick(build) -> None:
    source = build()
    source.open()
    with suppress(EndOfSource, DeviceError):
        for _ in range(10):
            began = time.monotonic()
            source.next(0.05)
            assert time.monotonic() - began < 3, "next() waited longer than it was told"
    source.close()
