"""Signed metadata that is corrupt, truncated, replayed, downgraded, mixed, or a thief's.

Nothing that the workshop did not sign is accepted, and every refusal is a sentence. A change that
leaves all signed content as it was (a blank in a JSON file) may be accepted: what the station
then trusts must be what the workshop said.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.signing.keys import Keyring
from deploy.signing.metadata import Life
from deploy.signing.repository import Repository, Target
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import MOST_SIGNATURE_BYTES
from edge_agent.contracts.model.signature import MANIFEST_SHA256, Signature
from edge_agent.update.metadata import check_root, find_release
from edge_agent.update.trusted import Trusted
from tests.signing_kit import open_workshop

CASES = 300
MOST_GROWTH_MB = 64
"""What a station may spend on a stranger's metadata, beyond what it has before."""
VERY_MANY = int(os.environ.get("LINESIDE_FUZZ", "100000"))
LIFE = Life(datetime(2026, 3, 1, tzinfo=UTC))
NOW_NS = int(LIFE.now.timestamp()) * 10**9
ROLES = ("timestamp", "snapshot", "targets", "line_targets")
HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, "", "x", "é\u202e\u0000", [], {}, [[]],
    "a" * 5000, [0] * 500, {"keyid": "x"}, [{}], "2099-01-01T00:00:00Z", "root", "../../etc/passwd",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """Signatures that were good once or never, and what the station has seen since."""

    trusted: Trusted
    good: Signature
    digest: str
    allowed: Trusted
    others: list[Signature]
    digests: list[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A workshop with a history; a stranger; a thief of the online and line keys before they
    were replaced."""
    folder = tmp_path_factory.mktemp("fuzz")
    workshop, stranger = (open_workshop(folder / name, LIFE) for name in ("own", "stranger"))
    releases, foreign = workshop.repository(), stranger.repository()
    old = publish(releases, "1.0.0")
    releases.add_line("other")
    middle = publish(releases, "1.1.0")
    shutil.copytree(workshop.folder, folder / "thief")
    thief = Repository(folder / "thief" / "releases", Keyring(folder / "thief" / "keys"), LIFE)
    releases.rotate("online")
    releases.rotate("main")
    new = publish(releases, "1.2.0")
    evil = [publish(thief, "6.6.6"), publish(foreign, "1.2.0")]
    start = check_root(workshop.public.read_bytes(), workshop.public)
    seen = find_release(new[0], new[1], start, now_ns=NOW_NS, where="x").trusted
    others = [old[0], middle[0], *(one[0] for one in evil)]
    return World(seen, new[0], new[1], seen, others, [old[1], middle[1], evil[0][1]])


def publish(releases: Repository, version: str) -> tuple[Signature, str]:
    """Release a file; its signature and the sha256 of its manifest."""
    digest = sha256_hex(f"{releases.folder} {version}".encode())
    target = Target(f"main/caps-{version}.bundle", b"bundle", {MANIFEST_SHA256: digest})
    releases.add("main", [target])
    found = releases.signature(digest)
    assert found is not None
    return found, digest


def flipped(world: World, chance: random.Random) -> bytes:
    text = bytearray(world.good.model_dump_json().encode())
    for _ in range(chance.choice((1, 1, 1, 4, 30))):
        text[chance.randrange(len(text))] = chance.randrange(256)
    return bytes(text)


def truncated(world: World, chance: random.Random) -> bytes:
    text = world.good.model_dump_json().encode()
    return text[: chance.randrange(len(text))]


def mixed(world: World, chance: random.Random) -> bytes:
    """Some roles of another release, of a stranger, or in another's place."""
    fields = world.good.model_dump()
    for role in chance.sample(ROLES, chance.randint(1, 3)):
        source = chance.choice(world.others).model_dump()
        fields[role] = source[chance.choice((role, role, chance.choice(ROLES)))]
    if chance.random() < 0.3:
        fields["roots"] = chance.choice(world.others).roots
    return json.dumps(fields).encode()


def replayed(world: World, chance: random.Random) -> bytes:
    return chance.choice(world.others).model_dump_json().encode()


def damaged(world: World, chance: random.Random) -> bytes:
    """A hostile value anywhere inside one metadata file, or a signature that is dropped."""
    fields = world.good.model_dump()
    role = chance.choice((*ROLES, "roots"))
    text = fields[role][-1] if role == "roots" else fields[role]
    document = json.loads(text)
    spots = list(_spots(document))
    holder, key = chance.choice(spots)
    holder[key] = chance.choice(HOSTILE)
    if role == "roots":
        fields[role] = [*fields[role][:-1], json.dumps(document)]
    else:
        fields[role] = json.dumps(document)
    return json.dumps(fields).encode()


def bloated(world: World, chance: random.Random) -> bytes:
    """As many bytes as a signature may have, of what costs a reader most."""
    piece = chance.choice(("[],", "{},", '{"":', "[", '"\\ud800",', "1e999,", '"a":{},'))
    fields = world.good.model_dump()
    role = chance.choice((*ROLES, "roots"))
    room = MOST_SIGNATURE_BYTES - len(world.good.model_dump_json())
    text = (chance.choice(("[", '{"signed":[', '{"signatures":[')) + piece * room)[:room]
    fields[role] = [*fields[role], text] if role == "roots" else text
    return json.dumps(fields).encode()[:MOST_SIGNATURE_BYTES]


def _spots(node: Any) -> Any:
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(inner):
        yield node, key
        if isinstance(value, dict | list):
            yield from _spots(value)


WAYS: tuple[Callable[[World, random.Random], bytes], ...] = (
    flipped, truncated, mixed, replayed, damaged,
)  # fmt: skip


def told(world: World, text: bytes, digest: str) -> tuple[str, Trusted | None]:
    """What a station says of a signature, and what it would trust then."""
    try:
        signature = Signature.model_validate_json(text)
    except ValidationError:
        return "no signature", None
    try:
        found = find_release(signature, digest, world.trusted, now_ns=NOW_NS, where="x")
    except BundleError as error:
        return type(error).__name__, None
    return "accepted", found.trusted


def refuse_all(world: World, count: int, seed: int) -> Counter[str]:
    chance, outcomes = random.Random(seed), Counter[str]()
    for number in range(count):
        way = bloated if number % 100 == 99 else chance.choice(WAYS)
        digest = chance.choice((world.digest, world.digest, *world.digests))
        text = way(world, chance)
        outcome, trusted = told(world, text, digest)
        if trusted is not None:
            assert digest in (world.digest, *world.digests[:2]), (way.__name__, text)
            assert trusted == world.allowed, (way.__name__, text)
        outcomes[f"{way.__name__}: {outcome}"] += 1
    return outcomes


def test_nothing_that_was_not_signed_is_accepted(world: World) -> None:
    assert told(world, world.good.model_dump_json().encode(), world.digest)[0] == "accepted"
    outcomes = refuse_all(world, CASES, seed=1)
    assert outcomes["replayed: accepted"] == outcomes["mixed: accepted"] == 0, outcomes
    assert outcomes["truncated: accepted"] == 0, outcomes


@pytest.mark.faults
@pytest.mark.timeout(0)
def test_very_many_times(world: World) -> None:
    before_mb = peak_mb()
    outcomes = refuse_all(world, VERY_MANY, seed=2)
    grown_mb = peak_mb() - before_mb
    for way in ("replayed", "mixed", "truncated", "bloated"):
        assert outcomes[f"{way}: accepted"] == 0, outcomes
    assert outcomes.total() == VERY_MANY
    assert grown_mb <= MOST_GROWTH_MB, outcomes


def peak_mb() -> float:
    """The largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
