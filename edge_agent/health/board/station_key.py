"""Where the key lies by which the station reads what is encrypted for it (docs/encryption.md)."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.health.board.board import Board

WHAT = "station key"
IN_TPM, IN_FILE = "keys/station.tpm", "keys/station.pem"
DEVICE, PROGRAM = "dev/tpmrm0", "usr/bin/tpm2"
"""The kernel has the device for a TPM 2.0 only."""
MOVE = "`lineside-agent slots key --tpm` moves it there"


def check_station_key(board: Board) -> Iterator[CheckResult]:
    """One result, for a station with a folder; the TPM is not asked."""
    root = board.needs.station_folder
    if root is None:
        return
    try:
        is_in_tpm, is_in_file = (root / IN_TPM).is_file(), (root / IN_FILE).is_file()
    except OSError as error:
        yield CheckResult(WHAT, "UNKNOWN", f"{root / 'keys'}: {error.strerror}", "run it as root")
        return
    if is_in_tpm:
        yield _sealed(board, is_in_file=is_in_file)
    elif not is_in_file:
        yield CheckResult(WHAT, "OK", "none: nothing is encrypted for this station")
    elif board.paths(DEVICE):
        yield CheckResult(WHAT, "WARN", "in a file, on a board with a TPM 2.0", MOVE)
    else:
        yield CheckResult(WHAT, "OK", "in a file: who has the card has the key")


def _sealed(board: Board, *, is_in_file: bool) -> CheckResult:
    if not board.paths(DEVICE):
        detail = "sealed by a TPM, and this board shows none"
        cure = "put the card back, or switch the TPM on in the firmware"
        return CheckResult(WHAT, "FAIL", detail, cure, exit_code=4)
    if not board.paths(PROGRAM):
        cure = "apt install tpm2-tools"
        return CheckResult(WHAT, "FAIL", "sealed by a TPM, and its programs are missing", cure)
    if is_in_file:
        cure = "`lineside-agent slots key --tpm` removes it where it is the same"
        return CheckResult(WHAT, "WARN", "sealed by a TPM, and a file with a key is left", cure)
    detail = "sealed by a TPM; `lineside-agent slots key`, as root, asks this board's for it"
    return CheckResult(WHAT, "OK", detail)
