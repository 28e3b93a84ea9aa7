"""Home Assistant's core with its MQTT integration alone, asked over standard input.

    python home_assistant_core.py CONFIG_DIR BROKER_PORT

Runs in Home Assistant's own environment, not in ours. Each line of input is answered by one of
JSON; `show`: entity id -> state, and the devices; `end`: what its log has to complain about.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from homeassistant import bootstrap, runner
from homeassistant.const import __version__
from homeassistant.helpers import device_registry

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])
NOW = "2026-01-01T00:00:00+00:00"
CONFIGURATION = """
homeassistant:
  name: Plant
  latitude: 0
  longitude: 0
  elevation: 0
  unit_system: metric
  time_zone: UTC
logger:
  default: warning
"""
ENTRY = {
    "created_at": NOW, "modified_at": NOW, "data": {"broker": "127.0.0.1", "port": PORT},
    "disabled_by": None, "discovery_keys": {}, "domain": "mqtt", "entry_id": "lineside",
    "minor_version": 2, "options": {"discovery": True, "discovery_prefix": "homeassistant"},
    "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user",
    "subentries": [], "title": "broker", "unique_id": None, "version": 1,
}  # fmt: skip


def write_configuration() -> None:
    (FOLDER / ".storage").mkdir(parents=True, exist_ok=True)
    (FOLDER / "configuration.yaml").write_text(CONFIGURATION)
    entries = {"version": 1, "minor_version": 5, "key": "core.config_entries"}
    document = {**entries, "data": {"entries": [ENTRY]}}
    (FOLDER / ".storage" / "core.config_entries").write_text(json.dumps(document))


def complaints() -> list[str]:
    log = FOLDER / "ha.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if "mqtt" in line and ("ERROR" in line or "WARNING" in line)]


async def main() -> None:
    write_configuration()
    bootstrap.CRITICAL_INTEGRATIONS = frozenset()  # the frontend is another package
    config = runner.RuntimeConfig(
        config_dir=str(FOLDER), skip_pip=True, log_no_color=True, log_file=str(FOLDER / "ha.log")
    )
    hass = await bootstrap.async_setup_hass(config)
    await hass.async_start()
    answer({"version": __version__, "mqtt": "mqtt" in hass.config.components})
    while True:
        line = (await asyncio.to_thread(sys.stdin.readline)).strip()
        if line != "show":
            answer({"complaints": complaints()})
            os._exit(0)
        await asyncio.sleep(0.2)
        devices = device_registry.async_get(hass).devices.values()
        answer(
            {
                "states": {state.entity_id: state.state for state in hass.states.async_all()},
                "devices": [[d.name, d.manufacturer, d.sw_version] for d in devices],
            }
        )


def answer(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


asyncio.run(main())
