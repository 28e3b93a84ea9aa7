"""The page of `optimise`: how the outcome goes with each setting, and what is proposed."""

from __future__ import annotations

from markupsafe import Markup

from edge_agent.contracts.run_folder.report import style
from trainer.evaluation.setting_effects import Dependence, Optimum
from trainer.report.figures import as_svg, chart_text, draw
from trainer.report.rendering import Table, render

NO_CAUSES = (
    "These are associations in recorded rows, not causes. What operators changed together, and "
    "what nobody recorded, cannot be told apart here. Try a proposal on a few parts, within the "
    "limits of the machine, and compare before you adopt it."
)


def optimised_page(optimum: Optimum, title: str) -> str:
    """The whole document; it loads nothing from anywhere."""
    return str(
        render(
            "process_settings.html",
            title=title,
            style=Markup(style()),
            result=result(optimum),
            no_causes=NO_CAUSES,
            proposal=_proposal(optimum),
            why=optimum.why,
            outcome=optimum.outcome,
            curves=[dependence_curve(one, optimum.outcome) for one in optimum.dependences],
            rows=optimum.rows,
            skill_name=optimum.skill_name,
            skill=optimum.skill,
            findings=optimum.notes,
        )
    )


def result(optimum: Optimum) -> str:
    """The result in one sentence."""
    proposal = optimum.proposal
    if proposal is None:
        return f"Nothing is proposed: {optimum.why}."
    low, high = proposal.gain_ci95
    text = (
        f"{optimum.outcome} {proposal.now:.4g} as recorded, "
        f"{proposal.then:.4g} expected with the proposed settings: better by {proposal.gain:.4g} "
        f"(95 % {low:.4g} to {high:.4g}) if the association holds"
    )
    return f"{text}; {optimum.why}." if optimum.why else f"{text}."


def dependence_curve(one: Dependence, outcome: str) -> Markup:
    """Mean and band along one setting as SVG."""
    figure, (panel,) = draw(8.6, 2.8)
    panel.fill_between(one.grid, one.low, one.high, color="#b8c0c8", alpha=0.6, lw=0)
    panel.plot(one.grid, one.mean, color="#1f2933")
    panel.set_xlabel(chart_text(one.setting))
    panel.set_ylabel(chart_text(outcome))
    return as_svg(figure)


def _proposal(optimum: Optimum) -> Table | None:
    if optimum.proposal is None:
        return None
    rows = [[name, f"{value:.5g}"] for name, value in optimum.proposal.settings.items()]
    return Table(["setting", "proposed"], rows)
