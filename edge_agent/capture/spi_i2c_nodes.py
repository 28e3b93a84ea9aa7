"""The I2C and SPI nodes of this machine that a chip could be on; no chip is touched."""

from __future__ import annotations

from pathlib import Path

from edge_agent.capture.source import FoundDevice


def find_nodes(driver: str, dev: Path = Path("/dev")) -> list[FoundDevice]:
    """One row a bus: writing to a chip that nobody named could change it, so none is looked for."""
    nodes = [*sorted(dev.glob("i2c-*")), *sorted(dev.glob("spidev*"))]
    note = "a bus: whether the chip is on it shows when it is used"
    return [
        FoundDevice(
            driver, f"{driver.upper()} here?", f"/dev/{node.name}", (note,),
            {"driver": driver, "device": f"/dev/{node.name}"},
        )
        for node in nodes
    ]  # fmt: skip
