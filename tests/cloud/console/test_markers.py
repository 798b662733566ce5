"""Rows of the map and the lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.console.board import Board
from cloud.console.client import Event
from cloud.console.markers import (
    changed_rows,
    find_devices,
    marker_rows,
    needing_attention,
    plain,
    tooltip_lines,
)
from cloud.console.texts import Words
from tests.cloud.console.test_board import alarm, device, reading, snapshot


@pytest.fixture
def board() -> Board:
    board = Board()
    board.load(
        snapshot(
            device("sl-1", title="Cột đèn 1, Lê Duẩn"),
            device("sl-2", title="Cột đèn 2, Đường Hùng Vương", state="offline"),
            device("sl-3", admission="discovered", state="stale"),
            device("sl-4", latitude=None, longitude=None),
            alarms=(alarm(1, "sl-1"), alarm(2, "sl-1", severity="critical", state="acknowledged")),
        )
    )
    return board


def test_markers_tell_state_alarms_and_admission(board: Board) -> None:
    assert marker_rows(board) == [
        ["sl-1", 108.1, 10.9, 0, 4, 1, 0, "streetlight", "Cột đèn 1, Lê Duẩn"],
        ["sl-2", 108.1, 10.9, 2, 0, 0, 0, "streetlight", "Cột đèn 2, Đường Hùng Vương"],
        ["sl-3", 108.1, 10.9, 1, 0, 0, 1, "streetlight", "sl-3"],
    ]


def test_changes_are_told_without_names(board: Board) -> None:
    assert changed_rows(board, ["sl-2", "sl-4", "nobody"]) == [["sl-2", 108.1, 10.9, 2, 0, 0, 0]]


def test_the_tooltip_doubts_what_is_doubtful(board: Board) -> None:
    board.apply(reading("sl-1", power_active=61.54))
    vi = tooltip_lines(board, board.devices["sl-1"], Words("vi"))
    assert vi == ["Đèn đường · Trực tuyến", "Công suất: 61,5", "hỏng", "hỏng"]
    board.apply(reading("sl-1", quality=0, power_active=9999))
    en = tooltip_lines(board, board.devices["sl-1"], Words("en"))
    assert en[1] == "Power: 9,999.0 (bad)"


def test_a_device_of_a_class_that_nobody_knows_has_a_tooltip(board: Board) -> None:
    board.devices["sl-1"].device_class = "generic"
    assert tooltip_lines(board, board.devices["sl-1"], Words("en"))[0] == "generic · Online"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("le duan", ["sl-1"]),
        ("HUNG vuong den", ["sl-2"]),
        ("sl-3", ["sl-3"]),
        ("đường", ["sl-2"]),
        ("xe", []),
    ],
)
def test_search_wants_neither_case_nor_accents(board: Board, wanted: str, found: list[str]) -> None:
    assert [each.id for each in find_devices(board, wanted, 10)[0]] == found


def test_search_tells_how_many_there_are(board: Board) -> None:
    some, count = find_devices(board, "sl", 2)
    assert (len(some), count) == (2, 4)


def test_the_worst_comes_first(board: Board) -> None:
    assert [each.id for each in needing_attention(board, 10)[0]] == ["sl-1", "sl-2", "sl-3"]
    board.apply(Event("device", {"id": "sl-2", "state": "online"}))
    assert needing_attention(board, 1)[1] == 2


@given(st.text(alphabet="aăâeêioôơuưyđ áàảãạấờữựế", max_size=20))
def test_plain_text_is_ascii_and_stays_plain(text: str) -> None:
    assert plain(text).isascii()
    assert plain(plain(text)) == plain(text)
