"""When a topic that takes nothing is asked again, and when it is for nobody."""

from __future__ import annotations

from itertools import pairwise

from edge_agent.messaging.mqtt.pause import PAUSE_MAX_S, Pause


def test_a_topic_is_asked_ever_more_seldom() -> None:
    pause = Pause.begun("quota exceeded", unheard=False, now_s=100.0)
    due_s = [pause.due_s]
    for _ in range(5):
        pause.refused_again("quota exceeded", unheard=False, now_s=due_s[-1])
        due_s.append(pause.due_s)
    assert [b - a for a, b in pairwise(due_s)] == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert pause.wait_s == PAUSE_MAX_S
    assert not pause.is_useless(1e9, 60)


def test_what_a_connection_said_of_subscribers_ends_with_it() -> None:
    pause = Pause.begun("nobody subscribes to it", unheard=True, now_s=100.0)
    pause.refused_again("nobody subscribes to it", unheard=True, now_s=130.0)
    assert (pause.is_useless(159.0, 60), pause.is_useless(160.0, 60)) == (False, True)
    pause.connected(200.0)
    assert not pause.is_useless(500.0, 60), "it was not asked yet"
    pause.refused_again("nobody subscribes to it", unheard=True, now_s=500.0)
    assert (pause.is_useless(559.0, 60), pause.is_useless(560.0, 60)) == (False, True)
    pause.refused_again("not authorized", unheard=False, now_s=570.0)
    assert not pause.is_useless(1e9, 60)
