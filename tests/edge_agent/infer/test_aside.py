"""Work beside another: done once, by whoever comes first, and its error comes back."""

from __future__ import annotations

import threading

import pytest

from edge_agent.contracts.core.errors import FaultError
from edge_agent.infer.aside import MOST_WAITING, Aside, Task


class Counted:
    """Work that counts how often it is done, and by which threads."""

    def __init__(self) -> None:
        self.by: list[str] = []

    def __call__(self) -> str:
        self.by.append(threading.current_thread().name)
        return "done"


def test_what_nobody_began_is_done_by_who_needs_it() -> None:
    work = Counted()
    task = Task(work)
    assert task.result() == task.result() == "done"
    assert work.by == [threading.current_thread().name]


def test_a_free_thread_does_it_beside_the_caller() -> None:
    work, aside = Counted(), Aside()
    began = threading.Event()
    task = Task(lambda: (began.set(), work())[1])
    aside.begin(task)
    assert began.wait(20)
    assert task.result() == "done"
    assert work.by == ["aside"]


def test_a_busy_thread_keeps_nobody_waiting() -> None:
    aside, busy, free = Aside(), threading.Event(), threading.Event()

    def block() -> str:
        busy.set()
        free.wait(20)
        return ""

    aside.begin(Task(block))
    assert busy.wait(20)
    work = Counted()
    task = Task(work)
    aside.begin(task)
    assert task.result() == "done"
    free.set()
    last = Task(Counted())
    aside.begin(last)
    last.result()
    assert work.by == [threading.current_thread().name]


def test_what_waits_behind_a_hung_task_does_not_grow() -> None:
    aside, busy, free = Aside(), threading.Event(), threading.Event()

    def hang() -> str:
        busy.set()
        free.wait(20)
        return ""

    aside.begin(Task(hang))
    assert busy.wait(20)
    tasks = [Task(Counted()) for _ in range(100)]
    for task in tasks:
        aside.begin(task)
    assert aside._tasks.qsize() == MOST_WAITING
    assert {task.result() for task in tasks} == {"done"}
    free.set()


def test_where_no_thread_can_be_started_the_caller_does_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    aside, work = Aside(), Counted()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * MOST_WAITING):
            task = Task(work)
            aside.begin(task)
            assert task.result() == "done"
    assert set(work.by) == {threading.current_thread().name}
    aside.begin(Task(work))
    assert aside._thread is not None
    assert aside._thread.is_alive(), "it is tried again"


def test_an_error_is_raised_where_the_result_is_needed() -> None:
    aside = Aside()
    task = Task(lambda: str(1 // 0))
    aside.begin(task)
    with pytest.raises(FaultError, match="division"):
        task.result()


def test_a_thread_that_went_idle_is_started_again() -> None:
    aside = Aside(idle_s=0.01)
    for _ in range(3):
        began = threading.Event()
        aside.begin(Task(lambda began=began: began.set() or "done"))  # type: ignore[misc]
        assert began.wait(20)
        assert aside._thread is not None
        aside._thread.join(20)
