"""A network camera over RTSP (RFC 7826), through FFmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from edge_agent.capture.live_reader import LiveFrame, LiveReader
from edge_agent.capture.source import SourceDriver, SourceTable
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PYAV, Library, missing
from edge_agent.contracts.core.types import Frame, Unreadable
from edge_agent.settings.secret import first_line
from edge_agent.settings.toml import SecretPath

if TYPE_CHECKING:
    from edge_agent.capture.ffmpeg import FfmpegStream


JOINING = 300
"""Frames without a picture that are passed over at the beginning: cameras send a key frame every
few seconds."""


class RtspTable(SourceTable):
    """A network camera over RTSP."""

    driver: Literal["rtsp"]
    url: str = Field(
        pattern=r"^rtsps?://[^\s@]+$", description="rtsp://HOST/PATH, without user and password"
    )
    username: str = Field(default="", description="user at the camera")
    password_file: SecretPath | None = Field(
        default=None, description="file whose first line is the password"
    )
    transport: Literal["tcp", "udp"] = Field(
        default="tcp", description="tcp loses nothing; udp where the camera asks for it"
    )
    open_s: float = Field(default=5, gt=0, le=60, description="longest wait for the connection")
    stall_s: float = Field(
        default=1.5, gt=0, le=60, description="a camera that gives nothing for so long is lost"
    )
    width_px: int | None = Field(
        default=None, ge=16, le=16384, description="width; another one is refused"
    )
    height_px: int | None = Field(
        default=None, ge=16, le=16384, description="height; another one is refused"
    )

    @property
    def besides_the_look(self) -> frozenset[str]:
        """How the station logs in and waits."""
        return frozenset({"username", "password_file", "transport", "open_s", "stall_s"})

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (PYAV,)

    @property
    def names_parts(self) -> bool:
        """A camera only counts its frames."""
        return False

    @field_validator("url")
    @classmethod
    def _has_host(cls, url: str) -> str:
        if not urlsplit(url).hostname:
            raise ValueError(f"{url!r} names no host")
        return url

    def address(self) -> str:
        """The URL with user and password; raises ConfigError when the password cannot be read."""
        if not self.username:
            return self.url
        scheme, rest = self.url.split("://", 1)
        return (
            f"{scheme}://{quote(self.username, safe='')}:{quote(self._password(), safe='')}@{rest}"
        )

    def _password(self) -> str:
        if self.password_file is None:
            return ""
        return first_line(self.password_file, "the password")


class RtspCamera:
    """Frames of one camera in RGB; each frame is a part, numbered from 0.

    Damaged frames, and those that build on them, are Unreadable. The station opens a lost camera
    again.
    """

    live = True

    def __init__(self, config: RtspTable, *, name: str, clock: Clock) -> None:
        self._config = config
        self._stream: FfmpegStream | None = None
        self._joining = 0
        self._reader = LiveReader(self._read, name, clock)

    def open(self) -> None:
        """Connect, read back the size and begin to read; raises DeviceError."""
        self.close()
        config = self._config
        try:
            from edge_agent.capture.ffmpeg import FfmpegStream
        except ImportError as error:
            raise missing(PYAV, config.url) from error
        # FFmpeg probes a stream for seconds by default: a camera's first key frame is enough.
        options = {"rtsp_transport": config.transport, "fflags": "nobuffer"}
        stream = FfmpegStream(
            config.address(),
            options=options,
            open_s=config.open_s,
            read_s=config.stall_s,
            where=config.url,
        )
        stream.open()
        self._stream = stream
        self._joining = JOINING
        self._refuse_other_size(*stream.size_px)
        self._reader.start()

    def begin(self) -> None:
        """Forget the frames that came since open(); raises DeviceError when it is lost."""
        self._reader.begin()

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; raises DeviceError when none came for `stall_s`."""
        if self._stream is None:
            raise DeviceError("not open", where=self._config.url, cure="open it first")
        return self._reader.next(timeout_s)

    def close(self) -> None:
        """Disconnect."""
        self._reader.stop()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _read(self) -> LiveFrame:
        stream = self._stream
        frame = None if stream is None else stream.next()
        # Who joins a running stream sees nothing whole before its next key frame.
        while stream is not None and frame is not None and self._joining > 0:
            self._joining = 0 if frame.image is not None else self._joining - 1
            frame = frame if frame.image is not None else stream.next()
        if frame is None:
            raise DeviceError(
                "the camera ended the stream",
                where=self._config.url,
                cure="check the camera, its network and its power",
            )
        return LiveFrame(frame.image, frame.fault, frame.time_ns)

    def _refuse_other_size(self, width_px: int, height_px: int) -> None:
        config = self._config
        for field, found, asked in (
            ("width_px", width_px, config.width_px),
            ("height_px", height_px, config.height_px),
        ):
            if asked is not None and found != asked:
                self.close()
                raise DeviceError(
                    f"gave {width_px}x{height_px}, station.toml asks {field} = {asked}",
                    where=config.url,
                    cure=f"set {field} to what the camera gives, or change it on the camera's page",
                )


DRIVER = SourceDriver(RtspTable, RtspCamera)
