"""The live view: newest wins, whatever came first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.live.state import DeviceState, state_of
from cloud.live.view import WIRE_LEADS_MS, LiveView
from cloud.registry.port import Admission, DeviceRecord
from cloud.store.port import Sample, Scan
from telemetry.devices.library import Library
from telemetry.readings import Quality

NOW = 1_767_571_200_000
LAMP = DeviceRecord(
    id="sl-1",
    area="p060",
    gateway="eg-1",
    device_class="streetlight",
    title="",
    model="",
    latitude=None,
    longitude=None,
    admission=Admission.ACCEPTED,
    online=True,
    last_seen_ms=NOW,
)


@pytest.fixture
def view() -> LiveView:
    made = LiveView(Library.shipped().classes)
    made.load_devices([LAMP], NOW)
    return made


def scan(time_ms: int, value: float, device: str = "sl-1", quality: Quality = Quality.GOOD) -> Scan:
    bad = {} if quality is Quality.GOOD else {"power_active": quality}
    return Scan("streetlight", "p060", "eg-1", device, time_ms, {"power_active": value}, bad)


@pytest.mark.parametrize(
    ("online", "age_s", "state"),
    [
        (True, 0, DeviceState.ONLINE),
        (True, 90, DeviceState.ONLINE),
        (True, 90.001, DeviceState.STALE),
        (True, None, DeviceState.STALE),
        (True, -1e6, DeviceState.ONLINE),
        (False, 0, DeviceState.OFFLINE),
        (False, None, DeviceState.OFFLINE),
    ],
)
def test_state(online: bool, age_s: float | None, state: DeviceState) -> None:
    value_ms = None if age_s is None else NOW - int(age_s * 1000)
    assert state_of(online=online, value_ms=value_ms, expected_every_s=30, now_ms=NOW) is state


@given(st.permutations([(NOW - 3, 1.0), (NOW - 2, 2.0), (NOW - 1, 3.0), (NOW, 4.0)]), st.integers(0, 3))
def test_newest_time_wins_in_any_order(order: list[tuple[int, float]], stored: int) -> None:
    view = LiveView(Library.shipped().classes)
    view.load_devices([LAMP], NOW)
    for place, (time_ms, value) in enumerate(order):
        if place == stored:
            view.load_stored({"sl-1": {"power_active": Sample(time_ms, value)}})
        else:
            view.values(scan(time_ms, value), NOW)
    device = view.device("sl-1")
    assert device is not None
    assert device.fields["power_active"] == Sample(NOW, 4.0)
    assert (device.time_ms, device.value_ms) == (NOW, NOW)


def test_only_news_is_told(view: LiveView) -> None:
    told = view.values(scan(NOW, 5.0, quality=Quality.STALE), NOW)
    assert told is not None
    assert (told.device, told.device_class, told.gateway, told.time_ms) == (
        "sl-1",
        "streetlight",
        "eg-1",
        NOW,
    )
    assert told.fields == {"power_active": Sample(NOW, 5.0, Quality.STALE)}
    assert view.values(scan(NOW, 5.0), NOW) is None
    assert view.values(scan(NOW - 1, 6.0), NOW) is None


def test_clock_that_is_ahead_does_not_keep_a_device_fresh(view: LiveView) -> None:
    view.values(scan(NOW + 500_000, 5.0), NOW)
    device = view.device("sl-1")
    assert device is not None
    assert view.state_now(device, NOW + 90_000) is DeviceState.ONLINE
    assert view.state_now(device, NOW + 90_001) is DeviceState.STALE


def test_changes_are_told_once(view: LiveView) -> None:
    view.values(scan(NOW, 5.0), NOW)
    assert [(each.device, each.state) for each in view.changes(NOW)] == [("sl-1", DeviceState.ONLINE)]
    assert view.changes(NOW + 1) == []
    assert [each.state for each in view.changes(NOW + 91_000)] == [DeviceState.STALE]
    view.died("sl-1", NOW + 91_000)
    assert [each.state for each in view.changes(NOW + 91_001)] == [DeviceState.OFFLINE]
    view.born("sl-1", "eg-1", "streetlight", NOW + 92_000)
    view.values(scan(NOW + 92_000, 5.0), NOW + 92_000)
    assert [each.state for each in view.changes(NOW + 92_001)] == [DeviceState.ONLINE]


def test_death_of_a_gateway_is_the_death_of_its_devices_alone(view: LiveView) -> None:
    view.load_devices([replace(LAMP, id="sl-2", gateway="eg-2")], NOW)
    view.gateway_died("eg-1", NOW)
    assert {each.id: each.online for each in view.devices()} == {"sl-1": False, "sl-2": True}


def test_wire_leads_and_registry_heals(view: LiveView) -> None:
    view.died("sl-1", NOW)
    device = view.device("sl-1")
    assert device is not None
    view.load_devices([LAMP], NOW + WIRE_LEADS_MS)
    assert device.online is False
    view.load_devices([LAMP], NOW + WIRE_LEADS_MS + 1)
    assert device.online is True


def test_device_that_the_registry_has_not_told_of_yet(view: LiveView) -> None:
    assert view.values(scan(NOW, 5.0, device="sl-9"), NOW) is not None
    device = view.device("sl-9")
    assert device is not None
    assert (device.device_class, device.gateway, device.online) == ("streetlight", "eg-1", True)
    assert device.admission is Admission.DISCOVERED
    view.load_stored({"sl-404": {"power_active": Sample(NOW, 1.0)}})
    assert view.device("sl-404") is None


def test_bounds(view: LiveView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.live.view.MOST_FIELDS", 2)
    monkeypatch.setattr("cloud.live.view.MOST_DEVICES", 1)
    fields: dict[str, object] = {f"field_{number}": 1.0 for number in range(5)}
    view.values(replace(scan(NOW, 1.0), fields=fields), NOW)
    device = view.device("sl-1")
    assert device is not None
    assert len(device.fields) == 2
    assert view.values(scan(NOW, 1.0, device="sl-9"), NOW) is None
    view.load_devices([replace(LAMP, id="sl-8")], NOW)
    assert [each.id for each in view.devices()] == ["sl-1"]
