"""Where a broker is, how long it is waited for, what mends its refusals; loads no client."""

from __future__ import annotations

from edge_agent.broker.config import BrokerTable

CONNECT_S = 5.0
"""Longest wait for the connection, and again for the broker's answer."""

CURES = {
    "Not authorized": "check username and password_file, and the rights of this user",
    "Bad user name or password": "check username and password_file",
    "Client identifier not valid": "set mqtt.client_id to one that the broker takes",
    "Banned": "ask who runs the broker",
    "Unsupported protocol version": 'set mqtt.protocol = "3.1.1"',
    "Quota exceeded": "the broker is full or limits us: raise its limits",
}


def address(config: BrokerTable) -> str:
    """`broker host:port`."""
    return f"broker {config.host}:{config.port}"
