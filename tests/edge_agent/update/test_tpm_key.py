"""The station's key, sealed by the TPM (swtpm) of its board: it reads there, and nowhere else."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.errors import DeviceError, StorageError
from edge_agent.contracts.model.encrypted import encrypt_bundle
from edge_agent.update.station_key import move_to_tpm, public_keys, readable
from edge_agent.update.tpm import Tpm
from edge_agent.update.tpm_key import TpmKey
from tests.tpm_kit import BoardWithTpm, board_with_tpm, needs_tpm

pytestmark = needs_tpm
Shown = pytest.CaptureFixture[str]
CONTENT = b"a model that is worth a secret"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardWithTpm]:
    with board_with_tpm(tmp_path / "board") as board:
        board.use(monkeypatch)
        yield board


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def slots_key(root: Path, *words: str) -> int:
    return agent(["slots", "key", "--root", str(root), "--json", *words])


def for_station(key: str) -> bytes:
    return encrypt_bundle(CONTENT, [bytes.fromhex(key)])


def key_files(root: Path) -> list[str]:
    folder = root / "keys"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_the_tpm_gives_the_key_and_no_file_holds_it(
    board: BoardWithTpm, root: Path, capsys: Shown
) -> None:
    assert slots_key(root, "--tpm") == 0
    payload = for_station(json.loads(capsys.readouterr().out)["key"])
    assert readable(root, payload, "x") == CONTENT
    assert key_files(root) == ["report.pem", "station.tpm"]
    assert (root / "keys/station.tpm").stat().st_mode & 0o777 == 0o600
    found = TpmKey.model_validate_json((root / "keys/station.tpm").read_text())
    secret = Tpm().unseal(found.sealed, "x")
    held = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    assert len(secret) == 32
    assert secret not in held
    assert secret.hex().encode() not in held
    assert not board.tpm2("getcap", "handles-saved-session").strip()


def test_a_probe_on_the_bus_reads_no_secret(board: BoardWithTpm, tmp_path: Path) -> None:
    secret = bytes(range(100, 132))
    sealed = Tpm().seal(secret)
    assert Tpm().unseal(sealed, "x") == secret
    assert len(board.bus()) > 1000
    assert secret.hex() not in board.bus()
    (tmp_path / "secret").write_bytes(secret)
    board.tpm2("createprimary", "-Q", "-C", "o", "-c", str(tmp_path / "primary"))
    words = ["-C", str(tmp_path / "primary"), "-i", str(tmp_path / "secret")]
    board.tpm2("create", "-Q", *words)
    assert secret.hex() in board.bus()  # as the probe sees what is not encrypted on its way


def test_a_key_in_a_file_moves_and_stays_the_same_key(
    board: BoardWithTpm, root: Path, capsys: Shown
) -> None:
    before = public_keys(root)
    file = (root / "keys/station.pem").read_bytes()
    assert slots_key(root, "--tpm") == 0
    assert json.loads(capsys.readouterr().out) == before
    assert key_files(root) == ["report.pem", "station.tpm"]
    assert readable(root, for_station(before["key"]), "x") == CONTENT
    (root / "keys/station.pem").write_bytes(file)  # as a kill before its removal leaves it
    assert slots_key(root, "--tpm") == 0
    assert key_files(root) == ["report.pem", "station.tpm"]
    sealed = (root / "keys/station.tpm").read_bytes()
    assert slots_key(root, "--tpm") == 0
    assert (root / "keys/station.tpm").read_bytes() == sealed


def test_the_card_in_another_board_reads_nothing_and_makes_no_other_key(
    board: BoardWithTpm, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    assert slots_key(root, "--tpm") == 0
    payload = for_station(json.loads(capsys.readouterr().out)["key"])
    sealed = (root / "keys/station.tpm").read_bytes()
    with board_with_tpm(tmp_path / "another") as another:
        another.use(monkeypatch)
        for words in ([], ["--tpm"], ["--tpm", "--pcrs", "7"]):
            assert slots_key(root, *words) == 4
            assert "sealed by another TPM than this board's" in capsys.readouterr().err
        with pytest.raises(StorageError, match=r"station\.tpm: was sealed by another TPM"):
            readable(root, payload, "x")
    assert (root / "keys/station.tpm").read_bytes() == sealed
    board.use(monkeypatch)
    assert readable(root, payload, "x") == CONTENT
    board.tpm2("clear")
    with pytest.raises(StorageError, match="or its TPM was cleared"):
        readable(root, payload, "x")


def test_a_changed_pcr_is_named_and_a_key_can_be_sealed_without_it(
    board: BoardWithTpm, root: Path, capsys: Shown
) -> None:
    assert slots_key(root, "--tpm", "--pcrs", "7,11") == 0
    payload = for_station(json.loads(capsys.readouterr().out)["key"])
    board.tpm2("pcrextend", f"12:sha256={'5a' * 32}")
    assert readable(root, payload, "x") == CONTENT
    assert slots_key(root, "--tpm", "--pcrs", "11,12") == 0
    assert readable(root, payload, "x") == CONTENT
    board.tpm2("pcrextend", f"7:sha256={'5a' * 32}")
    assert readable(root, payload, "x") == CONTENT
    board.tpm2("pcrextend", f"11:sha256={'5a' * 32}")
    with pytest.raises(StorageError, match="PCR 11 has another value than when it was sealed"):
        readable(root, payload, "x")
    assert slots_key(root, "--tpm", "--pcrs", "none") == 4
    path = root / "keys/station.tpm"
    forged = json.loads(path.read_text())
    forged["sealed"]["pcrs"] = {}  # by whoever has the card: the TPM itself asks for the PCRs
    path.write_text(json.dumps(forged))
    with pytest.raises(StorageError, match="this board's TPM does not take it"):
        readable(root, payload, "x")


def test_a_policy_is_dropped_before_a_planned_change(board: BoardWithTpm, root: Path) -> None:
    move_to_tpm(root, (7,), Tpm())
    payload = for_station(public_keys(root)["key"])
    move_to_tpm(root, (), Tpm())
    board.tpm2("pcrextend", f"7:sha256={'5a' * 32}")
    assert readable(root, payload, "x") == CONTENT


def test_another_programs_wrong_passwords_lock_nothing_out_here(
    board: BoardWithTpm, root: Path, tmp_path: Path
) -> None:
    move_to_tpm(root, None, Tpm())
    payload = for_station(public_keys(root)["key"])
    board.tpm2("dictionarylockout", "-s", "-n", "1", "-t", "1000", "-l", "1000")
    primary, key = str(tmp_path / "primary"), str(tmp_path / "key")
    board.tpm2("createprimary", "-Q", "-C", "o", "-p", "right", "-c", primary)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            board.tpm2("create", "-Q", "-C", primary, "-P", "wrong", "-u", key, "-r", key)
    assert b"inLockout:                 1" in board.tpm2("getcap", "properties-variable")
    assert readable(root, payload, "x") == CONTENT


def test_an_owner_password_is_named(board: BoardWithTpm, root: Path) -> None:
    board.tpm2("changeauth", "-c", "owner", "secret")
    with pytest.raises(DeviceError, match="owner hierarchy has a password: take it away"):
        move_to_tpm(root, None, Tpm())
    assert key_files(root) == []


@pytest.mark.integrations
def test_a_kill_at_any_call_leaves_the_key_before_or_the_one_after(
    board: BoardWithTpm, root: Path, tmp_path: Path
) -> None:
    before = public_keys(root)
    file = (root / "keys/station.pem").read_bytes()
    private = load_pem_private_key(file, None)
    assert isinstance(private, X25519PrivateKey)
    payload = for_station(before["key"])
    memory = tmp_path / "memory"
    memory.mkdir()
    call = 0
    while True:
        call += 1
        shutil.rmtree(root)
        (root / "keys").mkdir(parents=True)
        (root / "keys/station.pem").write_bytes(file)
        board.kill_caller_at(call)
        program = [sys.executable, "-c", MOVE, str(root), str(memory)]
        ended = subprocess.run(program, check=False).returncode
        board.kill_caller_at(0)
        assert readable(root, payload, "x") == CONTENT
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        assert key_files(root) == ["station.pem"]  # it is written when it was read back
    left = [path.read_bytes() for path in memory.rglob("*") if path.is_file()]
    assert left
    assert not [content for content in left if private.private_bytes_raw() in content]
    assert call > 12
    assert key_files(root) == ["station.tpm"]


MOVE = """
import sys, pathlib
from edge_agent.update.station_key import move_to_tpm
from edge_agent.update.tpm import Tpm
move_to_tpm(pathlib.Path(sys.argv[1]), None, Tpm(memory=pathlib.Path(sys.argv[2])))
"""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--tpm"], "tpm2: is not installed: apt install tpm2-tools"),
        (["--pcrs", "7"], "--pcrs: belongs to --tpm"),
    ],
    ids=["no programs", "no TPM asked for"],
)
def test_what_cannot_be_done_writes_no_key(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown, words: list[str], says: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert slots_key(root, *words) in (2, 4)
    assert says in capsys.readouterr().err
    assert key_files(root) == []


def test_a_board_without_a_tpm_gets_no_key_in_a_file_in_its_place(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TPM2TOOLS_TCTI", raising=False)
    with pytest.raises(DeviceError, match=r"tpmrm0: this board has no TPM 2\.0 that its kernel"):
        move_to_tpm(root, None, Tpm(device=tmp_path / "tpmrm0"))
    assert key_files(root) == []


def test_a_tpm_that_does_not_answer_is_named(board: BoardWithTpm, root: Path) -> None:
    with board.hanging(), pytest.raises(DeviceError, match=r"has not answered for 0\.5 s"):
        move_to_tpm(root, None, Tpm(limit_s=0.5))
    assert key_files(root) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found | {"key": "00" * 32},
        lambda found: found | {"sealed": found["sealed"] | {"private": "00" * 64}},
        lambda found: {"key": found["key"]},
    ],
    ids=["another public key", "another secret", "cut"],
)
def test_a_damaged_file_is_named(board: BoardWithTpm, root: Path, damage: object) -> None:
    move_to_tpm(root, None, Tpm())
    path = root / "keys/station.tpm"
    assert callable(damage)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(StorageError, match=r"station\.tpm: .*make another key"):
        public_keys(root)


def test_two_different_keys_are_named_and_both_stay(board: BoardWithTpm, root: Path) -> None:
    public_keys(root)
    file = (root / "keys/station.pem").read_bytes()
    (root / "keys/station.pem").unlink()
    move_to_tpm(root, None, Tpm())
    (root / "keys/station.pem").write_bytes(file)
    with pytest.raises(StorageError, match=r"station\.pem: holds another key than the TPM does"):
        move_to_tpm(root, None, Tpm())
    assert (root / "keys/station.pem").read_bytes() == file
