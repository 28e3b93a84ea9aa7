"""Numbers by which a PLC reads why: of a result, of a station that is offline, of a job."""

from __future__ import annotations

from enum import Enum
from typing import Self

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.decide.causes import cause

VERDICTS = {Verdict.PASS: 1, Verdict.FAIL: 2, Verdict.NO_VERDICT: 4}
ACTIONS: dict[Action, int] = {"accept": 1, "reject": 2, "stop": 4}


class Code(int, Enum):
    """A number with its meaning."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code


class ReasonClass(Code):
    """Why a result is what it is."""

    GOOD = 0, "PASS"
    DEFECT = 1, "FAIL: a defect"
    LATE = 2, "not judged within the deadline, or not seen by a camera or sensor"
    CAMERA = 3, "the picture is not fit to be judged"
    SENSOR = 4, "a sensor's values are not fit to be judged"
    UNFAMILIAR = 5, "unlike every part of the training"
    UNSURE = 6, "too near to the threshold"
    STOPPED = 7, "a person has stopped passing"
    ENDED = 8, "the agent was ended"
    FAULT = 9, "a fault inside the station"
    NO_RESULT = 10, "accepted, and no decision came in `result_timeout_ms`"
    OTHER = 15, "another reason: see the verdict's message"


class OfflineReason(Code):
    """Why a station is offline, or not armed."""

    NONE = 0, "online and armed"
    STARTING = 1, "starting"
    DISARMED = 2, "disarmed, and online: a camera, sensor or output is lost or late"
    STOPPING = 3, "the agent was ended"
    NOT_ENABLED = 4, "`enable` is 0"
    HELD = 5, "a person has stopped passing"
    CHANGE_OVER = 6, "a job is being taken up"


class JobAnswer(Code):
    """What became of a job."""

    NONE = 0, "none was asked for"
    TAKEN = 1, "taken up"
    BUSY = 2, "is being taken up"
    NO_JOBS = 3, "refused: the station has no jobs"
    UNKNOWN = 4, "refused: no job has this number"


def reason_class(decision: Decision) -> ReasonClass:
    """The class of a decision's reason."""
    name = cause(decision.verdict, decision.reason).upper()
    return ReasonClass.__members__.get(name, ReasonClass.OTHER)
