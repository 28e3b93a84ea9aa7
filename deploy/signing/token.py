"""Private keys that never leave a token or HSM, by PKCS#11; Ed25519 as everywhere here.

A key is named by its URI (RFC 7512):

    pkcs11:token=LABEL;id=%01%02?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:PIN

serial=NUMBER tells tokens of one label apart; other attributes are refused by their name.
The PIN is the first line of the file of `pin-source`, or of --pin-file. Mechanisms: PKCS#11 3.0,
section 2.3.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.extras import Library

if TYPE_CHECKING:
    from types import ModuleType

LIBRARY = Library("python-pkcs11", "pkcs11", "hsm")
SCHEME = "pkcs11:"
ED25519 = b"\x06\x03\x2b\x65\x70"
"""The object identifier 1.3.101.112 in DER (RFC 8410): EC_PARAMS of the key."""
POINT_BYTES = 32
IN_PATH, IN_QUERY = ("token", "serial", "id"), ("module-path", "pin-source")
CURE = "write such as pkcs11:token=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so"


@dataclass(frozen=True)
class TokenUri:
    """Where a token is, and with `key_id` a key on it."""

    token: str
    module: str
    key_id: bytes = b""
    pin_file: Path | None = None
    serial: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigError for what names no token, or more than is looked at.

        A relative file of the PIN is one of the folder of now, and stays it.
        """
        if not text.startswith(SCHEME):
            raise ConfigError(f"{text!r} names no token", where="PKCS#11", cure=CURE)
        path, _, query = text.removeprefix(SCHEME).partition("?")
        found = _pairs(path, ";", IN_PATH) | _pairs(query, "&", IN_QUERY)
        token, module = (unquote(found.get(key, "")) for key in ("token", "module-path"))
        if not token or not module:
            raise ConfigError(f"{text!r} names no token", where="PKCS#11", cure=CURE)
        pin = unquote(found.get("pin-source", "")).removeprefix("file:")
        return cls(
            token,
            module,
            unquote_to_bytes(found.get("id", "")),
            Path(pin).absolute() if pin else None,
            unquote(found.get("serial", "")),
        )

    def __str__(self) -> str:
        pin = f"&pin-source=file:{quote(str(self.pin_file))}" if self.pin_file else ""
        key = "".join(f"%{byte:02x}" for byte in self.key_id)
        path = f"token={quote(self.token, safe='')}"
        path += f";serial={quote(self.serial, safe='')}" if self.serial else ""
        path += f";id={key}" if key else ""
        return f"{SCHEME}{path}?module-path={quote(self.module)}{pin}"


@dataclass(frozen=True)
class TokenKey:
    """A private key on a token; each signature is a session of its own."""

    uri: TokenUri
    pin: str

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes; raises ConfigError where the token does not give one."""
        with _session(self.uri, self.pin) as (pkcs11, session):
            key = _object(pkcs11, session, self.uri, pkcs11.ObjectClass.PRIVATE_KEY)
            return bytes(key.sign(data, mechanism=pkcs11.Mechanism.EDDSA))

    def public_key(self) -> Ed25519PublicKey:
        """The public half; raises ConfigError."""
        with _session(self.uri, self.pin) as (pkcs11, session):
            key = _object(pkcs11, session, self.uri, pkcs11.ObjectClass.PUBLIC_KEY)
            point = bytes(key[pkcs11.Attribute.EC_POINT])
        return Ed25519PublicKey.from_public_bytes(point[-POINT_BYTES:])  # without its DER head


def make_on_token(token: TokenUri, name: str, pin: str) -> TokenKey:
    """A new key on the token, which it cannot leave; its label is `lineside NAME`."""
    uri = replace(token, key_id=secrets.token_bytes(8))
    with _session(uri, pin, writes=True) as (pkcs11, session):
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: ED25519}, local=True
        )
        curve.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=f"lineside {name}",
            id=uri.key_id,
        )
    return TokenKey(uri, pin)


def _pairs(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(separator) if part)
    found = {key: value for key, _, value in parts}
    for key in found:
        if key not in known:
            cure = "a PIN stands in the file of pin-source" if "pin" in key else "leave it out"
            raise ConfigError(f"{key!r} is not looked at here", where="PKCS#11 URI", cure=cure)
    return found


@contextmanager
def _session(uri: TokenUri, pin: str, *, writes: bool = False) -> Iterator[tuple[Any, Any]]:
    """The library and an open session; what goes wrong is a ConfigError with the token's name."""
    pkcs11 = _library()
    where = f"token {uri.token} ({uri.module})"
    wanted: dict[str, Any] = {"token_label": uri.token}
    if uri.serial:
        wanted["token_serial"] = uri.serial.encode()
    try:
        token = pkcs11.lib(uri.module).get_token(**wanted)
        with token.open(rw=writes, user_pin=pin) as session:
            yield pkcs11, session
    except pkcs11.PinIncorrect as error:
        cure = "check the file of --pin-file or pin-source; a token locks itself after some tries"
        raise ConfigError("refuses the PIN", where=where, cure=cure) from error
    except pkcs11.NoSuchToken as error:
        cure = "plug it in; `pkcs11-tool --module MODULE --list-token-slots` lists what is there"
        raise ConfigError("is not there", where=where, cure=cure) from error
    except pkcs11.NoSuchKey as error:
        cure = "plug in the token on which `lineside-deploy keys` made it"
        raise ConfigError("does not hold this key", where=where, cure=cure) from error
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        what = f"does not work ({str(error) or type(error).__name__})"
        cure = "check module-path; the token must know Ed25519 (CKM_EDDSA)"
        raise ConfigError(what, where=where, cure=cure) from error


def _object(pkcs11: Any, session: Any, uri: TokenUri, kind: object) -> Any:
    return session.get_key(kind, pkcs11.KeyType.EC_EDWARDS, id=uri.key_id)


def _library() -> ModuleType:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigError(
            f"{LIBRARY.name} is not installed", where="PKCS#11", cure=LIBRARY.cure
        ) from error
    library: ModuleType = pkcs11
    return library
