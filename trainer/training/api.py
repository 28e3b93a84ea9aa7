"""What a model file and the training share: Architecture (a model's row), Training, Fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator
from typing_extensions import TypeVar

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.model.target_cost import Work
from trainer.config.fit import FitConfig, Scalar
from trainer.console.progress import Progress
from trainer.data.prepare import InputSpec, Prepared
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.thresholds.good_parts import GoodParts
from trainer.training.checkpoints import CheckpointFolder
from trainer.training.distributed import Cluster

if TYPE_CHECKING:
    import keras


class ModelOptions(Strict):
    """The [options] of an architecture; the names of the release before are accepted for one more.

    OLD_NAMES: old name -> name of today.
    """

    OLD_NAMES: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, document: object) -> object:
        """Give old names those of today; where both are there the old one stays, to be refused."""
        if not isinstance(document, Mapping):
            return document
        names = {old: new for old, new in cls.OLD_NAMES.items() if new not in document}
        return {names.get(name, name): value for name, value in document.items()}


class NoOptions(Strict):
    """An architecture without options of its own."""


Options = TypeVar("Options", bound=Strict, covariant=True, default=Strict)
"""The schema of an architecture's own options."""

AnyOptions = TypeVar("AnyOptions", bound=Strict)
"""The same for functions that hand a Training on."""


@dataclass(frozen=True)
class Training(Generic[Options]):
    """All that a fit may see. The test split is not here.

    train, val: prepared inputs (uint8 images or float32 windows) with the sample of each;
    train_targets, val_targets: (N,) label numbers in the order of `labels`; checkpoints: where
    finished epochs are stored; cluster: the machines that share the work.
    """

    dataset: Dataset
    split: Split
    spec: InputSpec
    labels: list[str]
    train: Prepared
    val: Prepared
    config: FitConfig
    options: Options
    progress: Progress
    checkpoints: CheckpointFolder = field(default_factory=CheckpointFolder)
    cluster: Cluster | None = None

    @property
    def train_targets(self) -> NDArray[np.int64]:
        """Label numbers of the training inputs."""
        return self.train.targets(self.dataset)

    @property
    def val_targets(self) -> NDArray[np.int64]:
        """Label numbers of the validation inputs."""
        return self.val.targets(self.dataset)


@dataclass(frozen=True)
class Fitted:
    """A network of stock Keras layers (logits, or score and heat map) and how it got there.

    scoring: where the model chose its own threshold or interval; None: by validation scores.
    cross_fitted: (N_val, K) outputs where the model was fitted on validation inputs too, each from
    a model that was fitted without the group of its input; thresholds are chosen on them.
    good_parts: what a threshold of `scoring` was chosen on, where only good parts chose it;
    out_of_fold: (N_train + N_val, K) logits of the training and validation inputs, each from a
    model that was fitted without the group of its input; labels are doubted by them.
    """

    model: keras.Model
    history: list[Mapping[str, float]]
    notes: tuple[str, ...] = ()
    scoring: Scoring | None = None
    cross_fitted: NDArray[np.float32] | None = None
    good_parts: GoodParts | None = None
    out_of_fold: NDArray[np.float32] | None = None


LightBy = Literal["features", "pixels"]
"""Features of a frozen network with ImageNet weights, or the pixels."""

Calibration = Callable[["Training[Any]", Fitted], Tensor]
"""Training inputs (N, *shape), N <= 500, from which int8 ranges are learnt."""


@dataclass(frozen=True)
class Look:
    """One way to look at a picture."""

    config: FitConfig
    name: str


class WindowMerits(NamedTuple):
    """What vibration inputs are worth, not a number where that is not known, and what one window
    counts in it.
    """

    merits: Sequence[float]
    one_window: float


@dataclass(frozen=True, kw_only=True)
class Architecture(Generic[Options]):
    """One row of the table of models, whose functions receive their own options.

    spec_of: chooses the preprocessing from the configuration and the training samples alone;
    build: (spec, labels, config, options) -> an untrained network whose input is spec.shape;
    fit: None for gradient descent on the cross entropy of `build`'s logits;
    calibration: None for up to 500 training inputs, every class among them;
    options: the schema of the configuration's [options] table;
    uses_weights: whether it starts from ImageNet weights where there are any;
    looks: options among which a time budget may choose, the first one being the usual;
    usual_looks: those that a fit without a budget compares by merits, given the resolved
    configuration; the first one is taken where nothing can be compared;
    largest_px: the largest side that a time budget may choose; None: the model's own;
    works: the work of a run with each of several options, in one go where to build each is slow;
    merits: what several trainings, which differ in options and backbone alone, are worth by their
    training inputs, not a number where it cannot tell; merit_name: what that is, for people;
    merit_chance: by how much two of them differ by chance;
    bare_specs: spec_of for each of several options, without what is learnt of the samples, in one
    go where each is slow;
    window_merits: what variants of a vibration model are worth by their training recordings, given
    their resolved configurations, those of the first look first, each from its own window down;
    standardises: whether its pictures are standardised where nobody chose and a trial on training
    parts under light shows nothing else; None: it takes no pictures;
    light_by: what stands for the model in that trial;
    augments: whether its training pictures are varied as the configuration says;
    suits: whether `auto` takes it for this data set in the place of the task's usual model.
    """

    name: str
    tasks: tuple[Task, ...]
    summary: str
    options: type[Options]
    spec_of: Callable[[Split, FitConfig, Options], InputSpec]
    build: Callable[[InputSpec, int, FitConfig, Options], keras.Model]
    epochs: int = 60
    learning_rate: float = 0.002
    batch: int = 32
    fit: Callable[[Training[Options]], Fitted] | None = None
    calibration: Calibration | None = None
    scoring: Literal["logits", "anomaly", "value"] = "logits"
    windows: Literal["mean", "max"] = "mean"
    train_hop_share: int = 1
    uses_weights: bool = False
    looks: tuple[Mapping[str, Scalar], ...] = ({},)
    usual_looks: Callable[[Split, FitConfig, Options], Sequence[Look]] | None = None
    largest_px: Callable[[Split, FitConfig], int] | None = None
    works: Callable[[InputSpec, int, FitConfig, Sequence[Options]], Sequence[Work]] | None = None
    merits: Callable[[Sequence[Training[Options]]], Sequence[float]] | None = None
    merit_name: str = ""
    merit_chance: float = 0.0
    bare_specs: Callable[[Split, FitConfig, Sequence[Options]], Sequence[InputSpec]] | None = None
    window_merits: Callable[[Split, Sequence[FitConfig], Progress], WindowMerits] | None = None
    standardises: bool | None = None
    light_by: LightBy = "features"
    augments: bool = True
    suits: Callable[[Dataset, FitConfig], bool] | None = None
