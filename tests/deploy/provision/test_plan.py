"""What a board lacks, and which boards cannot become a station."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.provision.board_state import BoardState, parse_look
from deploy.provision.plan import BoardFile, Plan, Wanted, board_path, make_plan
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.files import sha256_hex

KEY = "ssh-ed25519 AAAA ann@plant"
FILE = BoardFile("/var/lib/lineside/station.toml", b"x")
WANTED = Wanted("press3", (FILE,), "press3", (KEY,), "5" * 64, "aarch64")
BARE = BoardState("pi", True, "aarch64", "cp311", "raspberrypi")
LOOK = f"""\
Welcome to line 3
user pi
root yes
machine aarch64
python cp313
hostname press3
wheels {"5" * 64}
key {KEY}
file {sha256_hex(b"x")} /var/lib/lineside/station.toml
file none /etc/lineside/a b
"""


def test_a_bare_board_lacks_everything() -> None:
    plan = make_plan(WANTED, BARE, "press3")
    assert plan == Plan("press3", (KEY,), "5" * 64, (FILE,))
    assert plan.lines() == [
        "set the name press3",
        "add the key ann@plant",
        "install the agent's wheels 555555555555",
        "write /var/lib/lineside/station.toml",
    ]


@pytest.mark.parametrize(
    ("lines", "is_served"),
    [
        ("enabled enabled\nactive active", True),
        ("enabled enabled\nactive activating", True),
        ("enabled enabled", True),
        ("enabled enabled\nactive failed", False),
        ("enabled disabled\nactive active", False),
        ("enabled enabled\nactive active\nrestart due", False),
        ("enabled ", False),
    ],
)
def test_the_service_is_asked_for_what_it_runs_with(lines: str, is_served: bool) -> None:
    assert parse_look(f"{LOOK}{lines}\n").is_served == is_served


def test_a_board_that_has_everything_lacks_nothing() -> None:
    board = parse_look(LOOK)
    assert board.sums["/etc/lineside/a b"] == ""
    assert make_plan(WANTED, board, "press3").lines() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_root": False}, "pi may not become root without a password"),
        ({"python": ""}, "has no python3: install Python 3.11"),
        ({"python": "cp39"}, "has cp39: install Python 3.11"),
        ({"machine": "x86_64"}, "is x86_64, the wheels are for aarch64"),
    ],
)
def test_a_board_that_cannot_become_a_station_is_told(
    change: dict[str, object], words: str
) -> None:
    with pytest.raises(DeviceError, match=f"press3: {words}"):
        make_plan(WANTED, replace(BARE, **change), "press3")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "/etc/lineside/../shadow"])
def test_files_of_the_station_lie_where_they_belong(path: str) -> None:
    assert board_path("tls/ca.pem", "x") == "/var/lib/lineside/tls/ca.pem"
    with pytest.raises(ConfigError, match="is not below /var/lib/lineside or /etc/lineside"):
        board_path(path, "station.toml")
