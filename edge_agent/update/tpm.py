"""A secret that only this board's TPM 2.0 gives back, through the programs of tpm2-tools.

It is sealed below the storage root key of the owner hierarchy: ECC P-256 by the TCG's template,
made anew from the TPM's seed each time, so that nothing stays in the TPM. Another TPM has another
seed, and so has this one after it was cleared. The secret goes through pipes, and between program
and TPM it is encrypted by a session that is salted with the storage root key (TPM 2.0 Part 1,
"Session-based encryption"). What the session's file holds lies in memory, never on a disk.

Nothing has a password here, so nothing can be guessed: all is exempt from the TPM's lockout (noDA).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import Field

from edge_agent.contracts.core.errors import DeviceError, StorageError
from edge_agent.contracts.core.strict import Strict

DEVICE = Path("/dev/tpmrm0")
"""The kernel's resource manager: programs do not see each other's objects through it."""
TCTI = "TPM2TOOLS_TCTI"
"""The variable that names another way to the TPM. It is always set for the programs: by themselves
they would ask whoever listens on an emulator's port of this host where there is no device."""
IN_MEMORY = Path("/dev/shm")
LIMIT_S = 120.0
"""A TPM in firmware takes seconds for a key, where it is busy more."""
PCR_BYTES = 32
SHARED = "fixedtpm|fixedparent|noda"
ROOT_KEY = f"{SHARED}|sensitivedataorigin|userwithauth|restricted|decrypt"
ROOT_ARGUMENTS = ("-C", "o", "-g", "sha256", "-G", "ecc256:aes128cfb", "-a", ROOT_KEY)
"""The TCG's template of a storage root key (TPM v2.0 Provisioning Guidance)."""
REFUSALS = {
    0x101: ("the TPM reports that it has failed", "cut the board's power, and try again"),
    0x120: ("the TPM was not started by the firmware", "switch it on in the firmware's setup"),
    0x921: ("the TPM is locked out", "wait, or `tpm2_dictionarylockout --clear-lockout`"),
    0x9A2: (
        "the TPM's owner hierarchy has a password",
        "take it away (`tpm2_changeauth -c owner -p PASSWORD`)",
    ),
}
"""Response codes (TPM 2.0 Part 2, 6.6) -> what is wrong, and the cure."""


class Sealed(Strict):
    """What lies on the disk: of no use without the TPM. Numbers in hexadecimal digits.

    root_key: name of the storage root key. pcrs: PCR of the bank sha256 -> its value when it was
    sealed; the TPM unseals only while each has this value.
    """

    root_key: str = Field(pattern=r"^000b[0-9a-f]{64}$")
    public: str = Field(pattern=r"^[0-9a-f]{2,2048}$")
    private: str = Field(pattern=r"^[0-9a-f]{2,2048}$")
    pcrs: dict[int, str] = Field(default={}, max_length=24)


class Tpm:
    """The board's TPM. Methods raise DeviceError where it is absent or refuses.

    limit_s: of one program. device: asked where TPM2TOOLS_TCTI names no other way. memory: a
    folder that no disk holds, for what the programs hand each other; a kill leaves it there, and
    the secret is not among it.
    """

    def __init__(
        self, limit_s: float = LIMIT_S, device: Path = DEVICE, memory: Path = IN_MEMORY
    ) -> None:
        self._limit_s = limit_s
        self._device = device
        self._memory = memory

    def seal(self, secret: bytes, pcrs: Sequence[int] = ()) -> Sealed:
        """Up to 128 bytes, which `unseal` gives back on this board alone."""
        with self._open() as call:
            root_key = call.root_key()
            values = call.pcr_values(pcrs)
            use = f"{SHARED}|userwithauth"
            policy: tuple[str, ...] = ()
            if values:
                use, policy = SHARED, ("-L", call.pcr_policy(values))
            with call.session("--hmac-session") as session:
                files = ("-u", call.path("public"), "-r", call.path("private"))
                made = ("create", "-Q", "-C", call.path("root"), "-P", f"session:{session}")
                call(*made, *policy, "-g", "sha256", "-a", use, "-i", "-", *files, given=secret)
            return Sealed(
                root_key=root_key,
                public=call.content("public").hex(),
                private=call.content("private").hex(),
                pcrs=values,
            )

    def unseal(self, sealed: Sealed, where: str) -> bytes:
        """The secret; where: names the file of `sealed` in errors. Raises StorageError for one
        that was changed."""
        with self._open() as call:
            if call.root_key() != sealed.root_key:
                raise DeviceError(
                    "was sealed by another TPM than this board's: the card was moved, the board "
                    "was changed, or its TPM was cleared",
                    where=where,
                    cure="put the card back, or make another key (docs/encryption.md)",
                )
            call.refuse_other_pcrs(sealed, where)
            call.write("public", bytes.fromhex(sealed.public))
            call.write("private", bytes.fromhex(sealed.private))
            try:
                return call.unsealed(sealed.pcrs)
            except _RefusedError as error:
                if error.code in REFUSALS:
                    raise
                raise StorageError(
                    f"this board's TPM does not take it ({error})",
                    where=where,
                    cure="put back the file as it was, or make another key (docs/encryption.md)",
                ) from error

    @contextmanager
    def _open(self) -> Iterator[_Call]:
        if shutil.which("tpm2") is None:
            raise DeviceError("is not installed", where="tpm2", cure="apt install tpm2-tools")
        way = os.environ.get(TCTI, "")
        if not way:
            _refuse_absent(self._device)
            way = f"device:{self._device}"
        with tempfile.TemporaryDirectory(prefix="lineside-tpm-", dir=self._memory) as folder:
            try:
                yield _Call(Path(folder), way, self._limit_s)
            except _RefusedError as error:
                what, cure = REFUSALS.get(error.code, (str(error), "mend what it names"))
                raise DeviceError(what, where=way, cure=cure) from error


