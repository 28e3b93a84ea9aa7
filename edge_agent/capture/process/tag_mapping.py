"""From the tags that a model takes to the topics that they come from."""

from __future__ import annotations

import numpy as np

from edge_agent.capture.tables import TagsSource, TagTopic
from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.process.input import TabularInput, find_column
from edge_agent.contracts.process.tables import Table
from edge_agent.contracts.process.units import split_name


def wired_tags(source: TagsSource, spec: TabularInput, channel: str) -> list[TagTopic]:
    """Where every tag of the model, the trigger and the part's name come from.

    A tag that is not listed lies on the source's own topic under its name. Raises ConfigError for
    one that has neither, and for a unit that cannot be converted.
    """
    listed = {tag.name: tag for tag in source.tag}
    rest = [source.trigger_tag, source.part_tag]
    wired = {name: tag for name, tag in listed.items() if name in (*rest, spec.series)}
    wired |= {
        name: TagTopic(name=name, topic=source.topic, key=name)
        for name in rest
        if name and name not in listed
    }
    table = Table({name: np.array([""]) for name in listed})
    for tag in spec.tags:
        if source.topic and not _is_listed(table, tag.name):
            wired[tag.name] = TagTopic(name=tag.name, topic=source.topic, key=tag.name)
            continue
        try:
            column, _, _ = find_column(table, tag.name)
        except InputError as error:
            raise ConfigError(
                f"the model takes the tag {tag.name!r}: {error.what}",
                where=f"station.toml: channel {channel}",
                cure="add it as [[channel.source.tag]], or give `topic`",
            ) from error
        wired[column] = listed[column]
    return list(wired.values())


def _is_listed(table: Table, name: str) -> bool:
    """Whether a tag of that name is listed, in whatever unit."""
    bases = [split_name(column)[0] for column in table.columns]
    return name in table.columns or split_name(name)[0] in bases
