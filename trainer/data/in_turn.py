"""Work on the next items while one is used: all in their order, none far ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edge_agent.contracts.model.parallel_runs import processors

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_turn(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int | None = None
) -> Iterator[Made]:
    """What `work` makes of each item, in their order, by so many threads (all processors).

    At most one more than there are threads is begun and not yet taken, so that pictures do not pile
    up. What `work` raises is raised in the item's turn; nothing is begun after it.
    """
    count = threads or processors()
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
