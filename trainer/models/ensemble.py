"""Several small networks with one input, joined into one graph that gives their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def joined(members: Sequence[keras.Model], name: str) -> keras.Model:
    """One network of stock layers whose output is the mean of the members' outputs."""
    import keras

    if len(members) == 1:
        return members[0]
    inputs = keras.Input(members[0].input_shape[1:], name="input")
    for number, member in enumerate(members):
        member.name = f"{name}_{number}"
    outputs = [member(inputs) for member in members]
    return keras.Model(inputs, keras.layers.Average(name="mean")(outputs), name=name)
