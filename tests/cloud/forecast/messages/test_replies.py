"""What farmers answer, however they write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.forecast.crop.plot import Method
from cloud.forecast.messages.replies import Counted, Feedback, NotUnderstood, parse_reply


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DUNG 12", Feedback(True, 12)),
        ("  sai   7 ", Feedback(False, 7)),
        ("Đúng", Feedback(True, None)),
        ("ĐÚNG: 3", Feedback(True, 3)),
        ("RAY 320", Counted("brown_planthopper", Method.SCOUTING, 320, None)),
        ("bẫy đèn rầy nâu 320 con R12", Counted("brown_planthopper", Method.LIGHT_TRAP, 320, "R12")),
        ("BAY RAY LUNG TRANG 40", Counted("white_backed_planthopper", Method.LIGHT_TRAP, 40, None)),
        ("đạo ôn 5%", Counted("leaf_blast", Method.SCOUTING, 5, None)),
        ("dao on co bong 2,5 % R3", Counted("neck_blast", Method.SCOUTING, 2.5, "R3")),
        ("Ruồi 64 T1", Counted("fruit_fly", Method.TRAP, 64, "T1")),
        ("DEM SAU CUON LA 12", Counted("leaf_folder", Method.SCOUTING, 12, None)),
        ("Đốm nâu 12 phần trăm", Counted("dragon_fruit_brown_spot", Method.SCOUTING, 12, None)),
        ("ĐỐM NÂU LÚA 3%", Counted("brown_spot", Method.SCOUTING, 3, None)),
    ],
)
def test_what_is_understood(text: str, said: Feedback | Counted) -> None:
    assert parse_reply(text) == said


@pytest.mark.parametrize(
    "text",
    ["", "DUNG x", "RAY", "RAY nhiều lắm", "RAY 5%", "DAO ON 150%", "BAY DAO ON 5", "cam on", "x" * 500],
)
def test_what_is_not(text: str) -> None:
    assert isinstance(parse_reply(text), NotUnderstood)


@given(st.text(max_size=600))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(parse_reply(text), Feedback | Counted | NotUnderstood)


@given(right=st.booleans(), number=st.integers(0, 10**9 - 1), spaces=st.integers(1, 4))
def test_feedback_keeps_its_number(right: bool, number: int, spaces: int) -> None:
    word = "Đúng" if right else "sai"
    assert parse_reply(f"{word}{' ' * spaces}{number}") == Feedback(right, number)


@given(value=st.integers(0, 99_999), trap=st.booleans())
def test_counts_keep_their_value(value: int, trap: bool) -> None:
    said = parse_reply(f"{'BẪY ' if trap else ''}RẦY NÂU {value} R1")
    method = Method.LIGHT_TRAP if trap else Method.SCOUTING
    assert said == Counted("brown_planthopper", method, value, "R1")
