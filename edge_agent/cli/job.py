"""`lineside-agent job`: choose by which recipe a running station judges."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import up_to_a_day

if TYPE_CHECKING:
    from edge_agent.station.job_watch import JobState

EXAMPLES = """example:
  lineside-agent job select station.toml A17
  lineside-agent job select station.toml ""
  lineside-agent job show station.toml --json

The empty job is that of the channels' own bundles. exit code: 1 where the agent refuses the job or
does not answer; it then takes the job up when it starts.
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb `job`."""
    job = verbs.add_parser("job", help="choose the recipe of a station", epilog=EXAMPLES)
    acts = job.add_subparsers(dest="act", required=True, metavar="ACT")
    select = acts.add_parser("select", help="change over to a job", epilog=EXAMPLES)
    select.add_argument("config", type=Path, metavar="STATION.toml")
    select.add_argument("job", metavar="JOB")
    select.add_argument(
        "--wait-s", type=up_to_a_day, default=5.0, metavar="S", help="for its answer (5)"
    )
    select.add_argument("--json", action="store_true", help="print the answer as JSON")
    select.set_defaults(run=_select)
    show = acts.add_parser("show", help="which job is active", epilog=EXAMPLES)
    show.add_argument("config", type=Path, metavar="STATION.toml")
    show.add_argument("--json", action="store_true", help="print the answer as JSON")
    show.set_defaults(run=_show)


def _select(args: argparse.Namespace) -> int:
    import time
    from secrets import token_hex

    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.station.config import read_config
    from edge_agent.station.job_watch import JobRequest, JobState, read_state, write_request

    if len(args.job) > 63:
        raise ConfigError(f"{len(args.job)} characters", where="JOB", cure="give at most 63")
    folder = read_config(args.config).station.state_dir
    asked = JobRequest(job=args.job, request=token_hex(8))
    began = time.monotonic()
    write_request(folder, asked)
    while time.monotonic() - began < args.wait_s:
        state = read_state(folder)
        if state is not None and state.request == asked.request:
            return _print_state(state, args, (time.monotonic() - began) * 1e3)
        time.sleep(0.005)
    silent = "the agent does not answer; it takes the job up when it starts"
    return _print_state(JobState(**asked.model_dump(), active=False, reason=silent), args, None)


def _show(args: argparse.Namespace) -> int:
    from edge_agent.station.config import read_config
    from edge_agent.station.job_watch import JobState, read_state

    state = read_state(read_config(args.config).station.state_dir)
    nothing = JobState(job="", request="", active=False, reason="no job has been chosen")
    return _print_state(state or nothing, args, None)


def _print_state(state: JobState, args: argparse.Namespace, took_ms: float | None) -> int:
    if args.json:
        told = {"job": state.job, "active": state.active, "reason": state.reason}
        print(json.dumps(told | ({} if took_ms is None else {"took_ms": round(took_ms, 1)})))
    else:
        after = "" if took_ms is None else f" after {took_ms:.0f} ms"
        active = f"job {state.job!r} is active{after}"
        print(active if state.active else f"job {state.job!r} is not active: {state.reason}")
    return 0 if state.active else 1
