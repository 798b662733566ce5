from __future__ import annotations

from dataclasses import replace

from cloud.registry.cells import Box
from cloud.registry.database import SqlRegistry
from cloud.registry.port import Admission
from tests.cloud.registry.conftest import SetClock
from tests.cloud.registry.test_devices import birth

PHAN_THIET = Box(108.0, 10.8, 108.3, 11.1)


def test_devices_are_counted_by_cell_and_found_in_a_box(registry: SqlRegistry) -> None:
    places = {"sl-1": (10.93, 108.1), "sl-2": (10.931, 108.101), "wm-3": (11.5, 107.0)}
    registry.devices_born(
        [
            replace(birth(each), latitude=latitude, longitude=longitude)
            for each, (latitude, longitude) in places.items()
        ]
        + [replace(birth("sl-4"), latitude=None, longitude=None)]
    )
    registry.device_died("sl-2", time_ms=20)
    [cell] = registry.map_cells(10, PHAN_THIET)
    assert (cell.device_class, cell.count, cell.online) == ("streetlight", 2, 1)
    assert abs(cell.latitude - 10.9305) < 1e-6
    assert sum(each.count for each in registry.map_cells(10)) == 3
    assert len(registry.map_cells(18, PHAN_THIET)) == 2
    assert {each.id for each in registry.devices_in(PHAN_THIET)} == {"sl-1", "sl-2"}
    assert registry.devices_in(PHAN_THIET, device_class="water_meter") == []
    assert len(registry.devices_in(PHAN_THIET, limit=1)) == 1


def test_what_has_changed_is_told_in_pages(registry: SqlRegistry, clock: SetClock) -> None:
    clock.ms = 100
    registry.devices_born([birth("sl-1"), birth("sl-2"), birth("sl-3")])
    clock.ms = 200
    registry.device_died("sl-2", time_ms=20)
    registry.set_admission("sl-3", Admission.ACCEPTED, by="test")
    found, after = registry.devices_changed(since_ms=150)
    assert [(each.id, each.online, each.admission) for each in found] == [
        ("sl-2", False, Admission.DISCOVERED),
        ("sl-3", True, Admission.ACCEPTED),
    ]
    assert after is None
    pages = []
    while True:
        page, after = registry.devices_changed(since_ms=0, after=after, limit=2)
        pages += [each.id for each in page]
        if after is None:
            break
    assert pages == ["sl-1", "sl-2", "sl-3"]
    clock.ms = 300
    registry.all_offline(time_ms=300)
    assert [each.id for each in registry.devices_changed(since_ms=300)[0]] == ["sl-1", "sl-3"]


def test_progress_of_rollups_never_goes_back(registry: SqlRegistry) -> None:
    assert registry.rollup_progress() == {}
    for until_ms in (10, 30, 20):
        registry.set_rollup_progress("1h", until_ms)
    registry.set_rollup_progress("1d", 5)
    assert registry.rollup_progress() == {"1h": 30, "1d": 5}


def test_a_late_mark_grows_and_goes_only_as_it_was_seen(registry: SqlRegistry) -> None:
    registry.mark_late({"b": (10, 20), "a": (0, 5)})
    registry.mark_late({"b": (15, 30)})
    first, second = registry.late_ranges()
    assert (first.device, first.start_ms, first.end_ms) == ("a", 0, 5)
    assert (second.start_ms, second.end_ms) == (10, 30)
    registry.mark_late({"b": (8, 9)})
    registry.late_done([first, second])
    [left] = registry.late_ranges()
    assert (left.device, left.start_ms, left.end_ms) == ("b", 8, 30)
    assert registry.late_ranges(devices=["a"]) == []
    assert registry.late_ranges(after="b") == []
