"""The mean of the scorers' heat, as numbers and as layers of the graph.

Each scorer is scaled before: 0 is a typical good part, 1 a rare one. Squared distances of cells
count by their logarithm, so that they do not decide alone; the mean is turned back from that, so
that a score grows as a distance again, whose tail the threshold follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.models.image.feature_maps import Floats, Scale

if TYPE_CHECKING:
    import keras

LOG_RATE = 3.0
"""How soon a distance counts by its logarithm, in units of 0, a typical good part, to 1, which is
rare: 0.5 counts 0.66, 1 counts 1, 3 counts 1.66.

The square of the farthest of many cells has a heavy tail among good parts, and of such (Student's,
for one) the log-likelihood grows with the logarithm. The distance of a whole picture is of means
over all its cells, whose tail is light, and the synthetic defect head gives log odds already. Set
on castings, cookies, bottles, lenses and simulated parts; between 1 and 10 it hardly mattered.
Distances that are not squared (`padim`) lost by it: on the first fold of tiles 0.19 of the defects
were found at 1 % false rejects, not 0.29.
"""

BASE = float(np.log1p(LOG_RATE))
"""The logarithm that counts 1."""

STEEPEST = 8.0
"""From this mean of logarithms on, 21,845 times as far as a rare good part, the way back goes on in
a straight line: no number overflows, and defects beyond it keep their order.
"""

TANGENT = float(BASE * np.exp(STEEPEST * BASE) / LOG_RATE)
"""How fast that line rises."""


def to_logarithm(distances: Floats) -> Floats:
    """Scaled distances, those above 0 by their logarithm; 0 and 1 stay."""
    logs = np.log1p(LOG_RATE * np.maximum(distances, 0)) / BASE
    return np.where(distances > 0, logs, distances).astype(np.float32)


def from_logarithm(logs: Floats) -> Floats:
    """What `to_logarithm` came from; from STEEPEST on its tangent."""
    above = np.maximum(logs, 0)
    powers = np.expm1(np.minimum(above, STEEPEST) * BASE) / LOG_RATE
    beyond = np.maximum(above - STEEPEST, 0) * TANGENT
    return np.where(logs > 0, powers + beyond, logs).astype(np.float32)


def weighted(heats: Floats, shares: Sequence[float], *, are_squares: bool) -> Floats:
    """Heat (K, N, G, H), that of cells first -> (N, G, H), its mean by these shares; are_squares:
    whether that of cells is of squared distances.
    """
    if not are_squares:
        return np.asarray(np.tensordot(np.array(shares, np.float32), heats, axes=1), np.float32)
    rows = np.concatenate([to_logarithm(heats[:1]), heats[1:]])
    return from_logarithm(np.tensordot(np.array(shares, np.float32), rows, axes=1))


def mean_heat(heats: Sequence[keras.KerasTensor], *, are_squares: bool) -> keras.KerasTensor:
    """The same as layers of the graph: heat (N, G, H, 1) of each, that of cells first; `set_mean`
    gives the shares.
    """
    from keras import layers

    cells = _above_0(_logarithm, heats[0], "logarithm") if are_squares else heats[0]
    rows = layers.Concatenate(name=f"{FLOAT_PREFIX}scorers")([cells, *heats[1:]])
    mean = layers.Conv2D(1, 1, use_bias=False, name=f"{FLOAT_PREFIX}shares")(rows)
    mean = _above_0(_power, mean, "power") if are_squares else mean
    return layers.Conv2D(1, 1, name=f"{FLOAT_PREFIX}heat")(mean)


def _above_0(
    change: Callable[[keras.KerasTensor], keras.KerasTensor], heat: keras.KerasTensor, name: str
) -> keras.KerasTensor:
    """What is above 0 changed, the rest as it is, as one layer in float."""
    import keras
    from keras import layers

    given = keras.Input(heat.shape[1:])
    above = layers.ReLU()(given)
    below = layers.Rescaling(-1.0)(layers.ReLU()(layers.Rescaling(-1.0)(given)))
    whole = layers.Add()([change(above), below])
    return keras.Model(given, whole, name=f"{FLOAT_PREFIX}{name}")(heat)


def _logarithm(above: keras.KerasTensor) -> keras.KerasTensor:
    import keras
    from keras import layers

    logs = keras.ops.log(layers.Rescaling(LOG_RATE, offset=1.0)(above))
    return layers.Rescaling(1 / BASE)(logs)


def _power(above: keras.KerasTensor) -> keras.KerasTensor:
    import keras
    from keras import layers

    bounded = layers.ReLU(STEEPEST)(above)
    powers = keras.ops.exp(layers.Rescaling(BASE)(bounded))
    powers = layers.Rescaling(1 / LOG_RATE, offset=-1 / LOG_RATE)(powers)
    beyond = layers.Rescaling(TANGENT)(layers.Subtract()([above, bounded]))
    return layers.Add()([powers, beyond])


def set_mean(network: keras.Model, shares: Sequence[float], scale: Scale) -> None:
    """Put the shares of the scorers and the scale of the fused heat into `mean_heat`."""
    kernel = np.array(shares, np.float32).reshape(1, 1, -1, 1)
    network.get_layer(f"{FLOAT_PREFIX}shares").set_weights([kernel])
    gain, lift = scale
    weights = [np.full((1, 1, 1, 1), gain, np.float32), np.array([lift], np.float32)]
    network.get_layer(f"{FLOAT_PREFIX}heat").set_weights(weights)
