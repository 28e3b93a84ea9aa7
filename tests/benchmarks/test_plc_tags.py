"""The simulated PLC over EtherNet/IP: its program and a client see the same words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.brokers import free_port
from benchmarks.plc_memory import STATUS_WORDS
from benchmarks.plc_tags import EthernetIpTags
from edge_agent.fieldbus.ethernet_ip import EthernetIpDevice, EthernetIpLink
from tests.edge_agent.fieldbus.plc import skip_without_ethernet_ip

pytestmark = pytest.mark.drivers


@pytest.fixture
def ends() -> Iterator[tuple[EthernetIpTags, EthernetIpLink]]:
    skip_without_ethernet_ip()
    plc = EthernetIpTags(port := free_port())
    link = EthernetIpLink(EthernetIpDevice(host="127.0.0.1", port=port, timeout_s=10))
    yield plc, link
    link.close()
    plc.stop()


def test_program_and_client_see_each_others_words(
    ends: tuple[EthernetIpTags, EthernetIpLink],
) -> None:
    plc, link = ends
    plc.write_command([1, 40_000, 3])
    assert link.read("LinesideCommand[0]", "INT", 3) == [1, 40_000 - 65_536, 3]
    link.write("LinesideStatus[0]", "INT", [7] * (STATUS_WORDS - 1))
    link.write(f"LinesideStatus[{STATUS_WORDS - 1}]", "INT", [-1])
    assert plc.read_status() == [7] * (STATUS_WORDS - 1) + [65_535]
