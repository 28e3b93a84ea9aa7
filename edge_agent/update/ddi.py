"""A device's end of hawkBit's Direct Device Integration API (v1), over HTTPS.

Source: hawkBit's DDI API reference (DdiRootController). Nothing that the server says is trusted:
answers are bounded, links only give numbers and paths on the server that the station was given,
redirections are not followed, and of a file no more is read than was announced.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from pydantic import BaseModel, Field, ValidationError

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.cut_off import ANSWER_S, longest_s
from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.contracts.core.http_until import pool_until
from edge_agent.contracts.core.server_tls import server_context
from edge_agent.contracts.model.bundle import MAX_BYTES
from edge_agent.contracts.model.manifest import Sha256

TIMEOUT_S = 20.0
MOST_ANSWER_BYTES = 1 << 20
MOST_DETAIL = 500
"""Characters of a message that every version of the server keeps."""
PIECE_BYTES = 1 << 16
HREF_ACTION = re.compile(r"/(?:deploymentBase|cancelAction)/([0-9]{1,19})(?:\?|$)")

Execution: TypeAlias = Literal[
    "closed", "proceeding", "canceled", "scheduled", "rejected", "resumed", "downloaded", "download"
]
Finished: TypeAlias = Literal["success", "failure", "none"]


class _Link(BaseModel):
    href: str = Field(max_length=4096)


class _Polling(BaseModel):
    sleep: str = Field(default="00:05:00", pattern=r"^\d{1,2}:[0-5]\d:[0-5]\d$")


class _Config(BaseModel):
    polling: _Polling = Field(default_factory=_Polling)


class Base(BaseModel):
    """The controller's root: what is to do now."""

    config: _Config = Field(default_factory=_Config)
    links: dict[str, _Link] = Field(default_factory=dict, alias="_links")

    @property
    def poll_s(self) -> int:
        """The server's wish; between 5 s and a day."""
        hours, minutes, seconds = map(int, self.config.polling.sleep.split(":"))
        return min(86_400, max(5, hours * 3600 + minutes * 60 + seconds))

    def action(self, link: Literal["deploymentBase", "cancelAction"]) -> str:
        """The number of the action that is linked, empty for none; raises BundleError."""
        if link not in self.links:
            return ""
        found = HREF_ACTION.search(self.links[link].href)
        if found is None:
            raise _strange(f"a link {link} without the number of an action", self.links[link].href)
        return found[1]


class _Hashes(BaseModel):
    sha256: Sha256


class Artifact(BaseModel):
    """A file of a deployment."""

    filename: str = Field(min_length=1, max_length=256)
    hashes: _Hashes
    size: Annotated[int, Field(ge=1, le=2 * MAX_BYTES)]
    links: dict[str, _Link] = Field(default_factory=dict, alias="_links")

    @property
    def address(self) -> str:
        """Where it is downloaded; raises BundleError."""
        for name in ("download", "download-http"):
            if name in self.links:
                return self.links[name].href
        raise _strange("an artifact without a link to download it", self.filename)


class _Chunk(BaseModel):
    artifacts: list[Artifact] = Field(default_factory=list, max_length=1000)


class _Deployment(BaseModel):
    download: Literal["skip", "attempt", "forced"] = "forced"
    update: Literal["skip", "attempt", "forced"] = "forced"
    maintenance: Literal["available", "unavailable"] = Field(
        default="available", alias="maintenanceWindow"
    )
    chunks: list[_Chunk] = Field(max_length=1000)


class Deployment(BaseModel):
    """What shall be installed."""

    id: str
    deployment: _Deployment

    @property
    def artifacts(self) -> list[Artifact]:
        """Of all chunks."""
        return [one for chunk in self.deployment.chunks for one in chunk.artifacts]

    @property
    def may_download(self) -> bool:
        """Whether the server asks for it now."""
        return self.deployment.download != "skip"

    @property
    def may_install(self) -> bool:
        """Whether the server asks for it now, by its window of maintenance too."""
        return self.deployment.update != "skip" and self.deployment.maintenance == "available"


