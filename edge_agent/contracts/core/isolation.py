"""A verb that runs a stranger's model goes on in a child, which native code may take down alone.

`fork_and_wait` splits the program before numpy and the runtime are loaded, so that it costs a
millisecond: the child goes on with the verb, the parent waits and gives the child's exit code, or
says what ended it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

from edge_agent.contracts.core.errors import BundleError

NATIVE_LIMIT = "LINESIDE_NATIVE_LIMIT_S"
"""Environment variable: so long may one call into a runtime take; absent or 0 for no limit."""

NATIVE_LIMIT_S = 120
MEMORY_SHARE = 0.75
"""Of the machine's memory, so much may a child take for its data."""

PR_SET_PDEATHSIG = 1
CURE = "do not use it; ask who made it, or convert the run again"
FROM_OUTSIDE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""No fault of a model ends a process by these: a service that stops, or Ctrl-C, does."""


def fork_and_wait(where: str, cpu_limit_s: int = 0) -> int | None:
    """None in the child, which has bounds on memory and time; its exit code in the parent.

    where: the file that is named if native code ends the child. cpu_limit_s: of the whole child,
    0 for no limit. Raises BundleError in the parent where a signal ended the child.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        bound_this_process(cpu_limit_s)
        _end_with(parent)
        return None
    return exit_code(_wait(child), where)


def bound_this_process(cpu_limit_s: int = 0) -> None:
    """Bound memory, time in one native call, and processor time of this process."""
    os.environ.setdefault(NATIVE_LIMIT, str(NATIVE_LIMIT_S))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _lower(resource.RLIMIT_DATA, int(MEMORY_SHARE * memory))
    _lower(resource.RLIMIT_CORE, 0)
    if cpu_limit_s:
        _lower(resource.RLIMIT_CPU, cpu_limit_s)


def exit_code(status: int, where: str) -> int:
    """The code of a child that ended by itself; raises BundleError where a signal ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    raise ended_error(-code, where)


def ended_error(number: int, where: str) -> BundleError:
    """The error about a model during which the signal `number` ended its process."""
    cure = "start it again" if number in FROM_OUTSIDE else CURE
    return BundleError(ended_by(number), where=where, cure=cure)


def ended_by(number: int) -> str:
    """What is wrong with a model at which the signal `number` ended its process."""
    if number in (signal.SIGALRM, signal.SIGXCPU):
        return "it does not come to an end in the runtime"
    if number == signal.SIGKILL:
        return "its process was killed: it takes too much memory"
    if number in FROM_OUTSIDE:
        return f"its run was stopped from outside ({_name(number)})"
    return f"it crashes the runtime ({_name(number)})"


def _lower(kind: int, limit: int) -> None:
    soft, hard = resource.getrlimit(kind)
    lowest = limit if soft == resource.RLIM_INFINITY else min(soft, limit)
    resource.setrlimit(kind, (lowest, hard))


def _end_with(parent: int) -> None:
    """A child whose parent was killed ends, too (prctl(2), Linux only)."""
    try:
        prctl: Callable[..., int] = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise KeyboardInterrupt(128 + signal.SIGTERM)


def _wait(child: int) -> int:
    """The child's wait status. What interrupts this process ends the child, whose words count."""
    told = False
    while True:
        try:
            return os.waitpid(child, 0)[1]
        except KeyboardInterrupt as ended:
            if told:
                os.kill(child, signal.SIGKILL)
            told = True
            number = (ended.args[0] - 128) if ended.args else signal.SIGINT
            if number != signal.SIGINT:  # the terminal sends that to both
                os.kill(child, number)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
