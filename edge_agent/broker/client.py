"""An MQTT client as the station's configuration describes it, and what refusals mean."""

from __future__ import annotations

import ssl

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.address import CONNECT_S, CURES, address
from edge_agent.broker.config import BrokerTable
from edge_agent.broker.tls import tls_context, tls_cure
from edge_agent.contracts.core.errors import BrokerAwayError, BrokerError


def build_client(config: BrokerTable, client_id: str) -> Client:
    """A client that is not connected; raises ConfigError for unreadable secrets or certificates."""
    # An MQTT 3.1.1 session is not kept: a new connection repeats what is unconfirmed in any case.
    old = config.protocol == "3.1.1"
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=True if old else None,
        protocol=MQTTv311 if old else MQTTv5,
        # Who lost a connection opens a new one. A client that does so by itself sends again what
        # had no answer, such as the "reject" of a part that has long passed the gate.
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_S
    if config.username is not None:
        client.username_pw_set(config.username, config.password())
    if config.tls is not None:
        client.tls_set_context(tls_context(config.tls))
    return client


def connect(client: Client, config: BrokerTable, *, session_expiry_s: int, fresh: bool) -> None:
    """Open the connection and send CONNECT; `fresh` forgets the broker's session of us.

    Raises BrokerError when nobody answers there.
    """
    try:
        if config.protocol == "3.1.1":
            client.connect(config.host, config.port, keepalive=config.keepalive_s)
        else:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = session_expiry_s
            client.connect(
                config.host,
                config.port,
                keepalive=config.keepalive_s,
                clean_start=fresh,
                properties=properties,
            )
    except ssl.SSLError as error:
        raise BrokerError(
            f"TLS fails ({error})", where=address(config), cure=tls_cure(config, error)
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: no host can have such a name
        raise BrokerAwayError(
            f"cannot be reached ({getattr(error, 'strerror', None) or error})",
            where=address(config),
            cure="start the broker, or correct mqtt.host, mqtt.port and [mqtt.tls]",
        ) from error


def refuse_unless_connected(
    config: BrokerTable, answer: ReasonCode | None, *, closed: bool = False
) -> None:
    """Raise BrokerError where CONNECT was refused, or not answered in time (`answer` is None).

    closed: the broker closed the connection in the place of an answer.
    """
    if answer is None and closed:
        raise BrokerError(
            "closes the connection when we log in", where=address(config), cure=_closed_cure(config)
        )
    if answer is None:
        raise BrokerError(
            "does not answer like an MQTT broker",
            where=address(config),
            cure="check port, protocol and tls of the broker",
        )
    if answer.is_failure:
        raise refusal(config, answer)


def _closed_cure(config: BrokerTable) -> str:
    if config.tls is None:
        other = "3.1.1" if config.protocol == "5" else "5"
        return (
            f"if port {config.port} expects TLS, add [mqtt.tls]; else try "
            f'mqtt.protocol = "{other}", and see the broker\'s log'
        )
    if config.tls.cert_file is None:
        return "it may ask for a certificate: set mqtt.tls.cert_file and key_file; see its log"
    return "it may not know our certificate, or this client id: see its log"


def refusal(config: BrokerTable, reason: ReasonCode, what: str = "refuses us") -> BrokerError:
    """The error behind a failing reason code."""
    cure = CURES.get(str(reason), "see the broker's log")
    return BrokerError(f"{what} ({reason})", where=address(config), cure=cure)
