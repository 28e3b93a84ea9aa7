"""What the station tells the broker when it logs in, its last will above all."""

from __future__ import annotations

from edge_agent.broker import packets
from edge_agent.broker.packets import Login, Will
from edge_agent.contracts.wire.budget import payload_of
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import STREAMS
from edge_agent.messaging.config import MqttTable


def login_of(
    config: MqttTable, *, station: str, client_id: str, at_ns: int, retains: bool
) -> Login:
    """CONNECT of [mqtt]. retains: whether the broker takes a retained will; at_ns: UTC now."""
    stream = STREAMS["state"]
    state = StateMessage(
        station=station, state="offline", reason="the connection was lost", at_ns=at_ns
    )
    will = Will(
        stream.topic(config.topic_prefix, station),
        payload_of(state),
        stream.qos,
        stream.retain and retains,
    )
    return Login(
        client_id=client_id,
        keepalive_s=config.keepalive_s,
        username=config.username,
        password=config.password(),
        will=will,
        properties={
            packets.SESSION_EXPIRY: config.session_expiry_s,
            packets.RECEIVE_MAXIMUM: 64,
            packets.MAXIMUM_PACKET: STREAMS["ack"].max_bytes + 1024,
        },
    )