class _Stop(BaseModel):
    stop_id: str = Field(alias="stopId", pattern=r"^[0-9]{1,19}$")


class _Cancel(BaseModel):
    stop: _Stop = Field(alias="cancelAction")


Kind = TypeVar("Kind", Base, Deployment, _Cancel)


class DdiServer:
    """One controller of a hawkBit server.

    base: https://HOST; login: the value of the header Authorization; ca: who signs the server's
    certificate. Methods raise DeviceError for a server that is out of reach or answers wrongly,
    ConfigError for a `ca` that cannot be used.
    where: its address; name: the same, in one spelling, by which it is told from other servers.
    """

    def __init__(
        self, base: str, tenant: str, controller: str, login: str, ca: Path | None, clock: Clock
    ) -> None:
        self._server = base.rstrip("/")
        place = "/".join(quote(part, safe="") for part in (tenant, "controller", "v1", controller))
        self.where = f"{self._server}/{place}"
        self.name = f"{_name(self._server)}/{place}"
        self._login = login
        self._clock = clock
        self._ca = ca
        self._context: ssl.SSLContext | None = None

    def base(self) -> Base:
        """What is to do now."""
        return self._get(Base, "")

    def deployment(self, action: str) -> Deployment:
        """What the action shall install."""
        return self._get(Deployment, f"/deploymentBase/{action}")

    def stopped_by(self, cancel: str) -> str:
        """The number of the action that a cancellation stops."""
        return self._get(_Cancel, f"/cancelAction/{cancel}").stop.stop_id

    def feedback(
        self,
        action: str,
        execution: Execution,
        finished: Finished = "none",
        details: str = "",
        *,
        of: Literal["deploymentBase", "cancelAction"] = "deploymentBase",
    ) -> bool:
        """Tell what becomes of an action; False where the server knows it no longer."""
        status: dict[str, object] = {"execution": execution, "result": {"finished": finished}}
        if details:
            status["details"] = [details[:MOST_DETAIL]]
        body = {"id": action, "timestamp": self._clock.utc_ns() // 10**6, "status": status}
        path = f"/{of}/{action}/feedback"
        return self._send("POST", path, body) not in (404, 410)

    def attributes(self, data: Mapping[str, str]) -> None:
        """Tell what this station is."""
        self._send("PUT", "/configData", {"mode": "merge", "data": dict(data)})

    def pieces(self, artifact: Artifact, offset: int) -> Iterator[tuple[int, bytes]]:
        """The file from `offset`: (where it lies, bytes), from 0 where the server knows no ranges.

        Raises BundleError for one that is not what was announced.
        """
        address = artifact.address
        self._refuse_strange(address)
        headers = self._headers(address) | {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={offset}-"} if offset else {}
        most_s = ANSWER_S + longest_s(artifact.size)
        with self._request("GET", address, most_s, headers=headers) as answer:
            if answer.status not in (200, 206):
                raise _refused(answer.status, address)
            at = offset if answer.status == 206 else 0
            given = answer.headers.get("Content-Range", "")
            if answer.status == 206 and not given.startswith(f"bytes {offset}-"):
                raise _strange(f"another range than was asked for ({given!r})", address)
            yield from self._bounded(answer, at, artifact)

    def _bounded(
        self, answer: urllib3.BaseHTTPResponse, at: int, artifact: Artifact
    ) -> Iterator[tuple[int, bytes]]:
        end_ns = self._clock.mono_ns() + longest_s(artifact.size) * 1e9
        length = answer.headers.get("Content-Length", "")
        if re.fullmatch("[0-9]{1,18}", length) and at + int(length) != artifact.size:
            what = f"a file of {at + int(length)} bytes, {artifact.size} were announced"
            raise _strange(what, artifact.filename)
        while piece := answer.read1(PIECE_BYTES):
            if at + len(piece) > artifact.size:
                raise _strange(f"more than the {artifact.size} bytes announced", artifact.filename)
            if self._clock.mono_ns() > end_ns:
                raise DeviceError(
                    "the download is too slow", where=artifact.filename, cure="check the network"
                )
            yield at, piece
            at += len(piece)

    def _refuse_strange(self, address: str) -> None:
        """A station that was given https takes nothing over anything else."""
        allowed = {"https", urlsplit(self._server).scheme}
        try:
            scheme = urlsplit(address).scheme
        except ValueError as error:
            raise _strange(f"what is no address ({error})", address) from error
        if scheme not in allowed:
            raise _strange(f"an address that is not {' or '.join(sorted(allowed))}", address)

    def _headers(self, address: str) -> dict[str, str]:
        """With the login, for this server alone: a download may lie elsewhere."""
        own, other = urlsplit(self._server), urlsplit(address)
        is_own = (own.scheme, own.netloc) == (other.scheme, other.netloc)
        return {"Authorization": self._login} if is_own else {}

    def _get(self, kind: type[Kind], path: str) -> Kind:
        address = self.where + path
        headers = self._headers(address) | {"Accept": "application/hal+json"}
        with self._request("GET", address, headers=headers) as answer:
            if answer.status != 200:
                raise _refused(answer.status, address)
            payload = answer.read(MOST_ANSWER_BYTES + 1)
        if len(payload) > MOST_ANSWER_BYTES:
            raise _passing(f"an answer of more than {MOST_ANSWER_BYTES} bytes", address)
        try:
            json.loads(payload)
        except (ValueError, RecursionError) as error:
            # A proxy's page, a login: it says nothing about the release.
            raise _passing(f"what is no JSON ({str(error)[:80]})", address) from error
        try:
            return kind.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors()[0]
            raise _strange(
                f"what is no DDI answer ({first['loc']}: {first['msg']})", address
            ) from error

    def _send(self, method: str, path: str, body: Mapping[str, object]) -> int:
        address = self.where + path
        headers = self._headers(address) | {"Content-Type": "application/json"}
        text = json.dumps(body).encode()
        with self._request(method, address, headers=headers, body=text) as answer:
            if answer.status not in (200, 201, 204, 404, 410):
                raise _refused(answer.status, address)
            return answer.status

    @contextmanager
    def _request(
        self, method: str, address: str, most_s: float | None = None, **given: Any
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        # It reads the system's certificates: once, not for each request.
        self._context = self._context or server_context(self._ca)
        settings: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False}
        try:
            with pool_until(most_s or ANSWER_S, ssl_context=self._context, **settings) as pool:
                answer = pool.request(method, address, preload_content=False, **given)
                try:
                    yield answer
                finally:
                    answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self._context = None  # a certificate may have been replaced
            raise DeviceError(
                f"cannot be reached ({error})", where=address, cure="check network and --ca"
            ) from error


def _name(base: str) -> str:
    """The server's address in one spelling (RFC 3986, section 6.2.2)."""
    try:
        parts = urlsplit(base)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return base
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"


def _refused(status: int, address: str) -> DeviceError:
    cures = {
        401: "check the token, and that the server takes it",
        403: "check the token, and that the server takes it",
        404: "check --tenant and --id",
        429: "let the server ask for fewer polls",
    }
    what = (
        f"redirects ({status}), which is not followed"
        if 300 <= status < 400
        else f"answers {status}"
    )
    return DeviceError(what, where=address, cure=cures.get(status, "check the address of hawkBit"))


def _passing(what: str, where: str) -> DeviceError:
    return DeviceError(
        f"the server gives {what}", where=where[:200], cure="look at what answers in its place"
    )


def _strange(what: str, where: str) -> BundleError:
    return BundleError(
        f"the server gives {what}", where=where[:200], cure="look at who runs this server"
    )
