"""From the tags that a model takes to the topics that they come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.capture.process.tag_cache import TagTopic
from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import Table, find_column
from edge_agent.contracts.process.units import split_name


def map_tags(
    tags: Sequence[TagTopic], topic: str, others: Sequence[str], spec: TabularInput, channel: str
) -> list[TagTopic]:
    """Where every tag of the model, and the tags `others` (trigger, part id), come from.

    tags: those that the configuration lists; a tag that is not listed lies on `topic` under its
    name. Raises ConfigError for one that has neither, and for a unit that cannot be converted.
    """
    listed = {tag.name: tag for tag in tags}
    rest = list(others)
    mapped = {name: tag for name, tag in listed.items() if name in (*rest, spec.series)}
    mapped |= {
        name: TagTopic(name=name, topic=topic, key=name)
        for name in rest
        if name and name not in listed
    }
    table = Table({name: np.array([""]) for name in listed})
    for tag in spec.tags:
        if topic and not _is_listed(table, tag.name):
            mapped[tag.name] = TagTopic(name=tag.name, topic=topic, key=tag.name)
            continue
        try:
            column, _, _ = find_column(table, tag.name)
        except InputError as error:
            raise ConfigError(
                f"the model takes the tag {tag.name!r}: {error.what}",
                where=f"station.toml: channel {channel}",
                cure="add it as [[channel.source.tag]], or give `topic`",
            ) from error
        mapped[column] = listed[column]
    return list(mapped.values())


def _is_listed(table: Table, name: str) -> bool:
    """Whether a tag of that name is listed, in whatever unit."""
    bases = [split_name(column)[0] for column in table.columns]
    return name in table.columns or split_name(name)[0] in bases
