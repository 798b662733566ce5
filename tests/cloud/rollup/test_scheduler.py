"""Roll-ups made by rounds: restarts, late values, retention; and read where a range is long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloud.errors import RegistryUnavailable
from cloud.registry.database import SqlRegistry, open_registry
from cloud.rollup.history import History
from cloud.rollup.late import MarkingStore
from cloud.rollup.scheduler import Scheduler
from cloud.store import open_store
from cloud.store.port import Aggregate, Channel, Row, Sample, Scan, Store
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS, HOUR_MS, Rollups, Tier, rollups_of
from telemetry.readings import Quality

DAY = 20_500 * DAY_MS
FOREVER = Retention()


class SetClock:
    def __init__(self) -> None:
        self.ms = DAY + 3 * DAY_MS + 30 * 60_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = SetClock()
        self.registry: SqlRegistry = open_registry(f"sqlite:///{folder}/registry.db", self.clock)
        self.plain: Store = open_store(f"sqlite:///{folder}/store.db")
        self.store = MarkingStore(self.plain, self.registry, self.clock)
        found = rollups_of(self.store)
        assert found is not None
        self.rollups = found
        self.history = History(self.store, self.registry)

    def round(self, retention: Retention = FOREVER) -> tuple[int, int]:
        done = Scheduler(self.rollups, self.registry, retention).round(self.clock.ms)
        return done.hours, done.late_devices

    def close(self) -> None:
        self.plain.close()
        self.registry.close()

    def write(
        self, device: str, start_ms: int, end_ms: int, step_ms: int = 600_000, value: float = 1.5
    ) -> None:
        scans = [
            Scan(
                "streetlight",
                "p060",
                "eg-1",
                device,
                at,
                {"power_active": value + at % 7, "energy_total": at // 1000},
                {"power_active": Quality.BAD} if at % (13 * step_ms) == 0 else {},
            )
            for at in range(start_ms, end_ms, step_ms)
        ]
        assert list(self.store.write(scans)) == []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def same(left: Sequence[Sample], right: Sequence[Sample]) -> bool:
    return [each.time_ms for each in left] == [each.time_ms for each in right] and all(
        type(a.value) is type(b.value) and a.value == pytest.approx(b.value)
        for a, b in zip(left, right, strict=True)
    )


def check_equal(house: House, device: str, start_ms: int, end_ms: int) -> None:
    for every_ms in (HOUR_MS, 6 * HOUR_MS, DAY_MS):
        for aggregate in Aggregate:
            for field in ("power_active", "energy_total"):
                asked = (device, field, start_ms, end_ms)
                found = house.history.series(*asked, every_ms=every_ms, aggregate=aggregate)
                wanted = house.plain.series(*asked, every_ms=every_ms, aggregate=aggregate)
                assert same(found, wanted), (every_ms, aggregate, field)


def test_a_long_range_is_the_same_from_rollups(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.round()
    check_equal(house, "sl-1", DAY, house.clock.ms)
    check_equal(house, "sl-1", DAY + 1234, house.clock.ms - 4321)
    check_equal(house, "sl-1", DAY - 10 * DAY_MS, DAY + 5 * DAY_MS)
    assert house.history.series("nobody", "power_active", DAY, DAY + DAY_MS, every_ms=HOUR_MS) == []


def test_it_is_read_from_rollups_and_not_from_values(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.round()
    gone = Retention(raw_days=1)
    expire(house, gone)
    assert house.plain.series("sl-1", "power_active", DAY, DAY + DAY_MS) == []
    found = house.history.series(
        "sl-1", "energy_total", DAY, DAY + 3 * DAY_MS, every_ms=DAY_MS, aggregate=Aggregate.MAX
    )
    assert [each.value for each in found] == [(DAY + (n + 1) * DAY_MS - 600_000) // 1000 for n in range(3)]


def expire(house: House, retention: Retention) -> None:
    from cloud.store.sqlite import SqliteStore
    from cloud.store.sqlite_retention import SqliteExpiry

    assert isinstance(house.plain, SqliteStore)
    house.plain.set_retention(retention)
    SqliteExpiry(house.plain.file, pause=lambda _: None).expire(house.clock.ms)


def test_nothing_closed_is_done_twice_and_nothing_is_left_out(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    assert house.round() == (72, 1)  # three days of the past came at once: a late mark too
    assert house.round() == (0, 0)
    house.clock.ms += HOUR_MS
    assert house.round() == (1, 0)
    assert house.registry.rollup_progress() == {"1h": DAY + 73 * HOUR_MS, "1d": DAY + 3 * DAY_MS}


class Dying:
    """Roll-ups of a process that is killed after some calls."""

    def __init__(self, rollups: Rollups, calls: int) -> None:
        self._rollups = rollups
        self._calls = calls

    def oldest_ms(self) -> int | None:
        return self._rollups.oldest_ms()

    def summaries(self, *_: object) -> list[object]:
        raise AssertionError

    def roll_up(self, tier: Tier, start_ms: int, end_ms: int, devices: Sequence[str] | None = None) -> int:
        if self._calls == 0:
            raise KeyboardInterrupt
        self._calls -= 1
        return self._rollups.roll_up(tier, start_ms, end_ms, devices)


@pytest.mark.parametrize("calls", range(7))
def test_a_restart_at_any_point_loses_nothing(house: House, calls: int) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.write("sl-2", DAY + 5 * HOUR_MS, DAY + 9 * HOUR_MS)
    with pytest.raises(KeyboardInterrupt):
        Scheduler(Dying(house.rollups, calls), house.registry, FOREVER).round(house.clock.ms)  # type: ignore[arg-type]
    house.round()
    for device in ("sl-1", "sl-2"):
        check_equal(house, device, DAY, house.clock.ms)


def test_late_values_are_told_at_once_and_rolled_up_again(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.round()
    house.write("sl-1", DAY + 30 * HOUR_MS + 7, DAY + 33 * HOUR_MS, value=900.0)
    assert [each.device for each in house.registry.late_ranges()] == ["sl-1"]
    check_equal(house, "sl-1", DAY, house.clock.ms)  # by values, for the roll-ups are old
    assert house.round() == (0, 1)
    assert house.registry.late_ranges() == []
    check_equal(house, "sl-1", DAY, house.clock.ms)


def test_what_comes_while_a_mark_is_worked_off_stays_marked(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.round()
    house.write("sl-1", DAY + 7, DAY + 8)

    class Slow(Dying):
        def roll_up(self, *asked: object) -> int:  # type: ignore[override]
            house.write("sl-1", DAY + 9, DAY + 10)
            return 0

    Scheduler(Slow(house.rollups, 0), house.registry, FOREVER).round(house.clock.ms)  # type: ignore[arg-type]
    assert len(house.registry.late_ranges()) == 1


def test_live_values_mark_nothing(house: House) -> None:
    house.write("sl-1", house.clock.ms - HOUR_MS // 2, house.clock.ms)
    assert house.registry.late_ranges() == []
    channel = Channel("streetlight", "p060", "eg-1", "sl-2", ("power_active",), (float,))
    house.store.write([Row(channel, house.clock.ms - 2 * HOUR_MS, [1.0])])
    [mark] = house.registry.late_ranges()
    assert (mark.device, mark.end_ms - mark.start_ms) == ("sl-2", 1)


def test_of_a_day_that_retention_takes_nothing_is_made_again(house: House) -> None:
    house.write("sl-1", DAY, house.clock.ms)
    house.round()
    before = house.rollups.summaries("sl-1", "energy_total", Tier.DAY, DAY, DAY + 3 * DAY_MS)
    kept = Retention(raw_days=2)
    expire(house, kept)
    house.registry.mark_late({"sl-1": (DAY, DAY + 2 * DAY_MS)})
    assert house.round(kept) == (0, 1)
    assert house.rollups.summaries("sl-1", "energy_total", Tier.DAY, DAY, DAY + 3 * DAY_MS) == before


def test_an_empty_store_waits(house: House) -> None:
    assert house.round() == (0, 0)
    assert house.registry.rollup_progress() == {}


def test_a_registry_that_does_not_answer_leaves_the_write_unconfirmed(house: House) -> None:
    class Gone:
        def mark_late(self, _: object) -> None:
            raise RegistryUnavailable("gone")

    store = MarkingStore(house.plain, Gone(), house.clock)
    scan = Scan("streetlight", "p060", "eg-1", "sl-1", DAY, {"power_active": 1.0})
    with pytest.raises(RegistryUnavailable):
        store.write([scan])
    assert house.store.write([scan]) == []
    assert len(house.registry.late_ranges()) == 1
