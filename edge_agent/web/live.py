"""Streams of the page: server-sent events for the data, multipart JPEG for the pictures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor

from edge_agent.contracts.core.clock import Clock
from edge_agent.web.access import RefusedError
from edge_agent.web.board import Board

LOOK_S = 0.25
"""The view of the line is sent at most this often: nobody reads faster."""
PING_S = 10.0
AGAIN_S = 2.0
"""A picture is sent again after it: a viewer that has gone is noticed."""
NICE = 10
BOUNDARY = "lineside-picture"
FIRST = f"\r\n--{BOUNDARY}\r\n".encode()
FULL = "too many live views are open"


class Live:
    """The live views of one station; most: at a time. The JSON of a version is made once."""

    def __init__(self, board: Board, *, clock: Clock, most: int, picture_rate_hz: float) -> None:
        self.stopping = threading.Event()
        self.viewers = 0
        self._board = board
        self._clock = clock
        self._most = most
        self._period_s = 1 / picture_rate_hz
        self._text: tuple[int, str] = (-1, "")
        # One thread for all pictures: each thread that encodes keeps megabytes of its own.
        self._encoder = ThreadPoolExecutor(1, "page-picture", initializer=_yield_to_verdicts)
        self._made: dict[tuple[str, bool], tuple[int, Future[tuple[int, bytes]]]] = {}

    def refuse_when_full(self) -> None:
        """Raises RefusedError where no more live views are allowed."""
        if self.viewers >= self._most * 2:
            raise RefusedError(503, FULL, cure="close another one", wait_s=5)

    def close(self) -> None:
        """End the live views; closing twice is fine."""
        self.stopping.set()
        self._encoder.shutdown(wait=False)

    async def events(self, may_go_on: Callable[[], bool]) -> AsyncIterator[str]:
        """The view of the line whenever it changes; ends when the caller may not see it."""
        self.viewers += 1
        known, sent_ns = -1, self._clock.mono_ns()
        try:
            yield "retry: 1000\n\n"
            while not self.stopping.is_set() and may_go_on():
                now_ns = self._clock.mono_ns()
                if self._board.version != known:
                    known, text = self._view()
                    sent_ns = now_ns
                    yield f"id: {known}\nevent: line\ndata: {text}\n\n"
                elif now_ns - sent_ns > PING_S * 1e9:
                    sent_ns = now_ns
                    yield "event: ping\ndata: {}\n\n"
                await self._next_tick(LOOK_S)
        finally:
            self.viewers -= 1

    async def pictures(
        self, channel: str, heat: bool, may_go_on: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The pictures of a channel, the newest at most `picture_rate_hz` times in a second."""
        self.viewers += 1
        known, sent_ns = 0, 0
        try:
            yield FIRST.lstrip()
            while not self.stopping.is_set() and may_go_on():
                now_ns = self._clock.mono_ns()
                newest = self._board.pictures.version_of(channel)
                if newest != known or (newest and now_ns - sent_ns > AGAIN_S * 1e9):
                    known, jpeg = await self._encoded(channel, heat)
                    sent_ns = now_ns
                    yield jpeg
                await self._next_tick(self._period_s)
        finally:
            self.viewers -= 1

    async def _encoded(self, channel: str, heat: bool) -> tuple[int, bytes]:
        """Of this tick: who comes later in it gets the same picture, not a newer one."""
        tick = int(self._now_s() / self._period_s)
        made = self._made.get((channel, heat))
        if made is None or made[0] != tick:
            made = (tick, self._encoder.submit(self._encode, channel, heat))
            self._made[channel, heat] = made
        # One viewer that goes must not take the picture from the others.
        return await asyncio.shield(asyncio.wrap_future(made[1]))

    async def _next_tick(self, period_s: float) -> None:
        """Wait for the next multiple of a period: all viewers wake together and share a picture."""
        await asyncio.sleep(period_s - self._now_s() % period_s)

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1e9

    def _encode(self, channel: str, heat: bool) -> tuple[int, bytes]:
        found = self._board.pictures.jpeg(channel, heat=heat)
        return (found[0], _part(found[1])) if found else (0, b"")

    def _view(self) -> tuple[int, str]:
        if self._text[0] != self._board.version:
            view = self._board.view()
            self._text = (view.version, view.model_dump_json())
        return self._text


def _yield_to_verdicts() -> None:
    """The encoder works outside of Python's lock: it must not take a core from an inspection."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _part(jpeg: bytes) -> bytes:
    """One picture and the boundary that ends it: without it a browser shows the one before."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + FIRST
