"""Whether pictures are standardised, where nobody said so: tried on training parts under light.

The model's own default stays unless the other is better by more than CLEAR standard errors of the
difference: chance must not change what a station sees.
"""

from __future__ import annotations

from typing import Any

from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.image.input import ImageInput
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.console.stopwatch import Stopwatch
from trainer.data.image.region_of_interest import framed
from trainer.data.split import Split
from trainer.models.image.light_trial import LightTrial, try_light
from trainer.models.image.trial_features import TRIAL_PX
from trainer.models.layers.preprocessing import image_spec
from trainer.training.api import Architecture
from trainer.training.distributed import in_cluster
from trainer.workflow.cut_out_look import with_cut_out
from trainer.workflow.preparation import resolve

CLEAR = 2.0


def with_usual_light(
    split: Split, config: FitConfig, architecture: Architecture[Any], progress: Progress
) -> tuple[FitConfig, str]:
    """The configuration with what was chosen, and a sentence that says why; as it is with "" where
    a person chose, too few parts could tell, or features are random.

    config: resolved. Machines of a cluster take the default, because each would choose for itself.
    """
    usual, by = architecture.standardises, architecture.light_by
    chosen_already = config.image.standardise is not None
    blind = config.weights == "none" and by == "features"
    if usual is None or chosen_already or blind or in_cluster():
        return config, ""
    watch = Stopwatch()
    spec = _trial_spec(split, config, architecture)
    trial = try_light(split, spec, config, progress, by) if spec else None
    if trial is None:
        return config, ""
    chosen = choose(trial, usual=usual)
    note = sentence(trial, chosen=chosen, usual=usual)
    progress.say(f"{note}; this took {watch}")
    return config.with_image(standardise=chosen), note


def settled_light(split: Split, config: FitConfig, progress: Progress) -> FitConfig:
    """The configuration for several fits on one training fold, whose trials of cutting out and of
    light are made here, once.
    """
    split, config, _ = with_cut_out(split, config, progress)
    return with_light(split, config, progress)


def with_light(split: Split, config: FitConfig, progress: Progress) -> FitConfig:
    """The configuration with what the trial of light says, and no other choice of the model's."""
    architecture, filled = resolve(split, config)
    chosen, _ = with_usual_light(split, filled, architecture, progress)
    return config.with_image(standardise=chosen.image.standardise)


def choose(trial: LightTrial, *, usual: bool) -> bool:
    """Whether to standardise: `usual`, unless the other is clearly better."""
    ahead = trial.standardised - trial.plain
    other_ahead = -ahead if usual else ahead
    return not usual if other_ahead > CLEAR * trial.error else usual


def sentence(trial: LightTrial, *, chosen: bool, usual: bool) -> str:
    """For the log and the report."""
    what = "standardised" if chosen else "not standardised"
    why = (
        "as usual: the other is not clearly better"
        if chosen == usual
        else "which is clearly better"
    )
    text = (
        f"pictures are {what}, {why} on {trial.parts} training parts as taken and with 10 % more "
        f"and less light ({trial.merit}: {trial.standardised:.1%} standardised, {trial.plain:.1%} "
        f"as they are, standard error of the difference {trial.error:.1%}"
    )
    if trial.moved is None:
        return text + ")"
    plain, even = trial.moved
    return (
        f"{text}; such light moves the scores of good parts by {even:.2f} and {plain:.2f} of their "
        "standard deviation)"
    )


def _trial_spec(
    split: Split, config: FitConfig, architecture: Architecture[Any]
) -> ImageInput | None:
    """The model's own input, not standardised, as a square of at most TRIAL_PX: levels are the same
    at any size.
    """
    options = validate(architecture.options, config.options, "options")
    own = architecture.spec_of(split, config, options)
    if not isinstance(own, ImageInput):
        return None
    side = min(TRIAL_PX, max(own.width_px, own.height_px))
    sized = config.with_image(standardise=False, size_px=side)
    spec = framed(image_spec(sized, side), split, sized)
    return spec if isinstance(spec, ImageInput) else None
