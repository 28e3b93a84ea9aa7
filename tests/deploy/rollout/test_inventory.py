from __future__ import annotations

from pathlib import Path

import pytest

from deploy.push.host import Host
from deploy.rollout.inventory import cut_groups, read_inventory, share
from edge_agent.contracts.core.errors import ConfigError

NAMES = [f"s{k}" for k in range(200)]


def write(folder: Path, text: str) -> Path:
    path = folder / "stations.toml"
    path.write_text(text)
    return path


def test_early_stations_come_first(tmp_path: Path) -> None:
    text = (
        '[[station]]\nname = "a"\nhost = "pi@line1:/srv"\n'
        '[[station]]\nname = "b"\nhost = "folder"\nearly = true\n'
    )
    found = read_inventory(write(tmp_path, text))
    assert found.in_order() == ["b", "a"]
    assert found.host("a") == Host("/srv", "pi@line1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "station: is missing"),
        ('[[station]]\nname = "a"\nhost = "x"\n' * 2, "two stations have the name 'a'"),
        (
            '[[station]]\nname = "a"\nhost = "x"\n[[station]]\nname = "b"\nhost = "x/"\n',
            "stations 'a' and 'b' have one host, x/",
        ),
        ('[[station]]\nname = "pr\u00e9sse"\nhost = "x"\n', "station.0.name"),
        ("station = []", "station"),
        ('[[station]]\nname = "a b"\nhost = "x"\n', "station.0.name"),
        ('[[station]]\nname = "a"\nhost = "-x:y"\n', "is no host"),
        ('[[station]]\nname = "a"\nhots = "x"\n', "did you mean 'host'"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        read_inventory(write(tmp_path, text))


@pytest.mark.parametrize(
    ("steps", "sizes"),
    [
        ("1,10,50,100%", [1, 9, 40, 150]),
        ("100%", [200]),
        ("1%,10%", [2, 18]),
        ("1,2", [1, 1]),
        ("500", [200]),
        ("1,500,100%", [1, 199]),
    ],
)
def test_groups_are_cut_at_totals(steps: str, sizes: list[int]) -> None:
    groups = cut_groups(NAMES, steps)
    assert [len(group) for group in groups] == sizes
    assert [name for group in groups for name in group] == NAMES[: sum(sizes)]


def test_the_usual_steps_reach_every_station_of_a_small_plant() -> None:
    assert cut_groups(NAMES[:4], "1,10,50,100%") == [NAMES[:1], NAMES[1:4]]


@pytest.mark.parametrize("steps", ["", "0", "a", "1;2", "-1", "1.5%"])
def test_steps_that_are_none_are_refused(steps: str) -> None:
    with pytest.raises(ConfigError, match="is no step"):
        cut_groups(NAMES, steps)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("2,1", r"'1' \(1 stations\) does not rise"),
        ("1,1,5", r"'1' \(1 stations\) does not rise"),
        ("50%,50%", "'50%' .* does not rise"),
        ("150,50%", "'50%' .* does not rise"),
        ("150%", "'150%' is more than all"),
    ],
)
def test_steps_that_do_not_rise_to_all_at_most_are_refused(steps: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cut_groups(NAMES, steps)


def test_shares() -> None:
    assert (share("2%"), share("0.02"), share("0")) == (0.02, 0.02, 0.0)
    assert (share("100%"), share(" 2.5% "), share(".5")) == (1.0, 0.025, 0.5)
    for text in ("2", "x", "-1%", "", "1", "1.0", "nan", "nan%", "inf", "1e-2", "%", "2%%", "101%"):
        with pytest.raises(ConfigError, match="is no share"):
            share(text)
