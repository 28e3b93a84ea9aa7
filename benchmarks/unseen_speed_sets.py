"""Sets of vibration whose speeds are left out one after the other, normal running cut in thirds.

Each is a data set with the columns speed and part (0, 1, 2: thirds of a speed's time in order), and
the speeds that are left out. Simulated motors are made in a folder that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.fan import conditions, numbers
from edge_agent.simulator.motor import BEARING_FAULTS, RATE_HZ, Trial, draw_motor, record
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset, Sample

LEAST_PERCENT = 60
"""Of fan_17_speeds: below, its states hardly differ."""
THIRDS = (("0", (0.0, 1 / 3)), ("1", (1 / 3, 2 / 3)), ("2", (2 / 3, 1.0)))
MOTORS = 1
BENCH = 8
"""The seed of the motors; the limits of the known conditions were chosen on another bench."""
MOTOR_HZ = (20, 30, 40, 50)
NORMAL, FAULTY = 60, 12
"""Readings of a second at each speed, of normal running and of each fault."""


@dataclass(frozen=True)
class SpeedSet:
    """speeds: those left out, and those whose faults count; samples: of a window, 0 as by default.

    found: faulty windows at the speeds that are known, every so many.
    """

    name: str
    dataset: Dataset
    speeds: Sequence[str]
    window_samples: int = 0
    every: int = 1


def fan_17_speeds(data: Path, work: Path) -> Iterator[SpeedSet]:
    """A cooler fan at 17 speeds; thirds and runs as its labels have them."""
    del work
    dataset = load_dataset(data / "fan_17_speeds")
    speeds = sorted(set(conditions(dataset, "speed").tolist()), key=_percent)
    yield SpeedSet(
        "fan_17_speeds", dataset, [one for one in speeds if _percent(one) >= LEAST_PERCENT], every=4
    )


def ceiling_fan(data: Path, work: Path) -> Iterator[SpeedSet]:
    """A ceiling fan at three speeds, its sensor fixed; one file a second."""
    del work
    whole = load_dataset(data / "ceiling_fan")
    kept = (conditions(whole, "mounting") == "fixed") & (conditions(whole, "speed") != "off")
    order = numbers(whole)
    samples = []
    for speed in ("low", "med", "high"):
        for bad in (False, True):
            chosen = kept & (conditions(whole, "speed") == speed) & (whole.is_bad() == bad)
            places = np.flatnonzero(chosen)
            places = places[np.argsort(order[places], kind="stable")]
            for rank, place in enumerate(places):
                samples.append(_of_part(whole.samples[place], str(3 * rank // len(places))))
    yield SpeedSet("ceiling_fan", whole.with_samples(samples), ("low", "med", "high"))


def hitsm_mfs(data: Path, work: Path) -> Iterator[SpeedSet]:
    """A bearing rig at three speeds: windows of 0.15 s, since a recording has but five seconds.

    The speed is not told: no sensor of a station measures it.
    """
    del work
    dataset = _in_thirds(load_dataset(data / "hitsm_mfs"))
    yield SpeedSet("hitsm_mfs", dataset, ("600rpm", "900rpm", "1200rpm"), 7680)


def motors(data: Path, work: Path) -> Iterator[SpeedSet]:
    """Simulated motors on an inverter, one after the other."""
    del data
    for machine in range(MOTORS):
        folder = work / f"motor-{machine}"
        write_motor(folder, machine)
        speeds = [f"{hz} Hz" for hz in MOTOR_HZ]
        yield SpeedSet("motors", load_dataset(folder), speeds)


SETS: dict[str, Callable[[Path, Path], Iterator[SpeedSet]]] = {
    "fan_17_speeds": fan_17_speeds,
    "ceiling_fan": ceiling_fan,
    "hitsm_mfs": hitsm_mfs,
    "motors": motors,
}
"""cwru is none of them: of normal running it has one recording at one load."""


def write_motor(folder: Path, machine: int, hertz: Sequence[int] = MOTOR_HZ) -> None:
    """Readings of one motor at each speed, normal and with each fault, as a data set of .npz."""
    folder.mkdir(parents=True)
    rows = ["path,label,speed,part"]
    labels = [("normal", NORMAL), *((fault, FAULTY) for fault in (*BEARING_FAULTS, "unbalance"))]
    for place, hz in enumerate(hertz):
        for kind, (label, count) in enumerate(labels):
            for k in range(count):
                name = f"{label}-{hz}-{k:03d}.npz"
                number = 1000 * (10 * place + kind) + k
                signal = record(_trial(machine, number, label, hz), round(RATE_HZ), RATE_HZ)
                np.savez(folder / name, x=signal[:, 0], rate_hz=np.float64(RATE_HZ))
                rows.append(f"{name},{label},{hz} Hz,{3 * k // count}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    (folder / "dataset.toml").write_text(
        'task = "vibration-anomaly"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "speed"\n'
        f'[vibration]\nrate_hz = {RATE_HZ:g}\naxes = ["x"]\nunit = "g"\n'
    )


def _trial(machine: int, number: int, label: str, hz: int) -> Trial:
    """A reading at a speed: unbalance and misalignment grow with its square."""
    rng = np.random.default_rng([BENCH, machine, number])
    motor, grown = draw_motor(BENCH, machine), (hz / 40) ** 2
    motor = replace(
        motor,
        unbalance_g=motor.unbalance_g * grown,
        misalignment_g=motor.misalignment_g * grown,
    )
    severity, load = float(rng.uniform(0.25, 1.0)), float(rng.uniform(0.4, 0.6))
    shaft_hz = hz * (1 + float(rng.normal(0, 0.003)))
    return Trial(BENCH + 100 * machine, number, label, motor, severity, load, shaft_hz)


def _in_thirds(dataset: Dataset) -> Dataset:
    """Every recording as three stretches, of a detector's data set and without a stated speed."""
    samples = [
        replace(_of_part(one, part), span=span) for one in dataset.samples for part, span in THIRDS
    ]
    config = dataset.config.model_copy(update={"task": "vibration-anomaly"})
    return replace(dataset, config=config).with_samples(samples)


def _of_part(sample: Sample, part: str) -> Sample:
    told = {key: value for key, value in sample.conditions.items() if key != "rpm"}
    return replace(sample, conditions={**told, "part": part})


def _percent(speed: str) -> int:
    return int(speed.removesuffix("%"))
