"""What station.toml says of parts: how items find them, who may be missing, and what names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_agent.contracts.core.clock import Clock
from edge_agent.decide.fusion import ChannelFusionTable
from edge_agent.decide.item_time import MatchTable
from edge_agent.decide.matching import CODES, MatchRule, Window
from edge_agent.decide.open_parts import OpenParts
from edge_agent.decide.triggered_parts import TriggeredParts
from edge_agent.station.config import StationConfig
from edge_agent.station.line_table import LineTable
from edge_agent.station.part_tables import PartIdTable


def no_doubt(at_ns: int) -> str:
    """For a station without change-over."""
    del at_ns
    return ""


@dataclass(frozen=True)
class PartRules:
    """match, fusion: of each channel; codes: what names triggered parts; doubt: why a part that
    came then cannot pass, or empty.
    """

    match: Mapping[str, MatchTable] = field(default_factory=dict)
    fusion: Mapping[str, ChannelFusionTable] = field(default_factory=dict)
    codes: PartIdTable | None = None
    doubt: Callable[[int], str] = no_doubt

    @property
    def optional(self) -> frozenset[str]:
        """Channels without which a part may pass."""
        return frozenset(name for name, one in self.fusion.items() if one.optional)


def part_rules(config: StationConfig, doubt: Callable[[int], str]) -> PartRules:
    """The rules of a station."""
    return PartRules(
        {channel.name: channel.match for channel in config.channel},
        {channel.name: channel.fusion for channel in config.channel},
        config.part_id,
        doubt,
    )


def build_parts(
    bundles: dict[str, str], table: LineTable, rules: PartRules, clock: Clock
) -> OpenParts | TriggeredParts:
    """What collects the parts; bundles: channel -> title."""
    wait_ns = round(table.fusion.optional_wait_ms * 1e6)
    if table.join == "trigger":
        return TriggeredParts(
            bundles,
            match_rule(bundles, table, rules),
            clock=clock,
            untriggered=table.untriggered == "no-verdict",
            optional=rules.optional,
            optional_wait_ns=wait_ns,
        )
    return OpenParts(
        bundles,
        join=table.join,
        deadline_ms=table.deadline_ms,
        optional=rules.optional,
        optional_wait_ns=wait_ns,
    )


def match_rule(bundles: dict[str, str], table: LineTable, rules: PartRules) -> MatchRule:
    """The rule by which items, and codes, find their trigger."""
    windows_ms = {name: rules.match.get(name, MatchTable()).window_ms for name in bundles}
    windows_ms |= {CODES: rules.codes.window_ms} if rules.codes else {}
    windows = {
        name: Window(round(first * 1e6), round(last * 1e6))
        for name, (first, last) in windows_ms.items()
    }
    return MatchRule(
        windows,
        deadline_ns=round(table.deadline_ms * 1e6),
        debounce_ns=round(table.debounce_ms * 1e6),
        report_ns=round(table.report_ms * 1e6),
        needs_code=rules.codes is not None and rules.codes.missing == "no-verdict",
    )
