"""Whether a desired state is one: a pure function of bytes, of what was taken before, and of time.

The broker is not trusted. What it forges, repeats, keeps too long, or gives to another station
raises an error with the reason; nothing of the content is read before its signature is checked.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from edge_agent.contracts.core.errors import RollbackError, SignatureError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.wire.kinds.desired import STREAM, DesiredMessage, DesiredState
from edge_agent.update.trusted import Trusted

ROLE = "timestamp"
"""Whose key says what is current; at the workshop it is the key `online`."""
WHERE = "desired state"
FORGED = "look who may write to the broker: `lineside-deploy broker-config` writes the rights"


class OldStateError(RollbackError):
    """Signed as it should be, and not for this station or not for now; `counter` is its own."""

    def __init__(self, what: str, counter: int, cure: str) -> None:
        self.counter = counter
        super().__init__(what, where=WHERE, cure=cure)


@dataclass(frozen=True)
class Checked:
    """A desired state that this station may carry out, and what it trusts from now on."""

    state: DesiredState
    digest: str
    trusted: Trusted


def check_desired(
    payload: bytes, station: str, trusted: Trusted, now_ns: int, taken: str = ""
) -> Checked:
    """The desired state in `payload`, for this station and for now.

    now_ns: UTC by the station's clock. taken: digest of the one that was taken, which a broker
    repeats as long as it likes. Raises SignatureError for what the workshop did not sign,
    OldStateError for what it did not sign for this station or this time.
    """
    message = _parsed(payload)
    # tuf costs 0.1 s and 9 MB, which a station that nobody rolls out to need not pay.
    from edge_agent.update.metadata import signed_content

    signatures = {one.key_id: one.signature for one in message.signatures}
    try:
        trusted = signed_content(
            message.roots, ROLE, message.signed_bytes(), signatures, trusted, where=WHERE
        )
    except SignatureError as error:
        raise _wrong(error.what) from error
    try:
        state = DesiredState.model_validate_json(message.content)
    except ValidationError as error:
        raise _wrong("signed, and not of a form that this version knows") from error
    checked = Checked(state, sha256_hex(message.content.encode()), trusted)
    if checked.digest == taken:
        return checked
    if state.station != station:
        raise OldStateError(f"is for the station {state.station!r}", state.counter, FORGED)
    latest_ns = max(now_ns, trusted.latest_ns, state.signed_at_ns)
    if state.expires_ns <= latest_ns:
        late_s = (latest_ns - state.expires_ns) / 1e9
        cure = "check the station's clock (`timedatectl`), and start the rollout again"
        raise OldStateError(f"expired {late_s:.0f} s ago", state.counter, cure)
    return checked


def refuse_older(checked: Checked, counter: int) -> None:
    """Raises OldStateError for what is not newer than the last one that was taken."""
    if checked.state.counter <= counter:
        raise OldStateError(
            f"number {checked.state.counter} is not above {counter}, which was taken before",
            checked.state.counter,
            "nothing, where the broker repeats an old message; start the rollout again otherwise",
        )


def _parsed(payload: bytes) -> DesiredMessage:
    if len(payload) > STREAM.max_bytes:
        raise _wrong(f"{len(payload)} bytes, at most {STREAM.max_bytes} are read")
    try:
        return DesiredMessage.model_validate_json(payload)
    except ValidationError as error:
        raise _wrong("not of the form that the workshop sends") from error


def _wrong(what: str) -> SignatureError:
    return SignatureError(what, where=WHERE, cure=FORGED)
