"""Commissioning by the page: the station is not at work, and the devices are the integrator's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from edge_agent.capture.drivers import build_source, find_devices
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, ConfigError, LinesideError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Frame, Verdict
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.wire.decision import Decision
from edge_agent.health.commissioning import (
    ChannelCommissioning,
    read_commissioning,
    write_commissioning,
)
from edge_agent.outputs.output import build_output
from edge_agent.station.build import trusted_bundle
from edge_agent.station.commission import Commissioned, commission_channel
from edge_agent.station.config import ImageChannel, StationConfig
from edge_agent.station.seen_with import refuse_other_camera
from edge_agent.station.setup_camera import SetupCamera
from edge_agent.station.setup_draft import CHANNEL, Draft
from edge_agent.station.setup_faults import faults_of, whole_fault
from edge_agent.station.setup_forms import driver_forms
from edge_agent.station.setup_trigger import try_trigger
from edge_agent.web.access import RefusedError
from edge_agent.web.changes import RecordChange
from edge_agent.web.commission import (
    Choice,
    CommissionView,
    Device,
    Devices,
    FieldFaults,
    Forms,
    Gauge,
    LearntLimit,
    Pressed,
    TriggerTest,
    Value,
)

AGAIN = "another bundle, camera or view: learn good parts again"
SIMULATED = Device(
    driver="simulated",
    name="simulated line",
    where="",
    able=["parts with known truth, for a try without a camera"],
    table={"driver": "simulated", "rate_hz": 5.0, "defect_rate": 0.0},
    fault="",
)


class Setup:
    """Everything of one commissioning; its methods are called by the page's threads.

    show: a frame of the camera; started: the integrator wants the line to run.
    """

    def __init__(
        self,
        draft: Draft,
        *,
        clock: Clock,
        record: RecordChange,
        show: Callable[[Frame], None],
        started: threading.Event,
    ) -> None:
        self._draft = draft
        self._clock = clock
        self._record = record
        self._show = show
        self._started = started
        self._choice: Choice | None = None
        self._region: list[float] = [0.0, 0.0, 1.0, 1.0]
        self._camera: SetupCamera | None = None
        self._learner: threading.Thread | None = None
        self._count = self._wanted = 0
        self._learnt: ChannelCommissioning | None = None
        self._remarks: list[str] = []
        self._fault = ""
        self._is_written = False
        self._one = threading.RLock()

    def view(self) -> CommissionView:
        """The state now."""
        camera, choice = self._camera, self._choice
        learnt = self._learnt.limits if self._learnt else {}
        return CommissionView(
            choice=choice,
            bundles=self._draft.bundles(),
            is_live=camera is not None and not camera.fault,
            gauge=_gauge(camera),
            region=self._region,
            learning=self._count,
            wanted=self._wanted,
            is_learning=self._is_learning,
            limits=[
                LearntLimit(name=name, level=limit.level, reach=limit.reach)
                for name, limit in learnt.items()
            ],
            remarks=self._remarks,
            fault=self._fault or (camera.fault if camera else ""),
            difference=self._draft.difference(choice) if choice else "",
            is_written=self._is_written,
            can_undo=self._draft.can_undo,
        )

    def devices(self) -> Devices:
        """The cameras that the drivers find, and the simulated one."""
        found = [
            Device(
                driver=one.driver,
                name=one.name,
                where=one.where,
                able=list(one.able),
                table=_plain(one.table),
                fault=one.fault,
            )
            for _, one in find_devices(["image"])
        ]
        return Devices(devices=[*found, SIMULATED])

    def forms(self) -> Forms:
        """The settings of every driver."""
        return driver_forms()

    def check(self, choice: Choice) -> FieldFaults:
        """What is wrong with a choice, setting by setting, then as a whole."""
        found = faults_of(choice, self._draft.folder)
        if not found:
            try:
                self._draft.channel(choice)
            except LinesideError as error:
                found = [whole_fault(f"{error.what}: {error.cure}")]
        return FieldFaults(faults=found)

    def choose(self, choice: Choice) -> None:
        """Take a choice that is a whole station.toml; raises ConfigError."""
        with self._one:
            self._refuse_while_learning()
            channel, config = self._draft.channel(choice)
            bundle = trusted_bundle(channel.bundle, config.trust)
            taken = bundle.manifest.spec.input
            if not isinstance(taken, ImageInput):
                raise BundleError("judges no pictures", where=choice.bundle, cure="choose another")
            region = taken.region
            self._region = [region.left, region.top, region.width, region.height]
            self._release()
            self._forget_other(choice)
            self._choice, self._fault, self._is_written = choice, "", False
            self._remark_other_camera(channel, config)

    def live(self, on: bool) -> None:
        """Show the camera's picture, or release it; raises DeviceError."""
        with self._one:
            self._refuse_while_learning()
            self._release()
            if not on:
                return
            channel, config = self._chosen()
            table = channel.source.fitted_to(None, channel=CHANNEL, broker=config.mqtt)
            source = build_source("image", table, name=CHANNEL, clock=self._clock)
            camera = SetupCamera(source, self._show, clock=self._clock, view=channel.view)
            camera.open()
            self._camera = camera

    def try_trigger(self) -> TriggerTest:
        """Wait for parts at the trigger; raises ConfigError without one.

        The camera is released meanwhile: the trigger may look at it.
        """
        with self._one:
            self._refuse_while_learning()
            _, config = self._chosen()
            was_live = self._camera is not None
            self._release()
            try:
                return try_trigger(config, clock=self._clock)
            finally:
                if was_live:
                    self.live(on=True)

    def press(self, who: str, action: Literal["accept", "reject"]) -> Pressed:
        """Move the first output once, and back to its safe state; recorded before it moves."""
        with self._one:
            _, config = self._chosen()
            if not config.output:
                raise ConfigError("no output is chosen", cure="choose one first")
            self._write(who, "output test", {}, {"action": action})
            output = build_output(config.output[0], clock=self._clock)
            output.open()
            try:
                output.write(_decision(action, self._clock))
                status = output.status()
                return Pressed(commanded=status.commanded or "", read_back=status.read_back or "")
            finally:
                output.close()

    def learn(self, parts: int) -> None:
        """Begin to learn good parts; the view tells how far it is."""
        with self._one:
            self._refuse_while_learning()
            channel, config = self._chosen()
            self._release()
            self._count, self._wanted, self._fault, self._learnt = 0, parts, "", None
            self._remarks = []
            self._learner = threading.Thread(
                target=self._learn, args=[channel, config, parts], name="setup-learn", daemon=True
            )
            self._learner.start()

    def write(self, who: str) -> None:
        """Write station.toml as the difference shows it; recorded before."""
        with self._one:
            self._refuse_while_learning()
            self._chosen()
            choice = self._choice
            if choice is None:
                return
            text = self._draft.text(choice)
            before: dict[str, object] = {"sha256": self._sha256()}
            self._write(who, "station.toml", before, {"sha256": sha256_hex(text.encode())})
            self._draft.write(choice)
            self._is_written = True

    def undo(self, who: str) -> None:
        """Write the station.toml of before; recorded before."""
        with self._one:
            if not self._draft.can_undo:
                raise RefusedError(409, "nothing was written yet")
            self._write(who, "station.toml undone", {"sha256": self._sha256()}, {})
            self._draft.undo()
            self._is_written = False

    def start(self, who: str) -> None:
        """End commissioning: the line shall run."""
        with self._one:
            self._refuse_while_learning()
            if not self._draft.path.exists():
                raise RefusedError(409, "station.toml is not written", cure="write it first")
            if self._choice is not None:
                self._refuse_other_camera(*self._chosen())
            self._write(who, "commissioning ended", {}, {"sha256": self._sha256()})
            self._release()
            self._started.set()

    def close(self) -> None:
        """Release the camera; closing twice is fine."""
        self._release()

    @property
    def _is_learning(self) -> bool:
        return self._learner is not None and self._learner.is_alive()

    def _learn(self, channel: ImageChannel, config: StationConfig, parts: int) -> None:
        try:
            done = commission_channel(
                channel, config, parts, clock=self._clock, progress=self._tell
            )
            path = config.station.commissioning
            found = read_commissioning(path)
            learned = {**found.channels, channel.name: done.learned}
            write_commissioning(path, found.model_copy(update={"channels": learned}))
        except LinesideError as error:
            self._fault = str(error)
            return
        self._learnt, self._remarks = done.learned, _remarks(done)

    def _tell(self, count: int) -> None:
        self._count = count

    def _chosen(self) -> tuple[ImageChannel, StationConfig]:
        if self._choice is None:
            raise RefusedError(409, "nothing is chosen yet", cure="choose bundle and camera")
        return self._draft.channel(self._choice)

    def _refuse_while_learning(self) -> None:
        if self._is_learning:
            raise RefusedError(409, "good parts are being learnt", cure="wait for the end")

    def _forget_other(self, choice: Choice) -> None:
        """Limits of another bundle, camera or view are not shown as if they were of this one."""
        before = self._choice
        if before is None or _looks(before) == _looks(choice):
            return
        self._remarks = [AGAIN] if self._learnt else []
        self._learnt, self._count, self._wanted = None, 0, 0

    def _remark_other_camera(self, channel: ImageChannel, config: StationConfig) -> None:
        try:
            self._refuse_other_camera(channel, config)
        except ConfigError as error:
            self._remarks = [f"{error.what}: {error.cure}"]

    def _refuse_other_camera(self, channel: ImageChannel, config: StationConfig) -> None:
        """Raises ConfigError: such a station would not arm."""
        path = config.station.commissioning
        learned = read_commissioning(path).channels.get(channel.name)
        if learned is not None:
            refuse_other_camera(learned, channel, path)

    def _release(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _sha256(self) -> str:
        path = self._draft.path
        return sha256_hex(path.read_bytes()) if path.exists() else ""

    def _write(
        self, who: str, what: str, before: dict[str, object], after: dict[str, object]
    ) -> None:
        if not self._record(who, what, before, after):
            raise StorageError("the audit log cannot be written", cure="free the disk")


def _gauge(camera: SetupCamera | None) -> Gauge | None:
    if camera is None or camera.look is None:
        return None
    look = camera.look
    return Gauge(
        sharpness=look.sharpness,
        light=look.gauges.light,
        exposure=look.gauges.exposure,
        size=f"{look.size_px[0]}x{look.size_px[1]}",
    )


def _looks(choice: Choice) -> tuple[object, ...]:
    """What limits are learnt with."""
    return choice.bundle, choice.source, choice.view


def _plain(table: object) -> dict[str, Value]:
    rows = dict(table) if isinstance(table, dict) else {}
    return {str(k): v for k, v in rows.items() if isinstance(v, str | int | float | bool)}


def _decision(action: Literal["accept", "reject"], clock: Clock) -> Decision:
    verdict = Verdict.PASS if action == "accept" else Verdict.FAIL
    return Decision("output-test", verdict, action, "output test", 0.0, (), at_ns=clock.utc_ns())


def _remarks(done: Commissioned) -> list[str]:
    """What the integrator should know of the learnt parts."""
    found = [f"no scores: {done.no_scores}"] if done.no_scores else []
    if done.failed or done.unjudged:
        found.append(f"{done.failed} FAIL and {done.unjudged} without a verdict: were all good?")
    rate = done.learned.false_alarm_rate
    found.append(f"{done.learned.parts} parts prove at most 1 false alarm in {1 / rate:.0f} parts")
    return found
