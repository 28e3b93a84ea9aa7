"""Good-only, chosen by itself: `patchcore`, or `padim` where it finds clearly more.

Stand-ins of both, their own scorers of cells, learn the same good training parts; synthetic defects
of all kinds and small ones on good validation parts then rank them. No real defect and nothing of
the test split takes part; a candidate over the time budget is not ranked. At last the chosen one is
fitted with its default options on the validation parts too. Pictures with more detail than the
usual size shows are looked at in a larger one, unless the stand-ins find clearly more small
synthetic flaws in the usual size (size_trial.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.core.strict import Strict, validate
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.cost_calibration import station_cost
from trainer.config.fit import MOST_SIZE_PX, FitConfig
from trainer.data.image.relit import OtherLight
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.image import padim, patchcore
from trainer.models.image.alignment_trial import Shown, find_flaws, rounds_of_flaws
from trainer.models.image.aspect import STEP, AspectChoice, in_aspect, median_sides
from trainer.models.image.cross_fitting import FittedDetector, calibration_of_fit, fit_on_all
from trainer.models.image.feature_maps import USUAL_PX, detector_spec
from trainer.models.image.flaws_found import MERIT_NAME
from trainer.models.image.foreground import ForegroundChoice
from trainer.models.image.padim import PadimOptions
from trainer.models.image.patchcore import PatchcoreOptions
from trainer.models.image.size_trial import CHANCE, flaws_seen, parts_of_trial
from trainer.models.image.small_flaws import small_flaws
from trainer.models.image.synthetic_defects import add_defects
from trainer.models.image.trial_features import reader
from trainer.models.layers.work import work_of
from trainer.training.api import Architecture, Fitted, Look, ModelOptions, Training

if TYPE_CHECKING:
    import keras

LARGE_PX = 512

RANKED_BY = 80, 60
"""Good parts that stand-ins learn and judge: the choice lasts, and costs no fit."""


class AutoAnomalyOptions(ModelOptions):
    """[options] of `auto-anomaly`: those that all candidates share."""

    foreground: ForegroundChoice = "off"
    aspect: AspectChoice = "auto"
    other_light: OtherLight = True


@dataclass(frozen=True)
class Candidate:
    """A detector. build: its graph, untrained; learn: fits it on the training inputs alone."""

    name: str
    build: Callable[[InputSpec, int, FitConfig, Any], keras.Model]
    learn: Callable[[Training[Any]], FittedDetector]
    defaults: Strict


CANDIDATES = (
    Candidate("padim", padim.build, padim.learn, PadimOptions()),
    Candidate("patchcore", patchcore.build, patchcore.learn, PatchcoreOptions()),
)


@dataclass(frozen=True)
class Ranking:
    """How well a candidate ranks synthetic defects above good parts."""

    candidate: Candidate
    auroc: float
    recall: float
    defects: int

    def error(self) -> float:
        """The standard error of the recall, by one more found and one more missed: of none missed
        too it is not 0.
        """
        share = (self.recall * self.defects + 1) / (self.defects + 2)
        return math.sqrt(share * (1 - share) / self.defects)

    def sentence(self) -> str:
        """For the log and the report."""
        return (
            f"{self.candidate.name}: AUROC {self.auroc:.3f}, recall {self.recall:.2f} at 1 % false "
            "rejects on synthetic defects"
        )


def spec_of(split: Split, config: FitConfig, options: AutoAnomalyOptions) -> ImageInput:
    """A square of 320 px, or as many pixels in the pictures' aspect; standardised."""
    return in_aspect(detector_spec(config, USUAL_PX), split, config, options.aspect)


def usual_looks(split: Split, config: FitConfig, options: AutoAnomalyOptions) -> Sequence[Look]:
    """The usual size, and before it as many pixels as LARGE_PX squared where the pictures' short
    side has half as many pixels again as the usual input's; a size that is configured stays.
    """
    usual, largest = spec_of(split, config, options), largest_px(split, config)
    own = max(usual.height_px, usual.width_px)
    aspect = "square" if usual.height_px == usual.width_px else "kept"
    larger = [_look(config, aspect, largest, largest)] if largest > own else []
    stated = own if aspect == "square" else config.image.size_px
    return [*larger, _look(config, aspect, stated, own)]


def largest_px(split: Split, config: FitConfig) -> int:
    """The longer side of the largest input that is compared, with a budget too."""
    options = validate(AutoAnomalyOptions, config.options, "options")
    usual = spec_of(split, config, options)
    own = max(usual.shape)
    if config.image.size_px or config.weights == "none" or config.image.tile_rows > 1:
        return own
    short_px = min(median_sides(split.dataset, split.train, config))
    more = short_px >= 1.5 * min(usual.height_px, usual.width_px)
    larger = min(round(own * LARGE_PX / USUAL_PX / STEP) * STEP, MOST_SIZE_PX)
    return max(own, larger) if more else own


