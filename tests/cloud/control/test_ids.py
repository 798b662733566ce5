from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.control.ids import new_id


@given(first=st.integers(0, 2**48 - 2), later=st.integers(1, 10**9))
def test_ids_sort_by_age(first: int, later: int) -> None:
    assert new_id(first) < new_id(min(first + later, 2**48 - 1))


def test_ids_of_one_moment_differ_and_are_short_plain_words() -> None:
    ids = {new_id(1_800_000_000_000) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 26 and each.isalnum() and each.isupper() for each in ids)
