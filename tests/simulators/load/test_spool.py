"""What is not acknowledged goes out again, within the window; nothing but an acknowledgement deletes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulators.load.spool import FIRST_S, WINDOW, Spool
from telemetry.sparkplug.ack import Ack, make_ack

EPOCH = "0badcafe"


def test_a_live_batch_is_sent_again_after_five_seconds_and_then_ever_later() -> None:
    spool = Spool(EPOCH, 100)
    spool.session_began(0.0)
    spool.went_live(spool.add(0, 1, 0.0), 0.0)
    times = [step / 4 for step in range(400) if list(spool.again(step / 4))]
    assert times == [FIRST_S, FIRST_S + 10, FIRST_S + 30, FIRST_S + 70]


def test_a_new_session_sends_everything_again_as_far_as_the_window_reaches() -> None:
    spool = Spool(EPOCH, 1000)
    for number in range(200):
        spool.add(0, number, 0.0)
    spool.session_began(1.0)
    first = [batch.number for batch in spool.again(1.0)]
    assert first == list(range(1, WINDOW + 1))
    assert not list(spool.again(1.0))
    spool.acknowledged(make_ack(EPOCH, first[:10]))
    assert [batch.number for batch in spool.again(1.0)] == list(range(WINDOW + 1, WINDOW + 11))


def test_a_full_spool_gives_up_its_oldest_and_says_so() -> None:
    spool = Spool(EPOCH, 2)
    for number in range(5):
        spool.add(0, number, 0.0)
    spool.session_began(0.0)
    assert (len(spool), spool.evicted, [batch.number for batch in spool.again(0.0)]) == (2, 3, [4, 5])


def test_another_epoch_and_absurd_ranges_delete_nothing_that_they_do_not_name() -> None:
    spool = Spool(EPOCH, 10)
    for number in range(3):
        spool.add(0, number, 0.0)
    assert spool.acknowledged(Ack("deadbeef", ((1, 3),))) == []
    assert [batch.number for batch in spool.acknowledged(Ack(EPOCH, ((2, 10**18),)))] == [2, 3]
    assert len(spool) == 1


@given(st.lists(st.one_of(st.just("scan"), st.just("cut"), st.sets(st.integers(0, 40), max_size=20))))
def test_every_batch_is_acknowledged_in_the_end_whatever_happens(events: list[str | set[int]]) -> None:
    spool = Spool(EPOCH, 1000)
    now = made = 0.0
    acknowledged: set[int] = set()
    spool.session_began(now)
    for event in events:
        now += 1.0
        if event == "scan":
            made += 1
            spool.went_live(spool.add(0, int(now), now), now)
        elif event == "cut":
            spool.session_began(now)
        elif isinstance(event, set) and event:
            acknowledged |= {batch.number for batch in spool.acknowledged(make_ack(EPOCH, event))}
        assert sum(batch.is_again for batch in spool._batches.values()) == spool._on_the_way <= WINDOW
    for _ in range(1000):
        now += 400.0
        sent = [batch.number for batch in spool.again(now)]
        if sent:
            acknowledged |= {batch.number for batch in spool.acknowledged(make_ack(EPOCH, sent))}
    assert len(spool) == 0
    assert acknowledged == set(range(1, int(made) + 1))
