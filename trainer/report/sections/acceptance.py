"""The report's acceptance box: limits, what is proven, the next step, and lines to sign."""

from __future__ import annotations

from markupsafe import Markup, escape

from edge_agent.contracts.run_folder.acceptance import Requirement, assess, next_step
from edge_agent.contracts.run_folder.report import Place, place
from trainer.report.rendering import render
from trainer.run_folder.run import FittedRun
from trainer.thresholds.policy import upper_bound


def acceptance(run: FittedRun) -> Markup:
    """What is required, what the held-out samples prove of it, and who accepts it."""
    limits = run.metrics.acceptance
    requirements = requirements_of(run)
    samples = {one.path for one in run.predictions}
    groups = {one.group or one.path for one in run.splits() if one.path in samples}
    undecided = sum(one.verdict == "NO-VERDICT" for one in run.predictions)
    return render(
        "acceptance.html",
        given=limits.given,
        requirements=[one.cells() for one in requirements],
        samples=len(run.predictions),
        groups=len(groups),
        undecided=undecided,
        int8=_place("acceptance", render("acceptance_int8.html")),
        next_step=_place("next step", escape(next_step(requirements, quantised=False))),
    )


def requirements_of(run: FittedRun) -> list[Requirement]:
    """What the held-out samples prove of the float network."""
    return assess(run.spec, run.predictions, run.metrics.acceptance, upper_bound)


def comparison(run: FittedRun) -> Markup:
    """The place where the quantiser writes float beside int8; empty until then."""
    return _place("comparison", Markup())


def _place(name: Place, content: Markup) -> Markup:
    return Markup(place(name, content))
