"""`lineside-agent run`: the station at work."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edge_agent.audit.recorder import AuditRecorder
    from edge_agent.contracts.core.clock import Clock
    from edge_agent.contracts.wire.decision import Decision
    from edge_agent.contracts.wire.observation import Observer
    from edge_agent.evidence.recorder import EvidenceRecorder
    from edge_agent.golden.gate import GoldenGate
    from edge_agent.station.actor import Listener
    from edge_agent.station.adapter_set import AdapterSet
    from edge_agent.station.config import StationConfig
    from edge_agent.station.station import Station
    from edge_agent.station.telemetry import Telemetry
    from edge_agent.web.diagnostics import Inside
    from edge_agent.web.models import ModelView
    from edge_agent.web.page import Page

EXAMPLES = """example:
  lineside-agent run station.toml
  lineside-agent run station.toml --verbose --no-wait

Ends by itself when every source has ended, else on SIGTERM or Ctrl-C; nothing is lost either way.
"""

SWITCH_S = 0.0005
"""Python lets a thread run for 5 ms before another one gets its turn: with captures, channels and
the outbox at work a part would wait for several such turns."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `run`."""
    run = verbs.add_parser(
        "run",
        help="inspect until stopped",
        epilog=EXAMPLES,
    )
    run.add_argument("config", type=Path, metavar="STATION.toml")
    run.add_argument("--verbose", action="store_true", help="verdict lines also without a terminal")
    run.add_argument("--json", action="store_true", help="verdict lines as JSON objects")
    run.add_argument("--quiet", action="store_true", help="no verdict lines")
    run.add_argument(
        "--no-wait", action="store_true", help="end with an error where it would stay disarmed"
    )
    run.add_argument("--debug", action="store_true", help="log more")
    run.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from edge_agent.infer.trial import TRIALS

    # On another core, its libraries are loaded while these are.
    TRIALS.foresee()
    try:
        return _inspect(args)
    finally:
        TRIALS.dismiss()


def _inspect(args: argparse.Namespace) -> int:
    from edge_agent.station.process_memory import starting

    with ExitStack() as ending:
        with starting():
            station, stop = _build(args, ending)
        station.run(stop)
    print(f"{station.counts}; {station.sent} confirmed, {station.waiting} wait", file=sys.stderr)
    return 0


def _build(args: argparse.Namespace, ending: ExitStack) -> tuple[Station, threading.Event]:
    """The station with everything around it, and what stops it; `ending` closes it."""
    import cv2

    from edge_agent.contracts.core.clock import SystemClock
    from edge_agent.infer.trial import TRIALS
    from edge_agent.station.build import different_bundles
    from edge_agent.station.config import read_config
    from edge_agent.station.log import flush_log, start_log
    from edge_agent.station.station import Station
    from edge_agent.station.systemd import supervisor_of
    from edge_agent.station.telemetry import Telemetry

    start_log(logging.DEBUG if args.debug else logging.INFO)
    sys.setswitchinterval(SWITCH_S)
    cv2.setNumThreads(1)  # a frame is too small to share: it would wait for a thread to wake up
    config = read_config(args.config)
    TRIALS.foresee(different_bundles(config))
    stop, clock = stop_on_signals(), SystemClock()
    ending.callback(flush_log)
    audit = _audit_recorder(config, args.config, clock, ending)
    hold = _golden_gate(config, clock, audit)
    ending.callback(hold.close)
    telemetry = Telemetry(config, clock)
    evidence = _evidence_recorder(config, audit, telemetry, ending)
    page = _page(config, clock, hold, (audit, evidence), ending)
    adapters = _adapters(config, clock, ending)
    station = Station(
        config,
        clock=clock,
        listeners=_told(config, adapters, audit, page, hold, telemetry),
        observers=[*_shown(config, clock, ending, evidence, page), telemetry],
        hold=hold,
        remembered=partial(_remembered, audit, evidence),
        output=_verdict_lines(args, clock, ending),
        keep_trying=not args.no_wait,
        supervisor=supervisor_of(os.environ),
    )
    _open_listeners(page, adapters, telemetry, station)
    return station, stop


