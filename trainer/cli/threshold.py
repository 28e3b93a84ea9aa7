"""The verb threshold: where PASS ends and FAIL begins, in money or in ppm."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.contracts.run_folder.metrics import (
        AcceptanceLimits,
        PolicyCounts,
        ThresholdPolicy,
    )
    from trainer.thresholds.policy import Choice, Costs
    from trainer.workflow.rethreshold import Parts

NOT_PROVEN = 3
"""Exit code of --require-proof: the parts at hand do not prove the rule."""
SMALLEST_SHARE = 1e-9
"""One part in a thousand million: no line could prove less."""
EPILOG = """examples:
  lineside-train threshold runs/castings --cost-escape 40 --cost-reject 1.5 --defect-rate 0.01
  lineside-train threshold runs/castings --max-escape-ppm 200 --defect-rate 0.01
  lineside-train threshold runs/bottles --max-false-reject 0.005 --unsure 0.02
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "threshold",
        help="choose a run's threshold by costs, escapes or false rejects",
        description="Choose the threshold on validation or out-of-fold parts, never on the "
        "held-out ones; say what it costs and what the parts at hand prove; write it into the run.",
        epilog=EPILOG,
    )
    verb.add_argument("run_dir", type=Path, metavar="RUN")
    verb.add_argument("--cost-escape", type=_money, metavar="MONEY", help="of one escape")
    verb.add_argument("--cost-reject", type=_money, metavar="MONEY", help="of one false reject")
    verb.add_argument("--defect-rate", type=_share, metavar="SHARE", help="bad parts on the line")
    verb.add_argument("--max-escape-ppm", type=_ppm, metavar="PPM")
    verb.add_argument("--max-false-reject", type=_share, metavar="SHARE")
    verb.add_argument(
        "--unsure", type=_share, metavar="SHARE", help="this share goes to a person (NO-VERDICT)"
    )
    verb.add_argument("--parts", type=Path, metavar="CSV", help="choose on these: label, score")
    verb.add_argument("--dry-run", action="store_true", help="say it, write nothing")
    verb.add_argument(
        "--require-proof",
        action="store_true",
        help="exit code 3 where the parts at hand do not prove the rule; the choice is written",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on stdout")
    verb.set_defaults(run=_threshold)


def _threshold(arguments: argparse.Namespace) -> int:
    from trainer.console.output import print_lines
    from trainer.run_folder.run import open_fitted_run
    from trainer.thresholds.policy import unsure_band
    from trainer.workflow.rethreshold import (
        apply_choice,
        held_out_parts,
        parts_for_choice,
        point_of,
        policy_of,
    )

    _refuse_mixed_rules(arguments)
    run = open_fitted_run(arguments.run_dir)
    costs = _costs(arguments)
    parts = parts_for_choice(run, arguments.parts)
    choice = _choice(arguments, parts, costs)
    band = (
        unsure_band(parts.scores, choice.point.cut, arguments.unsure) if arguments.unsure else None
    )
    if not arguments.dry_run:
        apply_choice(run, choice, band, costs, _limits(arguments, run.metrics.acceptance))
    held_out = point_of(held_out_parts(run), choice)
    policy = policy_of(choice, held_out, costs)
    if arguments.json:
        extra = {"source": parts.source, "unsure": band}
        print(json.dumps(policy.model_dump(mode="json") | extra))
    else:
        print_lines(*sentences(policy, parts.source, band))
    return NOT_PROVEN if arguments.require_proof and not policy.proven else 0


def _limits(arguments: argparse.Namespace, required: AcceptanceLimits) -> AcceptanceLimits:
    """What the report must prove: the limit of the command line, the other one as it was."""
    stated: dict[str, object] = {}
    if arguments.max_false_reject is not None:
        stated["max_false_reject"] = arguments.max_false_reject
    if arguments.max_escape_ppm is not None:
        stated["max_escape"] = arguments.max_escape_ppm / 1e6 / arguments.defect_rate
    return required.model_copy(update={**stated, "given": True}) if stated else required


def sentences(policy: ThresholdPolicy, source: str, band: tuple[float, float] | None) -> list[str]:
    """The policy for people. source: the file of the parts that the threshold was chosen on."""
    lines = [f"threshold {policy.cut:.6g}: {policy.rule}"]
    if band:
        lines.append(f"unsure from {band[0]:.6g} to {band[1]:.6g}: NO-VERDICT, for a person")
    lines += _count_lines(source, policy.chosen_on)
    lines += _count_lines("held-out parts", policy.held_out)
    if not policy.proven:
        kind = "good" if policy.more_good else "bad"
        more = policy.more_good or policy.more_bad
        lines.append(f"NOT PROVEN: {more} more {kind} parts without an error would prove it")
    return lines


def _count_lines(title: str, counts: PolicyCounts) -> list[str]:
    lines = [
        f"{title}: {counts.escapes} of {counts.bad} bad parts escape "
        f"(share below {counts.escape_share_below:.2%}), {counts.rejects} of {counts.good} "
        f"good parts rejected (below {counts.reject_share_below:.2%})"
    ]
    if counts.cost_per_1000 is not None:
        lines.append(
            f"  expected cost of 1,000 parts {counts.cost_per_1000:.2f}, below "
            f"{counts.cost_per_1000_below:.2f}; {counts.escape_ppm:.0f} ppm escapes, below "
            f"{counts.escape_ppm_below:.0f} (bounds: 95 %)"
        )
    return lines


def _choice(arguments: argparse.Namespace, parts: Parts, costs: Costs | None) -> Choice:
    from edge_agent.contracts.core.errors import ConfigError
    from trainer.thresholds.policy import cheapest, for_escape_ppm, for_false_reject

    if arguments.max_false_reject is not None:
        return for_false_reject(parts.scores, parts.bad, arguments.max_false_reject)
    if arguments.max_escape_ppm is not None:
        ppm, rate = arguments.max_escape_ppm, _rate_above(arguments)
        return for_escape_ppm(parts.scores, parts.bad, ppm, rate)
    if costs is None:
        raise ConfigError(
            "--cost-escape needs --cost-reject and --defect-rate",
            where="command line",
            cure="--cost-escape 40 --cost-reject 1.5 --defect-rate 0.01",
        )
    return cheapest(parts.scores, parts.bad, costs)


def _refuse_mixed_rules(arguments: argparse.Namespace) -> None:
    """Raise ConfigError unless one rule is asked for, and nothing that it has no use for."""
    from edge_agent.contracts.core.errors import ConfigError

    where = "lineside-train threshold"
    rules = ("cost_escape", "max_escape_ppm", "max_false_reject")
    if sum(getattr(arguments, rule) is not None for rule in rules) != 1:
        raise ConfigError(
            "one rule, please",
            where=where,
            cure="--cost-escape with --cost-reject, or --max-escape-ppm, or --max-false-reject",
        )
    idle = [] if arguments.cost_escape is not None else ["cost_reject"]
    idle += [] if arguments.max_false_reject is None else ["defect_rate"]
    for name in idle:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} is of no use to the rule asked for", where=where, cure="leave it out"
            )


