"""What stations are told after a commit."""

from __future__ import annotations

from deploy.history.arrivals import EventKey
from deploy.history.confirmations import EPOCHS_MAX, confirmations


def test_all_up_to_a_number_and_single_messages_above_it() -> None:
    keys = [EventKey("a", "1", k) for k in (3, 4, 7)] + [EventKey("b", "1", 9)]
    found = dict(confirmations(keys, {("a", "1"): 4, ("b", "1"): -1}))
    assert (found["a"].through, found["a"].event_ids) == (["a/1/4"], ["a/1/7"])
    assert (found["b"].through, found["b"].event_ids) == ([], ["b/1/9"])


def test_more_epochs_than_one_ack_holds_go_into_several() -> None:
    keys = [EventKey("a", str(k), 0) for k in range(EPOCHS_MAX + 5)]
    acks = [ack for _, ack in confirmations(keys, {("a", str(k)): 0 for k in range(200)})]
    assert [len(ack.through) for ack in acks] == [EPOCHS_MAX, 5]