def _remembered(
    audit: AuditRecorder | None, evidence: EvidenceRecorder | None
) -> dict[str, object]:
    """What audit log and evidence add to the health message."""
    return {
        "audit_head": (audit.head if audit else "") or None,
        "evidence_lost": evidence.lost if evidence else 0,
    }


def _told(config: StationConfig, adapters: AdapterSet, *others: Listener | None) -> list[Listener]:
    """Who is told of every message: `others` where they are there, the state's file, adapters."""
    from edge_agent.contracts.core.own_version import own_version
    from edge_agent.station.state_file import StateFile

    present = [other for other in others if other is not None]
    state_file = StateFile(config.station.state_dir, own_version())
    return [*present, state_file, *adapters.by_driver.values()]


def _shown(
    config: StationConfig,
    clock: Clock,
    ending: ExitStack,
    evidence: EvidenceRecorder | None,
    page: Page | None,
) -> list[Observer]:
    """Who sees every item with its verdict: evidence, page, and a candidate in the shadow."""
    from edge_agent.station.shadow import Shadow

    shadow = Shadow(config, clock, evidence.keep_disagreement if evidence else None)
    ending.callback(shadow.close)
    return [*(one for one in (evidence, page) if one is not None), shadow]


def _golden_gate(config: StationConfig, clock: Clock, audit: AuditRecorder | None) -> GoldenGate:
    """By which a person, or a golden part that is decided wrongly, stops passing."""
    from edge_agent.golden.gate import GoldenGate

    gate = GoldenGate(
        config.station.state_dir,
        config.station.safe_action,
        config.golden,
        clock=clock,
        record=audit.change if audit else _recorded_in_the_log,
    )
    gate.load()
    gate.start()
    return gate


def _verdict_lines(
    args: argparse.Namespace, clock: Clock, ending: ExitStack
) -> Callable[[Decision], None]:
    """What shows decisions: all on stdout where somebody looks, else FAILs in the log."""
    from edge_agent.outputs.console import Console, ConsoleTable
    from edge_agent.station.log import log_fail

    if args.quiet or not (args.verbose or args.json or sys.stdout.isatty()):
        return log_fail
    form: Literal["text", "json"] = "json" if args.json else "text"
    console = Console(ConsoleTable(driver="console", format=form), name="console", clock=clock)
    console.open()
    ending.callback(console.close)
    return console.write


def _audit_recorder(
    config: StationConfig, path: Path, clock: Clock, ending: ExitStack
) -> AuditRecorder | None:
    """The audit log of this station, with a record of what starts now; None where it is off."""
    if not config.audit.enabled:
        return None
    from edge_agent.audit.recorder import AuditRecorder
    from edge_agent.contracts.core.files import sha256_hex
    from edge_agent.contracts.core.own_version import own_version

    folder = config.station.state_dir / "audit"
    recorder = AuditRecorder(folder, config.audit, clock=clock)
    recorder.start({"version": own_version(), "station_toml": sha256_hex(path.read_bytes())})
    ending.callback(recorder.close)
    return recorder


def _evidence_recorder(
    config: StationConfig, audit: AuditRecorder | None, telemetry: Telemetry, ending: ExitStack
) -> EvidenceRecorder | None:
    """What keeps evidence and names contents for the audit log; None where neither is wanted."""
    if audit is None and not config.evidence.enabled:
        return None
    from edge_agent.evidence.recent import RecentItems
    from edge_agent.evidence.recorder import EvidenceRecorder
    from edge_agent.station.relay import evidence_disk

    folder = config.station.state_dir / "evidence"
    named = audit.name_content if audit else None
    # Only somebody at the page can report a part that was missed.
    recent = (
        RecentItems(round(config.evidence.recent_mb * (1 << 20))) if config.web.enabled else None
    )
    recorder = EvidenceRecorder(
        folder, config.evidence, name_content=named, on_kept=telemetry.keep, recent=recent
    )
    ending.callback(evidence_disk(recorder).close)
    return recorder