def _rate_above(arguments: argparse.Namespace) -> float:
    """The defect rate; raises ConfigError where there is none, or where all defects may escape."""
    from edge_agent.contracts.core.errors import ConfigError

    rate: float | None = arguments.defect_rate
    if rate is None:
        raise ConfigError("is missing", where="--defect-rate", cure="--defect-rate 0.01")
    if arguments.max_escape_ppm >= rate * 1e6:
        raise ConfigError(
            f"the line makes {rate * 1e6:g} bad parts in a million: all of them may escape",
            where=f"--max-escape-ppm {arguments.max_escape_ppm:g}",
            cure="ask for fewer escapes, or correct --defect-rate",
        )
    return rate


def _costs(arguments: argparse.Namespace) -> Costs | None:
    from trainer.thresholds.policy import Costs

    given = (arguments.cost_escape, arguments.cost_reject, arguments.defect_rate)
    return None if None in given else Costs(*given)


def _money(text: str) -> float:
    return _within(text, 1e-6, 1e12, "an amount of money, such as 1.5")


def _ppm(text: str) -> float:
    return _within(text, 1e-3, 1e6, "parts in a million, such as 200")


def _share(text: str) -> float:
    return _within(text, SMALLEST_SHARE, 1 - SMALLEST_SHARE, "a share, such as 0.01")


def _within(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} ({low:g} to {high:.12g})")
    return value
