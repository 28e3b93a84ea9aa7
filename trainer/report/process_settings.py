"""The page of `optimise`: how the outcome goes with each setting, and what is proposed."""

from __future__ import annotations

from html import escape
from pathlib import Path

from trainer.evaluation.setting_effects import Dependence, Optimum
from trainer.report.figures import as_svg, draw
from trainer.report.page import table

NO_CAUSES = (
    "These are associations in recorded rows, not causes. What operators changed together, and "
    "what nobody recorded, cannot be told apart here. Try a proposal on a few parts, within the "
    "limits of the machine, and compare before you adopt it."
)


def optimised_page(found: Optimum, title: str) -> str:
    """The whole document; it loads nothing from anywhere."""
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    curves = "".join(dependence_curve(one, found.outcome) for one in found.dependences)
    said = "".join(f"<li>{escape(line)}</li>" for line in found.said)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><main><header><h1>{escape(title)}</h1>"
        f'<p class="result">{escape(result(found))}</p></header>'
        f"<section><h2>No causes</h2><p>{NO_CAUSES}</p></section>"
        f"<section><h2>Proposal</h2>{_proposal(found)}</section>"
        f"<section><h2>{escape(found.outcome)} along each setting</h2>{curves}"
        '<p class="note">Mean over recorded rows; the band holds 95 % of bootstrap models.</p>'
        f"</section><section><h2>Data</h2><p>{found.rows} rows; models of one half foretell "
        f"the other half with {escape(found.skill_name)} {found.skill:.3f}.</p><ul>{said}</ul>"
        "</section></main></body></html>\n"
    )


def result(found: Optimum) -> str:
    """The result in one sentence."""
    if found.proposal is None:
        return f"Nothing is proposed: {found.why}."
    low, high = found.proposal.gain_ci95
    text = (
        f"{found.outcome} {found.proposal.now:.4g} as recorded, {found.proposal.then:.4g} expected "
        f"with the proposed settings: better by {found.proposal.gain:.4g} "
        f"(95 % {low:.4g} to {high:.4g}) if the association holds"
    )
    return f"{text}; {found.why}." if found.why else f"{text}."


def dependence_curve(one: Dependence, outcome: str) -> str:
    """Mean and band along one setting as SVG."""
    figure, (panel,) = draw(8.6, 2.8)
    panel.fill_between(one.grid, one.low, one.high, color="#b8c0c8", alpha=0.6, lw=0)
    panel.plot(one.grid, one.mean, color="#1f2933")
    panel.set_xlabel(one.setting)
    panel.set_ylabel(outcome)
    return as_svg(figure)


def _proposal(found: Optimum) -> str:
    if found.proposal is None:
        return f"<p>None: {escape(found.why)}.</p>"
    rows = [[name, f"{value:.5g}"] for name, value in found.proposal.settings.items()]
    return table(["setting", "proposed"], rows)