class _RefusedError(Exception):
    """A program's own words; code: the TPM's response, 0 where it gave none."""

    def __init__(self, words: str, code: int) -> None:
        self.code = code
        super().__init__(words)


class _Call:
    """Calls the programs; their files lie in `folder`; way: to the TPM.

    Raises _RefusedError, and DeviceError for a TPM that does not answer.
    """

    def __init__(self, folder: Path, way: str, limit_s: float) -> None:
        self._folder = folder
        self._way = way
        self._limit_s = limit_s

    def __call__(self, *words: str, given: bytes = b"") -> bytes:
        """What the program prints; given: its standard input."""
        environment = {**os.environ, TCTI: self._way, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["tpm2", *words],
                input=given,
                capture_output=True,
                env=environment,
                timeout=self._limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"the TPM has not answered for {self._limit_s:g} s",
                where=self._way,
                cure="cut the board's power, and try again",
            ) from error
        if done.returncode:
            raise _refused(words[0], done.stderr.decode(errors="replace"))
        return done.stdout

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def content(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def write(self, name: str, payload: bytes) -> None:
        (self._folder / name).write_bytes(payload)

    def root_key(self) -> str:
        """Make the storage root key, in the file `root`; its name."""
        self("createprimary", "-Q", *ROOT_ARGUMENTS, "-c", self.path("root"))
        self("readpublic", "-Q", "-c", self.path("root"), "-n", self.path("name"))
        return self.content("name").hex()

    @contextmanager
    def session(self, kind: str) -> Iterator[str]:
        """The file of a session that encrypts, until the block ends."""
        path = self.path("session")
        with ExitStack() as ending:
            self("startauthsession", kind, "-c", self.path("root"), "-S", path)
            ending.callback(self, "flushcontext", path)
            self("sessionconfig", "--enable-decrypt", "--enable-encrypt", path)
            yield path

    def pcr_values(self, pcrs: Sequence[int]) -> dict[int, str]:
        """PCR -> its value in hexadecimal digits."""
        if not pcrs:
            return {}
        self("pcrread", "-Q", _bank(pcrs), "-o", self.path("pcrs"))
        found, wanted = self.content("pcrs"), sorted(set(pcrs))
        if len(found) != PCR_BYTES * len(wanted):
            raise DeviceError(
                "the TPM has no PCRs of the bank sha256",
                where=self._way,
                cure="switch that bank on in the firmware's setup, or leave --pcrs out",
            )
        starts = range(0, len(found), PCR_BYTES)
        values = (found[start : start + PCR_BYTES].hex() for start in starts)
        return dict(zip(wanted, values, strict=True))

    def pcr_policy(self, values: dict[int, str]) -> str:
        """The file of the policy that asks for these values."""
        self.write("pcrs", bytes.fromhex("".join(values[pcr] for pcr in sorted(values))))
        of_these = ("-l", _bank(list(values)), "-f", self.path("pcrs"))
        self("createpolicy", "-Q", "--policy-pcr", *of_these, "-L", self.path("policy"))
        return self.path("policy")

    def refuse_other_pcrs(self, sealed: Sealed, where: str) -> None:
        now = self.pcr_values(list(sealed.pcrs))
        others = [str(pcr) for pcr in sorted(now) if now[pcr] != sealed.pcrs[pcr]]
        if others:
            raise DeviceError(
                f"PCR {', '.join(others)} has another value than when it was sealed: firmware, "
                "Secure Boot or what was started has changed",
                where=where,
                cure="start the board as it was, or make another key (docs/encryption.md)",
            )

    def unsealed(self, pcrs: dict[int, str]) -> bytes:
        parts = ("-u", self.path("public"), "-r", self.path("private"))
        self("load", "-Q", "-C", self.path("root"), *parts, "-c", self.path("loaded"))
        with self.session("--policy-session" if pcrs else "--hmac-session") as session:
            if pcrs:
                self("policypcr", "-Q", "-S", session, "-l", _bank(list(pcrs)))
            return self("unseal", "-c", self.path("loaded"), "-p", f"session:{session}")


def _bank(pcrs: Sequence[int]) -> str:
    return f"sha256:{','.join(str(pcr) for pcr in sorted(set(pcrs)))}"


def _refuse_absent(device: Path) -> None:
    if not device.exists():
        raise DeviceError(
            "this board has no TPM 2.0 that its kernel knows",
            where=str(device),
            cure="switch it on in the board's firmware, or put the card into the board that has it",
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise DeviceError("not allowed to this user", where=str(device), cure="run it as root")


def _refused(program: str, words: str) -> _RefusedError:
    """From lines such as `ERROR: Esys_Unseal(0x99D) - tpm:session(1):a policy check failed`."""
    codes = re.findall(r"\(0x([0-9A-Fa-f]{1,8})\)", words)
    lines = [line.removeprefix("ERROR: ") for line in words.splitlines() if "ERROR: " in line]
    said = next((line for line in lines if "tpm:" in line), lines[-1] if lines else words.strip())
    return _RefusedError(f"tpm2 {program}: {said[-300:]}", int(codes[-1], 16) if codes else 0)