def _page(
    config: StationConfig,
    clock: Clock,
    gate: GoldenGate,
    recorders: tuple[AuditRecorder | None, EvidenceRecorder | None],
    ending: ExitStack,
) -> Page | None:
    """The closed page; None where it is not wanted."""
    if not config.web.enabled:
        return None
    page = build_page(config, clock, gate, *recorders)
    ending.callback(page.close)
    return page


def build_page(
    config: StationConfig,
    clock: Clock,
    gate: GoldenGate,
    audit: AuditRecorder | None,
    evidence: EvidenceRecorder | None = None,
) -> Page:
    """The closed page; raises DeviceError where its libraries are not installed."""
    from edge_agent.contracts.core.extras import Library, missing

    try:
        from edge_agent.web.page import Page
    except ImportError as error:
        page = Library("a library of the page", "", "web")
        raise missing(page, "station.toml: web") from error
    return Page(
        config.web,
        station=config.station.id,
        channels=[channel.name for channel in config.channel],
        state_dir=config.station.state_dir,
        clock=clock,
        gate=gate,
        golden=config.golden,
        record=audit.change if audit else _recorded_in_the_log,
        inside=_inside(config, clock),
        evidence=evidence,
    )


def _inside(config: StationConfig, clock: Clock) -> Inside:
    """What the page asks the agent of itself, when somebody looks."""
    from edge_agent.contracts.core.check_result import CheckResult
    from edge_agent.health.board.checks import check_board, this_board
    from edge_agent.station.board_needs import needs_of
    from edge_agent.web.diagnostics import Inside

    def board() -> list[CheckResult]:
        return list(check_board(this_board(needs_of(config), clock)))

    return Inside(
        board=board,
        config=lambda: config.model_dump(mode="json"),
        bundles_root=config.trust.root,
    )


def _adapters(config: StationConfig, clock: Clock, ending: ExitStack) -> AdapterSet:
    """The closed adapters of station.toml."""
    from edge_agent.station.adapter_set import AdapterSet

    adapters = AdapterSet(config, clock)
    ending.callback(adapters.close)
    return adapters


def _open_listeners(
    page: Page | None, adapters: AdapterSet, telemetry: Telemetry, station: Station
) -> None:
    """Begin what asks the station, which is built after its listeners."""
    from edge_agent.messaging.adapter import Delivery

    if page:
        _open_page(page, station)
    adapters.open(lambda: Delivery(station.waiting, station.sent))
    telemetry.open(station.publish, lambda: station.sent)


def _open_page(page: Page, station: Station) -> None:
    """A page that cannot be served is logged: parts are judged without it."""
    from edge_agent.contracts.core.errors import DeviceError
    from edge_agent.web.system import Traffic

    mqtt = station.config.mqtt
    broker = f"{mqtt.host}:{mqtt.port}" if mqtt else ""
    page.set_traffic(lambda: Traffic(station.waiting, station.sent, broker))
    page.set_models(lambda: models_of(station))
    page.set_tell(station.publish)
    try:
        page.open()
    except DeviceError as error:
        logging.getLogger("lineside.web").error(  # noqa: TRY400
            "no page: %s", error
        )


def models_of(station: Station) -> list[ModelView]:
    """The networks of the station's channels; only pictures are judged by a threshold alone."""
    from edge_agent.web.models import ModelView

    kinds = {channel.name: channel.kind for channel in station.config.channel}
    return [
        ModelView(
            channel=channel,
            bundle=loaded.title,
            labels=tuple(loaded.network.spec.labels),
            good=tuple(loaded.network.spec.good),
            own=loaded.network.spec.scoring,
            can_move=kinds[channel] == "image",
            set_scoring=partial(setattr, loaded.network, "scoring"),
        )
        for channel, loaded in station.jobs.change_over.bundles
        if loaded.network is not None
    ]


def _recorded_in_the_log(
    who: str, what: str, before: dict[str, object], after: dict[str, object]
) -> bool:
    """Of a station that keeps no audit log."""
    logging.getLogger("lineside.web").warning("%s: %s: %s -> %s", who, what, before, after)
    return True


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM, SIGINT and SIGHUP set.

    A signal that was ignored when the program started (nohup, a shell's background) stays ignored.
    """
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ask)
    return stop
