"""A hawkBit server for one target, written from hawkBit's published DDI API (v1): its paths, codes,
media types and the schemas of what a device sends. It lies where it is told to.

The reference is the OpenAPI description of DdiRootController and of its DTOs: DdiControllerBase,
DdiDeploymentBase, DdiCancel, DdiActionFeedback, DdiConfigData.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5, sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema

TENANT, TARGET, TOKEN = "DEFAULT", "press", "bH7XXAprK1ChnLfKSdtlsp7NOlPnZAYY"
FEEDBACK = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "timestamp": {"type": "integer", "format": "int64"},
        "status": {
            "type": "object",
            "required": ["execution", "result"],
            "properties": {
                "execution": {
                    "enum": [
                        "closed",
                        "proceeding",
                        "canceled",
                        "scheduled",
                        "rejected",
                        "resumed",
                        "downloaded",
                        "download",
                    ]
                },
                "result": {
                    "type": "object",
                    "required": ["finished"],
                    "properties": {"finished": {"enum": ["success", "failure", "none"]}},
                },
                "code": {"type": "integer"},
                "details": {"type": "array", "items": {"type": "string", "maxLength": 512}},
            },
        },
    },
}
CONFIG_DATA = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "mode": {"enum": ["merge", "replace", "remove"]},
        "data": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"maxLength": 32},
            "additionalProperties": {"type": "string", "maxLength": 128},
        },
    },
}


@dataclass
class Hawkbit:
    """One target with at most one action; feedback: what came, (channel, execution, finished,
    details)."""

    address: str = ""
    action: int = 0
    is_open: bool = False
    cancels: bool = False
    payload: bytes = b""
    filename: str = ""
    handling: dict[str, str] = field(default_factory=lambda: {"download": "forced"} | WINDOW)
    feedback: list[tuple[str, str, str, str]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    wants_attributes: bool = True
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    # how it lies
    announced: dict[str, Any] = field(default_factory=dict)
    link: str = ""
    sends: bytes | None = None
    cut_after: int | None = None
    knows_ranges: bool = True
    base: bytes | None = None
    deployment_answer: bytes | None = None
    stop_id: str | None = None
    length: str | None = None
    redirects_to: str = ""

    def assign(self, path: Path, **handling: str) -> int:
        """A new action with this file as its artifact."""
        self.action += 1
        self.is_open, self.cancels = True, False
        self.payload, self.filename = path.read_bytes(), path.name
        self.handling = {"download": "forced", **WINDOW, **handling}
        return self.action

    def ended(self) -> tuple[str, str, str, str]:
        """The feedback that closed the action."""
        return next(one for one in reversed(self.feedback) if one[1] == "closed")

    def controller(self) -> dict[str, Any]:
        """DdiControllerBase."""
        here = f"{self.address}/{TENANT}/controller/v1/{TARGET}"
        links = {}
        if self.is_open and self.cancels:
            links["cancelAction"] = {"href": f"{here}/cancelAction/{self.action}"}
        elif self.is_open:
            links["deploymentBase"] = {"href": f"{here}/deploymentBase/{self.action}?c=-2129030598"}
        if self.wants_attributes:
            links["configData"] = {"href": f"{here}/configData"}
        return {"config": {"polling": {"sleep": "12:00:00"}}, "_links": links}

    def deployment(self) -> dict[str, Any]:
        """DdiDeploymentBase."""
        place = f"{self.address}/{TENANT}/controller/v1/{TARGET}/softwaremodules/17/artifacts"
        link = self.link or f"{place}/{self.filename}"
        hashes = {one.__name__.removeprefix("openssl_"): one for one in (sha1, md5, sha256)}
        artifact = {
            "filename": self.filename,
            "hashes": {name: one(self.payload).hexdigest() for name, one in hashes.items()},
            "size": len(self.payload),
            "_links": {
                "download-http": {"href": link},
                "md5sum-http": {"href": f"{link}.MD5SUM"},
            },
        }
        artifact.update(self.announced)
        chunk = {"part": "bApp", "version": "1", "name": "model", "artifacts": [artifact]}
        return {"id": str(self.action), "deployment": {**self.handling, "chunks": [chunk]}}


WINDOW = {"update": "forced"}


class _Handler(BaseHTTPRequestHandler):
    """hawkBit's answers; `server.hawkbit` is its state."""

    protocol_version = "HTTP/1.1"

    @property
    def hawkbit(self) -> Hawkbit:
        return self.server.hawkbit  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.hawkbit.asked.append(self.path)
        if "/softwaremodules/" in self.path:
            self._download()
            return
        place = self._place()
        if place is None:
            return
        if "json" not in self.headers.get("Accept", ""):
            self._end(406)
        elif self.hawkbit.redirects_to:
            self._end(302, headers={"Location": self.hawkbit.redirects_to})
        elif place == "":
            self._json(self.hawkbit.base or json.dumps(self.hawkbit.controller()).encode())
        elif place == f"/deploymentBase/{self.hawkbit.action}" and self.hawkbit.is_open:
            answer = json.dumps(self.hawkbit.deployment()).encode()
            self._json(self.hawkbit.deployment_answer or answer)
        elif place == f"/cancelAction/{self.hawkbit.action}" and self.hawkbit.cancels:
            number = str(self.hawkbit.action)
            stopped = number if self.hawkbit.stop_id is None else self.hawkbit.stop_id
            self._json(json.dumps({"id": number, "cancelAction": {"stopId": stopped}}).encode())
        else:
            self._end(404)

    def do_POST(self) -> None:
        place, body = self._place(), self._body(FEEDBACK)
        if place is None or body is None:
            return
        found = re.fullmatch(r"/(deploymentBase|cancelAction)/(\d+)/feedback", place)
        if found is None or int(found[2]) != self.hawkbit.action:
            self._end(404)
        elif not self.hawkbit.is_open:
            self._end(410)
        else:
            self._take(found[1], body["status"])
            self._end(200)

    def do_PUT(self) -> None:
        place, body = self._place(), self._body(CONFIG_DATA)
        if place is None or body is None:
            return
        self.hawkbit.attributes.update(body["data"])
        self.hawkbit.wants_attributes = False
        self._end(200 if place == "/configData" else 404)

    def _take(self, channel: str, status: dict[str, Any]) -> None:
        details = " ".join(status.get("details", []))
        finished = status["result"]["finished"]
        self.hawkbit.feedback.append((channel, status["execution"], finished, details))
        if status["execution"] == "closed":
            self.hawkbit.is_open = False
        if (channel, status["execution"]) == ("cancelAction", "rejected"):
            self.hawkbit.cancels = False

    def _place(self) -> str | None:
        """The path below the controller; None where the request was answered."""
        base = f"/{TENANT}/controller/v1/{TARGET}"
        path = self.path.partition("?")[0]
        if self.headers.get("Authorization") != f"TargetToken {TOKEN}":
            self._end(401)
        elif not path.startswith(base):
            self._end(404)
        else:
            return path.removeprefix(base)
        return None

    def _body(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Type") != "application/json":
            self._end(415)
            return None
        try:
            body: dict[str, Any] = json.loads(text)
            jsonschema.validate(body, schema)
        except (ValueError, jsonschema.ValidationError) as error:
            self.hawkbit.feedback.append(("invalid", "", "", str(error)))
            self._end(400)
            return None
        return body

    def _download(self) -> None:
        payload = self.hawkbit.payload if self.hawkbit.sends is None else self.hawkbit.sends
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.hawkbit.ranges.append(self.headers.get("Range", ""))
        headers, code = {}, 200
        if wanted and self.hawkbit.knows_ranges:
            code, size = 206, len(payload)
            payload = payload[int(wanted[1]) :]
            headers["Content-Range"] = f"bytes {wanted[1]}-{size - 1}/{size}"
        self.send_response(code)
        self.send_header("Content-Length", self.hawkbit.length or str(len(payload)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        cut, self.hawkbit.cut_after = self.hawkbit.cut_after, None
        self.wfile.write(payload if cut is None else payload[:cut])
        self.close_connection = cut is not None

    def _json(self, text: bytes) -> None:
        self._end(200, text, {"Content-Type": "application/hal+json"})

    def _end(self, code: int, text: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def serving() -> Iterator[Hawkbit]:
    """A server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        hawkbit = Hawkbit(f"http://127.0.0.1:{server.server_port}")
        server.hawkbit = hawkbit  # type: ignore[attr-defined]
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield hawkbit
        finally:
            server.shutdown()
            thread.join()
