"""The operations of the page's API: those of each screen."""

from __future__ import annotations

from edge_agent.web.api_commission import CommissionApi
from edge_agent.web.api_evidence import EvidenceApi
from edge_agent.web.api_golden import GoldenApi
from edge_agent.web.api_history import HistoryApi
from edge_agent.web.api_line import LineApi
from edge_agent.web.api_session import SessionApi
from edge_agent.web.api_system import SystemApi
from edge_agent.web.api_threshold import ThresholdApi
from edge_agent.web.api_updates import UpdatesApi
from edge_agent.web.operation import Operation
from edge_agent.web.rooms import Rooms


def operations(rooms: Rooms) -> list[Operation]:
    """Every operation of the page."""
    screens = (
        SessionApi,
        LineApi,
        EvidenceApi,
        ThresholdApi,
        HistoryApi,
        GoldenApi,
        UpdatesApi,
        CommissionApi,
        SystemApi,
    )
    return [row for screen in screens for row in screen(rooms).operations()]
