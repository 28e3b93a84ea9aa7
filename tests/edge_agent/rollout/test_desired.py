"""What a broker may do to desired states: none of it is taken, each is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import RollbackError, SignatureError
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.wire.kinds.desired import DesiredMessage
from edge_agent.rollout.desired import OldStateError, check_desired, refuse_older
from edge_agent.update.trust_folder import read_root
from edge_agent.update.trusted import Trusted
from tests.edge_agent.rollout.rollout_kit import MINUTE_NS, Line, encoded, open_line
from tests.signing_kit import open_workshop


@dataclass(frozen=True)
class World:
    """A workshop with a release, a stranger's workshop, and what the station trusts."""

    line: Line
    stranger: Line
    bundle: Bundle
    trusted: Trusted


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("desired")
    line = open_line(folder)
    stranger = Line(folder, open_workshop(folder / "stranger"))
    stranger.release("1.1.0")
    return World(line, stranger, line.release("1.1.0"), read_root(line.workshop.public))


def check(world: World, payload: bytes, now_ns: int | None = None) -> int:
    now_ns = SystemClock().utc_ns() if now_ns is None else now_ns
    return check_desired(payload, "press", world.trusted, now_ns).state.counter


def forged(world: World) -> DesiredMessage:
    return world.stranger.desired(world.bundle)


def under_our_root(world: World) -> DesiredMessage:
    ours = world.line.desired(world.bundle)
    return forged(world).model_copy(update={"roots": ours.roots})


def changed(world: World) -> DesiredMessage:
    found = world.line.desired(world.bundle)
    content = found.content.replace('"counter":1', '"counter":9')
    return found.model_copy(update={"content": content})


def other_content(world: World) -> DesiredMessage:
    """The signature of one, the content of another."""
    one, other = (world.line.desired(world.bundle, number) for number in (1, 2))
    return one.model_copy(update={"content": other.content})


def foreign_root(world: World) -> DesiredMessage:
    """A root of the stranger behind ours, and the stranger's signature."""
    found = forged(world)
    return found.model_copy(
        update={"roots": [*world.line.desired(world.bundle).roots, *found.roots]}
    )


@pytest.mark.parametrize(
    "attack",
    [forged, under_our_root, changed, other_content, foreign_root],
    ids=lambda a: a.__name__,
)
def test_what_the_workshop_did_not_sign_is_refused(
    attack: Callable[[World], DesiredMessage], world: World
) -> None:
    assert check(world, encoded(world.line.desired(world.bundle))) == 1
    with pytest.raises(SignatureError):
        check(world, encoded(attack(world)))


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[" * 90_000, b"\xff", b"x" * (1 << 19)], ids=lambda p: str(len(p))
)
def test_what_is_no_message_is_refused(payload: bytes, world: World) -> None:
    with pytest.raises(SignatureError, match=r"desired state: .*: look who may write to"):
        check(world, payload)


def test_metadata_signed_by_the_same_key_is_no_desired_state(world: World) -> None:
    found = world.line.desired(world.bundle)
    timestamp = world.line.workshop.folder / "releases/metadata/timestamp.json"
    with pytest.raises(SignatureError):
        check(world, encoded(found.model_copy(update={"content": timestamp.read_text()})))


def test_what_is_for_another_station_or_too_late_is_refused(world: World) -> None:
    other = world.line.desired(world.bundle, station="press2")
    with pytest.raises(OldStateError, match="is for the station 'press2'"):
        check(world, encoded(other))
    good = world.line.desired(world.bundle)
    late_ns = SystemClock().utc_ns() + 2 * MINUTE_NS
    with pytest.raises(OldStateError, match=r"expired \d+ s ago"):
        check(world, encoded(good), late_ns)
    assert check(world, encoded(good), 0) == 1, "a board without a clock"


def test_a_number_that_was_taken_is_refused(world: World) -> None:
    payload = encoded(world.line.desired(world.bundle, 7))
    checked = check_desired(payload, "press", world.trusted, 0)
    refuse_older(checked, 6)
    for counter in (7, 8):
        with pytest.raises(RollbackError, match="number 7 is not above"):
            refuse_older(checked, counter)


def test_a_key_that_was_replaced_counts_no_longer(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    bundle, old = line.release("1.1.0"), line.signer()
    start = read_root(line.workshop.public)
    line.workshop.repository().rotate("online")
    fresh = encoded(line.desired(bundle, 2))
    checked = check_desired(fresh, "press", start, 0)
    assert checked.trusted.root != start.root
    with pytest.raises(SignatureError):
        check_desired(encoded(old.sign(line.state(bundle, 3))), "press", checked.trusted, 0)


def test_what_was_taken_does_not_expire(world: World) -> None:
    message = world.line.desired(world.bundle, 5)
    later_ns = SystemClock().utc_ns() + 2 * MINUTE_NS
    with pytest.raises(OldStateError, match="expired 6"):
        check(world, encoded(message), later_ns)
    digest = sha256(message.content.encode()).hexdigest()
    repeated = check_desired(encoded(message), "press", world.trusted, later_ns, digest)
    assert (repeated.digest, repeated.state.counter) == (digest, 5)
