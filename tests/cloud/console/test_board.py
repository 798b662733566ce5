"""The live picture, kept by snapshots and events."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloud.console.board import Board, Snapshot, Watch
from cloud.console.client import Event
from cloud.console.models import Alarm, ClassInfo, Command, Device, Gateway, LatestReading

LAMPS = ClassInfo.model_validate(
    {
        "class": "streetlight",
        "title": {"vi": "Đèn đường", "en": "Streetlight"},
        "points": [
            {
                "field": "power_active",
                "metric": "Power/Active",
                "type": "double",
                "title": {"vi": "Công suất", "en": "Power"},
                "headline": True,
            }
        ],
    }
)


def device(name: str, **fields: Any) -> Device:
    told = {"id": name, "class": "streetlight", "title": name, "latitude": 10.9, "longitude": 108.1}
    return Device.model_validate({**told, "state": "online", **fields})


def alarm(number: int, name: str, **fields: Any) -> dict[str, Any]:
    told = {"id": number, "device": name, "severity": "major", "state": "raised", "raised_ms": number}
    return {**told, "text": {"vi": "hỏng", "en": "broken"}, **fields}


def snapshot(*devices: Device, alarms: tuple[dict[str, Any], ...] = (), latest: Any = ()) -> Snapshot:
    return Snapshot(
        classes=(LAMPS,),
        gateways=(Gateway(id="eg-1", online=True),),
        devices=devices,
        alarms=tuple(Alarm.model_validate(told) for told in alarms),
        latest=tuple(LatestReading.model_validate(told) for told in latest),
    )


def reading(name: str, time_ms: int = 5, quality: int = 192, **fields: Any) -> Event:
    told = {field: {"value": value, "quality": quality} for field, value in fields.items()}
    return Event("reading", {"device": name, "class": "streetlight", "time_ms": time_ms, "fields": told})


def looked_at(board: Board) -> Watch:
    watch = board.watch()
    watch.take()
    return watch


def test_a_new_watch_has_everything_to_see() -> None:
    seen = Board().watch().take()
    assert seen.reset
    assert seen.alarms


def test_a_snapshot_fills_the_board_without_retired_devices() -> None:
    board = Board()
    board.load(snapshot(device("sl-1"), device("sl-2", admission="retired"), alarms=(alarm(1, "sl-1"),)))
    assert list(board.devices) == ["sl-1"]
    assert [each.id for each in board.alarms_of("sl-1")] == [1]
    assert board.counts() == {"online": 1, "stale": 0, "offline": 0}


def test_the_same_snapshot_again_changes_nothing() -> None:
    board = Board()
    told = snapshot(device("sl-1"), alarms=(alarm(1, "sl-1"),))
    board.load(told)
    watch = looked_at(board)
    board.load(told)
    seen = watch.take()
    assert (seen.reset, seen.devices, seen.alarms) == (False, set(), False)


def test_a_snapshot_tells_only_what_changed() -> None:
    board = Board()
    board.load(snapshot(device("sl-1"), device("sl-2"), alarms=(alarm(1, "sl-1"),)))
    watch = looked_at(board)
    board.load(snapshot(device("sl-1"), device("sl-2", state="offline")))
    seen = watch.take()
    assert (seen.reset, seen.devices, seen.alarms) == (False, {"sl-1", "sl-2"}, True)


def test_new_and_vanished_devices_reset_the_map() -> None:
    board = Board()
    board.load(snapshot(device("sl-1")))
    watch = looked_at(board)
    board.load(snapshot(device("sl-1"), device("sl-2")))
    assert watch.take().reset
    board.load(snapshot(device("sl-2")))
    assert watch.take().reset


def test_headline_values_are_kept_the_newest_wins() -> None:
    board = Board()
    old = {
        "device": "sl-1",
        "fields": {"power_active": {"value": 1.0, "time_ms": 3}, "other": {"time_ms": 3}},
    }
    board.load(snapshot(device("sl-1"), latest=(old,)))
    assert board.devices["sl-1"].headline["power_active"].value == 1.0
    board.apply(reading("sl-1", 9, power_active=2.0, driver_temperature=50))
    board.apply(reading("sl-1", 7, power_active=3.0))
    assert board.devices["sl-1"].headline.keys() == {"power_active"}
    assert board.devices["sl-1"].headline["power_active"].value == 2.0


def test_only_the_device_in_focus_brings_all_its_values() -> None:
    board = Board()
    board.load(snapshot(device("sl-1"), device("sl-2")))
    watch = looked_at(board)
    watch.look_at("sl-1")
    board.apply(reading("sl-1", power_active=5, driver_temperature=50))
    board.apply(reading("sl-2", power_active=6))
    seen = watch.take()
    assert seen.readings.keys() == {"power_active", "driver_temperature"}
    assert seen.focus == "sl-1"
    assert watch.take().readings == {}


def test_a_truck_moves_by_good_positions_only() -> None:
    board = Board()
    board.load(snapshot(device("tr-1")))
    watch = looked_at(board)
    board.apply(reading("tr-1", 6, 0, position_latitude=0.0, position_longitude=0.0))
    assert board.devices["tr-1"].place == (10.9, 108.1)
    board.apply(reading("tr-1", 7, position_latitude=11.0, position_longitude=108.2))
    assert board.devices["tr-1"].place == (11.0, 108.2)
    assert watch.take().devices == {"tr-1"}


def test_a_device_without_a_place_of_its_own_keeps_the_one_it_reported() -> None:
    board = Board()
    truck = device("tr-1", latitude=None, longitude=None)
    board.load(snapshot(truck))
    board.apply(reading("tr-1", 7, position_latitude=11.0, position_longitude=108.2))
    board.load(snapshot(truck))
    assert board.devices["tr-1"].place == (11.0, 108.2)


def test_an_alarm_lives_from_raising_to_closing() -> None:
    board = Board()
    board.load(snapshot(device("sl-1")))
    watch = looked_at(board)
    board.apply(Event("alarm", alarm(1, "sl-1")))
    board.apply(Event("alarm", alarm(2, "sl-1", severity="critical")))
    assert [each.id for each in board.open_alarms()] == [2, 1]
    assert board.alarms_of("sl-1")[0].id == 2
    board.apply(Event("alarm", alarm(2, "sl-1", severity="critical", state="closed", active=False)))
    board.apply(Event("alarm", alarm(1, "sl-1", state="shelved")))
    assert board.open_alarms() == []
    assert board.alarms_of("sl-1") == []
    seen = watch.take()
    assert (seen.alarms, seen.devices) == (True, {"sl-1"})


def test_commands_reach_the_page_that_shows_their_device() -> None:
    board = Board()
    watch = looked_at(board)
    watch.look_at("sl-1")
    told = {"point": "lamp_on", "state": "sent", "asked_ms": 1, "expires_ms": 2}
    board.apply(Event("command", {"id": "c-1", "device": "sl-1", **told}))
    board.apply(Event("command", {"id": "c-2", "device": "sl-2", **told}))
    assert watch.take().commands.keys() == {"c-1"}


def test_commands_kept_are_bounded() -> None:
    board = Board()
    for number in range(700):
        told = {"id": str(number), "device": "sl-1", "point": "p", "state": "done"}
        board.keep_command(Command.model_validate({**told, "asked_ms": 1, "expires_ms": 2}))
    assert len(board.commands) == 500
    assert "699" in board.commands


def test_what_is_unknown_or_lost_asks_for_a_snapshot() -> None:
    for event in (
        reading("sl-9", power_active=1),
        Event("device", {"id": "sl-9", "state": "online"}),
        Event("gateway", {"id": "eg-9", "online": True}),
        Event("lost", {"count": 3}),
        Event("alarm", {"id": "no number"}),
        Event("reading", {"fields": 7}),
        Event("reading", {"device": "sl-1", "fields": {"power_active": {"value": [1]}}}),
    ):
        board = Board()
        board.load(snapshot(device("sl-1")))
        assert not board.incomplete
        board.apply(event)
        assert board.incomplete, event


def test_a_gateway_comes_and_goes() -> None:
    board = Board()
    board.load(snapshot(device("sl-1")))
    board.apply(Event("gateway", {"id": "eg-1", "online": False}))
    assert board.gateways == {"eg-1": False}
    assert not board.incomplete


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.sampled_from(["id", "device", "state", "fields", "time_ms", "severity", "online", "raised_ms"])


@given(
    st.sampled_from(["reading", "device", "gateway", "alarm", "command", "lost", "health", "new"]),
    st.dictionaries(KNOWN, JSON, max_size=8),
)
def test_no_event_breaks_the_board(kind: str, data: dict[str, Any]) -> None:
    board = Board()
    board.load(snapshot(device("sl-1"), alarms=(alarm(1, "sl-1"),)))
    board.apply(Event(kind, data))
    assert list(board.devices) == ["sl-1"]


STEPS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["raised", "acknowledged", "cleared", "closed", "shelved"])),
    max_size=20,
)


@given(STEPS)
def test_open_alarms_are_those_whose_newest_state_is_open(steps: list[tuple[int, str]]) -> None:
    board = Board()
    board.load(snapshot(device("sl-1")))
    newest = {}
    for number, state in steps:
        board.apply(Event("alarm", alarm(number, "sl-1", state=state)))
        newest[number] = state
    expected = {number for number, state in newest.items() if state in ("raised", "acknowledged", "cleared")}
    assert board.alarms.keys() == expected
    assert {each.id for each in board.alarms_of("sl-1")} == expected