def _look(config: FitConfig, aspect: str, size_px: int, own_px: int) -> Look:
    """size_px: 0 where the aspect alone says how large; own_px: the longer side then."""
    sized = config.with_image(size_px=size_px)
    options = {**config.options, "aspect": aspect}
    return Look(sized.model_copy(update={"options": options}), f"{own_px} px")


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: AutoAnomalyOptions
) -> keras.Model:
    """The first candidate's graph, untrained."""
    del options
    return padim.build(spec, labels, config, PadimOptions())


def fit(training: Training[Any]) -> Fitted:
    """Rank the candidates and fit the chosen one on all good parts."""
    within = candidates_within(training.spec, training.config)
    rankings = ranked(within, training) if len(within) > 1 else []
    best = most_found(rankings) if rankings else within[-1]
    notes = (*(one.sentence() for one in rankings), f"{best.name} was chosen")
    for sentence in notes:
        training.progress.say(sentence)
    asked = training.options.model_dump(include={"foreground", "other_light"})
    chosen = replace(training, options=best.defaults.model_copy(update=asked))
    fitted = fit_on_all(chosen, best.learn)
    return replace(fitted, notes=(*fitted.notes, *notes))


def most_found(rankings: Sequence[Ranking]) -> Candidate:
    """The last one, which needs no parts that lie alike, unless another finds more by more than a
    standard error of the difference at 1 % false rejects, which is what a line gets.
    """
    usual = rankings[-1]
    best = max(rankings, key=lambda one: one.recall)
    noise = math.hypot(best.error(), usual.error())
    return best.candidate if best.recall > usual.recall + noise else usual.candidate


def merits(several: Sequence[Training[Any]]) -> Sequence[float]:
    """The small synthetic flaws that stand-ins of the candidates find at 1 % false rejects."""
    return [
        flaws_seen(one, [candidate.name for candidate in candidates_within(one.spec, one.config)])
        for one in several
    ]


def candidates_within(spec: InputSpec, config: FitConfig) -> Sequence[Candidate]:
    """The candidates that are predicted to keep the budget; the fastest where none does."""
    if config.budget is None:
        return CANDIDATES
    target, budget_ms = config.budget
    tiles = config.image.tile_rows * config.image.tile_columns
    networks = [one.build(spec, 1, config, one.defaults) for one in CANDIDATES]
    times_ms = [station_cost(target).predict_ms(work_of(one)) * tiles for one in networks]
    timed = list(zip(times_ms, CANDIDATES, strict=True))
    fastest = min(timed, key=lambda one: one[0])[1]
    return [one for ms, one in timed if ms <= budget_ms] or [fastest]


def candidates_of(name: str, spec: InputSpec, config: FitConfig) -> Sequence[Candidate]:
    """The detectors that the model of that name may become: itself, or those within the budget."""
    own = [one for one in CANDIDATES if one.name == name]
    return own or candidates_within(spec, config)


def ranked(candidates: Sequence[Candidate], training: Training[Any]) -> list[Ranking]:
    """How the candidates' stand-ins rank synthetic defects; none where no good part is left to be
    judged.
    """
    learnt, judged = parts_of_trial(training, RANKED_BY)
    if not len(judged):
        return []
    rng = np.random.default_rng(training.config.seed)
    rounds = range(rounds_of_flaws(len(judged)))
    spoilt = [add_defects(judged, rng)[0] for _ in rounds]
    spoilt += [small_flaws(judged, rng) for _ in rounds]
    shown = Shown(*(one[:, None] for one in (learnt, judged, np.concatenate(spoilt))))
    read = reader(training.spec.shape, training.config, training.progress, "synthetic defects")
    names = [one.name for one in candidates]
    found = find_flaws(shown, names, read, training.config.seed)
    pairs = zip(candidates, found, strict=True)
    return [Ranking(one, of.auroc, of.recall, of.defects) for one, of in pairs]


ARCHITECTURE = Architecture(
    name="auto-anomaly",
    tasks=("image-anomaly",),
    summary="good-only, chosen by itself: padim or patchcore, by synthetic defects",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration_of_fit,
    scoring="anomaly",
    windows="max",
    uses_weights=True,
    standardises=True,
    augments=False,
    usual_looks=usual_looks,
    largest_px=largest_px,
    merits=merits,
    merit_name=MERIT_NAME,
    merit_chance=CHANCE,
    options=AutoAnomalyOptions,
)
