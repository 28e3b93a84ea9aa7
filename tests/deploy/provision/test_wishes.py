"""What the command line asks for, read before a board is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.provision.wishes import Order, read_order
from edge_agent.contracts.core.errors import ConfigError
from tests.wheel_kit import write_wheel


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "station.toml").write_text('[station]\nid = "press3"\n')
    for project in ("lineside", "pip"):
        write_wheel(tmp_path / "wheels", project, "1.0.0")
    write_wheel(tmp_path / "wheels", "numpy", "2.0", tag="cp311-cp311-manylinux_2_28_aarch64")
    return Order(tmp_path / "station.toml", wheels=tmp_path / "wheels")


def test_the_set_of_wheels_is_named_by_its_content(order: Order, tmp_path: Path) -> None:
    first = read_order(order).wanted
    assert (first.station_id, first.machine, len(first.wheels)) == ("press3", "aarch64", 64)
    assert [file.path for file in first.files] == [
        "/var/lib/lineside/station.toml",
        "/etc/systemd/system/lineside-agent.service",
    ]
    assert read_order(order).wanted.wheels == first.wheels
    write_wheel(tmp_path / "wheels", "pip", "1.0.0", {"pip.py": b"other"})
    assert read_order(order).wanted.wheels != first.wheels


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hostname": "Press 3"}, "'Press 3' is no host name: lower-case"),
        ({"keys": ("station.toml",)}, "not public SSH keys"),
        ({"keys": ("absent.pub",)}, "No such file"),
        ({"wheels": "."}, "needs the wheels of lineside and of pip"),
    ],
)
def test_a_wrong_order_is_told(
    change: dict[str, str | tuple[str]], words: str, order: Order, tmp_path: Path
) -> None:
    given = {
        key: tuple(tmp_path / one for one in value)
        if isinstance(value, tuple)
        else (tmp_path / value if key == "wheels" else value)
        for key, value in change.items()
    }
    with pytest.raises(ConfigError, match=words):
        read_order(replace(order, **given))  # type: ignore[arg-type]


def test_a_station_without_a_name_is_told(order: Order) -> None:
    order.station.write_text("")
    with pytest.raises(ConfigError, match="names no station: give it a name"):
        read_order(order)
