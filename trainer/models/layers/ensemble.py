"""Several small networks with one input, joined into one graph that gives their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def joined_heads(members: Sequence[keras.Model], name: str) -> keras.Model:
    """The mean of members that each end in a dense layer, as one dense layer over all they heard.

    The last layers become one, under their common name: nothing is rounded between the members
    and their mean.
    """
    import keras

    if len(members) == 1:
        return members[0]
    inputs = keras.Input(members[0].input_shape[1:], name="input")
    heads = [member.layers[-1] for member in members]
    outputs = []
    for number, (member, head) in enumerate(zip(members, heads, strict=True)):
        body = keras.Model(member.input, head.input, name=f"{name}_{number}")
        outputs.append(body(inputs))
    head = keras.layers.Dense(heads[0].units, name=heads[0].name)
    model = keras.Model(inputs, head(keras.layers.Concatenate(name="heard")(outputs)), name=name)
    kernels, biases = zip(*(one.get_weights() for one in heads), strict=True)
    head.set_weights([np.concatenate(kernels) / len(members), np.mean(biases, axis=0)])
    return model
