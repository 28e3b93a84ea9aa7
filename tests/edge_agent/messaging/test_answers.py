"""Which messages a broker may not have survived: it answers in order."""

from __future__ import annotations

from edge_agent.broker.packets import FAILURE
from edge_agent.messaging.mqtt.answers import Answers


def test_state_message_is_open_until_its_answer() -> None:
    answers = Answers()
    answers.asked()
    answers.published("state", 1)
    answers.answered(0)
    assert answers.open_streams == {"state"}
    answers.answered(0)
    assert answers.open_streams == set()


def test_message_without_an_answer_is_open_until_a_later_one_is_answered() -> None:
    answers = Answers()
    answers.asked()
    answers.published("health", 0)
    answers.answered(0)
    assert answers.open_streams == {"health"}
    answers.asked()
    answers.answered(0)
    assert answers.open_streams == set()


def test_connection_is_sound_that_accepted_something_and_refused_nothing() -> None:
    answers = Answers()
    assert not answers.is_sound
    answers.answered(0)
    assert answers.is_sound
    answers.answered(FAILURE)
    assert not answers.is_sound
