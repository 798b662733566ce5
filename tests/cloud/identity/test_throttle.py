"""How often somebody may try to log in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.identity.throttle import ACCOUNT_RATE, ADDRESS_RATE, FREE_TRIES, LONGEST_WAIT_S, Throttle


class SetTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_waits_double_up_to_the_longest() -> None:
    time = SetTime()
    throttle = Throttle(time)
    waits = []
    for _ in range(20):
        throttle.failed("lan", "10.0.0.1")
        waits.append(throttle.wait_s("lan", "10.0.0.1"))
        time.now += waits[-1]
    assert waits[: FREE_TRIES + 3] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert max(waits) == LONGEST_WAIT_S


def test_success_begins_anew() -> None:
    throttle = Throttle(SetTime())
    for _ in range(FREE_TRIES):
        throttle.failed("lan", "10.0.0.1")
    assert throttle.wait_s("lan", "10.0.0.1") > 0
    throttle.succeeded("lan", "10.0.0.1")
    assert throttle.wait_s("lan", "10.0.0.1") == 0


def test_others_do_not_wait_for_one_who_guesses() -> None:
    throttle = Throttle(SetTime())
    for _ in range(FREE_TRIES + 5):
        throttle.failed("lan", "10.0.0.1")
    assert throttle.wait_s("lan", "10.0.0.2") == 0
    assert throttle.wait_s("minh", "10.0.0.1") == 0


def test_many_addresses_cannot_guess_one_account() -> None:
    throttle = Throttle(SetTime())
    for number in range(int(ACCOUNT_RATE[0])):
        throttle.failed("lan", f"10.0.0.{number}")
    assert throttle.wait_s("lan", "10.9.9.9") > 0
    assert throttle.wait_s("minh", "10.9.9.9") == 0


def test_one_address_cannot_guess_many_accounts() -> None:
    throttle = Throttle(SetTime())
    for number in range(int(ADDRESS_RATE[0])):
        throttle.failed(f"user-{number}", "10.0.0.1")
    assert throttle.wait_s("somebody", "10.0.0.1") > 0
    assert throttle.wait_s("somebody", "10.0.0.2") == 0


def test_an_hour_later_all_is_forgotten() -> None:
    time = SetTime()
    throttle = Throttle(time)
    for _ in range(FREE_TRIES + 3):
        throttle.failed("lan", "10.0.0.1")
    time.now += 3601
    throttle.failed("lan", "10.0.0.1")
    assert throttle.wait_s("lan", "10.0.0.1") == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.floats(0, 2000)), max_size=200))
def test_every_wait_ends(tries: list[tuple[str, str, float]]) -> None:
    time = SetTime()
    throttle = Throttle(time)
    for account, address, pause in tries:
        throttle.failed(account, address)
        time.now += pause
    for account, address, _ in tries:
        wait = throttle.wait_s(account, address)
        assert 0 <= wait <= LONGEST_WAIT_S
        time.now += wait + 1e-6
        assert throttle.wait_s(account, address) == 0


def test_memory_is_bounded() -> None:
    throttle = Throttle(SetTime())
    for number in range(10_050):
        throttle.failed(f"user-{number}", f"10.0.{number}")
    assert len(throttle._pairs) == 10_000
    assert len(throttle._buckets) == 10_000
