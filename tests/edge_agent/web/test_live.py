"""The live views: who looks at the same time gets the same picture, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.web.access import RefusedError
from edge_agent.web.board import Board
from edge_agent.web.live import AGAIN_S, Live

RATE_HZ = 200


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def board(clock: ManualClock) -> Board:
    return Board("press-7", ["top"], clock=clock)


def show(board: Board, grey: int) -> None:
    image = np.full((40, 60, 3), grey, np.uint8)
    board.pictures.show(channel="top", part_id="p", verdict=Verdict.PASS, at_ns=1, image=image)


async def newest(view: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(view), 30)


def test_viewers_of_one_moment_share_a_picture(board: Board, clock: ManualClock) -> None:
    live = Live(board, clock=clock, most=4, picture_rate_hz=RATE_HZ)

    async def look() -> list[bytes]:
        first, second = (live.pictures("top", heat=False, may_go_on=lambda: True) for _ in "ab")
        boundaries = [await newest(first), await newest(second)]
        assert boundaries[0] == boundaries[1]
        show(board, 10)
        shown = [await newest(first)]
        show(board, 200)
        shown.append(await newest(second))
        clock.advance_s(1 / RATE_HZ)
        shown += [await newest(first), await newest(second)]
        return shown

    one, same, newer, newer_too = asyncio.run(look())
    assert one is same
    assert newer is newer_too
    assert newer != one
    live.close()


def test_a_picture_that_stays_is_sent_again_now_and_then(board: Board, clock: ManualClock) -> None:
    live = Live(board, clock=clock, most=4, picture_rate_hz=RATE_HZ)
    show(board, 10)

    async def look() -> bool:
        view = live.pictures("top", heat=False, may_go_on=lambda: True)
        await newest(view)
        first = await newest(view)
        waiting = asyncio.ensure_future(anext(view))
        assert not (await asyncio.wait([waiting], timeout=5 / RATE_HZ))[0]
        clock.advance_s(AGAIN_S + 1)
        return await asyncio.wait_for(waiting, 30) == first

    assert asyncio.run(look())
    live.close()


def test_views_beyond_the_limit_are_refused(board: Board, clock: ManualClock) -> None:
    live = Live(board, clock=clock, most=1, picture_rate_hz=RATE_HZ)

    async def look() -> None:
        views = [live.events(lambda: True) for _ in range(2)]
        for view in views:
            await anext(view)
        with pytest.raises(RefusedError, match="too many"):
            live.refuse_when_full()
        await views[0].aclose()  # type: ignore[attr-defined]
        live.refuse_when_full()

    asyncio.run(look())
    live.close()
