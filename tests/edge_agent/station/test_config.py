"""station.toml: what is refused, with which words, and what the reference says."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.reference_page import reference, tables
from edge_agent.station.config import REFERENCE_HEAD, StationConfig, read_config

ROOT = Path(__file__).parents[3]

WHOLE = """
[station]
id = "demo"
[mqtt]
host = "localhost"
username = "station"
password_file = "secret"
[[channel]]
name = "top"
kind = "image"
bundle = "caps.bundle"
[channel.source]
driver = "folder"
path = "frames"
[[channel]]
name = "motor"
kind = "vibration"
bundle = "/abs/motor.bundle"
[channel.source]
driver = "replay"
path = "runs"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "station.toml"
    path.write_text(text)
    return path


def test_relative_paths_are_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, WHOLE)
    monkeypatch.chdir(tmp_path)
    config = read_config(Path("station.toml"))
    assert config.channel[0].bundle == tmp_path / "caps.bundle"
    assert config.channel[1].bundle == Path("/abs/motor.bundle")
    assert config.station.state_dir == tmp_path / "state"
    assert config.mqtt is not None
    assert config.mqtt.client_id_of("demo") == "lineside-demo"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('host = "localhost"', 'hots = "x"', "mqtt: unknown key 'hots', did you mean 'host'?"),
        ('driver = "replay"', 'driver = "replays"', "driver 'replays', did you mean 'replay'?"),
        ("[mqtt]", "[mqqt]", "unknown key 'mqqt', did you mean 'mqtt'?"),
        ('path = "runs"', 'pth = "runs"', "unknown key 'pth', did you mean 'path'?"),
        ('kind = "image"', 'kind = "imago"', "unknown kind 'imago', did you mean 'image'?"),
        ('id = "demo"', 'id = "a b"', "station.id"),
        ('id = "demo"', 'id = "demo"\nsafe_action = "accept"', "station.safe_action"),
        ('host = "localhost"', 'host = "x"\nport = 70000', "mqtt.port"),
        ('username = "station"\n', "", "password_file needs username"),
        ('name = "motor"', 'name = "top"', "two channels are named 'top'"),
        (
            'driver = "folder"\npath = "frames"',
            'driver = "folder"\npath = "frames"\n[channel.health]\nfrozen_frames = 1',
            "2 is the strictest, 0 is off",
        ),
        (
            'driver = "replay"\n',
            "",
            "source: needs driver; known are ",
        ),
        ('kind = "image"\n', "", "channel.0: needs kind"),
        ('bundle = "caps.bundle"\n', "", "channel.0.image.bundle: is missing"),
        (
            'driver = "folder"\npath = "frames"',
            'driver = "v4l2"\nwidth_px = 640\nheight_px = 480\n[line]\njoin = "part_id"',
            "channel 'top' (v4l2) only counts its frames",
        ),
        (
            "[mqtt]",
            '[line]\ndeadline_ms = 150\n[[channel]]\nname = "mill"\nkind = "tabular"\n'
            'bundle = "m.bundle"\n[channel.source]\ndriver = "mqtt_tags"\ntopic = "t"\n'
            'trigger_tag = "go"\nsettle_ms = 150\n[mqtt]',
            "channel 'mill' waits 150 ms for its values, and line.deadline_ms is 150",
        ),
        ('path = "frames"', 'path = "frames"\nrate_hz = nan', "rate_hz"),
        ("[mqtt]", "[mqtt", "not TOML"),
    ],
    ids=lambda value: None,
)
def test_fault_is_named_with_file_key_and_cure(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = write(tmp_path, WHOLE.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        read_config(tmp_path / "nowhere.toml")


def test_printed_configuration_reads_back_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("hush\n")
    path = write(tmp_path, WHOLE)
    assert main(["config", str(path)]) == 0
    shown = capsys.readouterr().out
    assert read_config(write(tmp_path, shown)) == read_config(write(tmp_path, WHOLE))


def test_password_prints_as_stars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").write_text("hush\n")
    path = write(tmp_path, WHOLE)
    config = read_config(path)
    assert config.mqtt is not None
    assert config.mqtt.password() == "hush"
    main(["config", str(path)])
    shown = capsys.readouterr().out
    assert "****" in shown
    assert "hush" not in shown
    assert "hush" not in repr(config)


def test_unreadable_password_names_its_file(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, WHOLE))
    assert config.mqtt is not None
    with pytest.raises(ConfigError, match="secret: the password cannot be read"):
        config.mqtt.password()


@pytest.mark.parametrize("table", tables(StationConfig), ids=lambda table: table.__name__)
def test_every_key_has_a_description(table: type[StationConfig]) -> None:
    bare = [
        name
        for name, field in table.model_fields.items()
        if not field.description and name not in ("driver", "kind")
    ]
    assert not bare
    assert table.__doc__


def test_reference_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "station-toml.md").read_text()
    assert page == reference(StationConfig, REFERENCE_HEAD), (
        "run: lineside-agent config --reference > docs/station-toml.md"
    )


def test_single_brackets_are_explained(tmp_path: Path) -> None:
    path = write(tmp_path, '[station]\nid = "demo"\n[channel]\nname = "top"\n')
    with pytest.raises(ConfigError, match=r"channel: write it as \[\[channel\]\], once for each"):
        read_config(path)


def test_station_of_the_simulated_belt_is_valid() -> None:
    config = read_config(ROOT / "docs" / "belt.toml")
    assert config.line.join == "trigger"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('join = "trigger"', "needs a \\[trigger\\]"),
        ('join = "trigger"\ndeadline_ms = 900', "needs an \\[encoder\\]"),
        ('join = "trigger"\ndeadline_ms = 105', "no part could pass in time"),
    ],
)
def test_triggered_line_that_could_pass_nothing_is_refused(
    tmp_path: Path, line: str, words: str
) -> None:
    trigger = '[trigger]\ndriver = "encoder"\nevery_mm = 50\n' if "ms" in line else ""
    path = tmp_path / "station.toml"
    path.write_text(
        f'[station]\nid = "test"\n[line]\n{line}\n{trigger}[[channel]]\nname = "top"\n'
        'kind = "image"\nbundle = "b.bundle"\n[channel.source]\ndriver = "simulated"\n'
    )
    with pytest.raises(ConfigError, match=words):
        read_config(path)


@pytest.mark.parametrize("window", ["[100, -100]", "[0, 1e9]"])
def test_window_of_codes_that_holds_nothing_is_refused(tmp_path: Path, window: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(
        '[station]\nid = "test"\n[line]\njoin = "trigger"\n[trigger]\ndriver = "http"\n'
        f"[part_id]\nwindow_ms = {window}\n[part_id.source]\n"
        'driver = "bar_code"\ndevice = "/dev/ttyACM0"\n'
        '[[channel]]\nname = "top"\nkind = "image"\nbundle = "b.bundle"\n[channel.source]\n'
        'driver = "simulated"\n'
    )
    with pytest.raises(ConfigError, match="window_ms needs first <= last, within"):
        read_config(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "each of its items is a part of its own"),
        ('[line]\njoin = "part_id"\n', "every channel is optional"),
    ],
)
def test_optional_channel_that_no_part_could_do_without_is_refused(
    tmp_path: Path, line: str, words: str
) -> None:
    path = tmp_path / "station.toml"
    path.write_text(
        f'[station]\nid = "test"\n{line}[[channel]]\nname = "top"\nkind = "image"\n'
        'bundle = "b.bundle"\nfusion = { optional = true }\n[channel.source]\n'
        'driver = "simulated"\n'
    )
    with pytest.raises(ConfigError, match=words):
        read_config(path)
