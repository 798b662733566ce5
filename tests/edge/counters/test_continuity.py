"""Counters that restart, wrap or are read wrong; quantities that cannot jump."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.counters.continuity import Pace, Total
from edge.counters.sink import Continuity
from edge.counters.store import COUNTS_FILE, CountStore, KeptTotal
from telemetry.readings import Batch, Quality, Reading, ValueType
from tests.edge.bus.gateways import MemorySink, gateway

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def told(counts: list[float], wraps_at: float | None = None) -> list[float | None]:
    total = Total()
    return [total.follow(count, 10.0 * at, wraps_at)[0] for at, count in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "wraps_at", "expected"),
    [
        ([10, 12, 12, 20], None, [10, 12, 12, 20]),
        ([100, 110, 0, 0, 5, 6], None, [100, 110, None, None, 115, 116]),
        ([100, 110, 0, 3, 4, 1, 1, 1], None, [100, 110, None, None, 114, None, None, 115]),
        ([100, 110, 0, 111], None, [100, 110, None, 111]),
        ([100, 101, 110, 90_000, 112], None, [100, 101, 110, None, 112]),
        ([100, 101, 102, 9e8, 5, 7e8, 3e9, 103], None, [100, 101, 102, None, None, None, None, 103]),
        ([100, 101, 102, 50_000, 50_001, 50_002], None, [100, 101, 102, None, None, 50_002]),
        ([65000, 65500, 20, 40], 65536, [65000, 65500, 65556, 65576]),
        ([30000, 20, 40, 41], 65536, [30000, None, None, 30041]),
    ],
    ids=[
        "grows", "restart", "two-restarts", "one-low-value", "one-high-value", "garbage", "leap-that-stays",
        "wraps", "restart-not-wrap",
    ],
)  # fmt: skip
def test_total_goes_on(counts: list[float], wraps_at: float | None, expected: list[float | None]) -> None:
    assert told(counts, wraps_at) == expected


def test_float_that_loses_its_last_digit_is_no_restart() -> None:
    assert told([16_777_216.0, 16_777_215.0, 16_777_217.0]) == [16_777_216.0, 16_777_216.0, 16_777_217.0]


def test_counter_that_is_faster_than_ever_is_believed_in_the_end() -> None:
    """A big main that stood still: 7 m³ between two readings, from one to the next."""
    counts = [5000.0, 5000.0, 5000.0, *(5000.0 + 7000 * number for number in range(1, 20))]
    values = told(counts)
    assert values[:3] == [5000.0, 5000.0, 5000.0]
    assert None in values[3:12]
    assert values[12:] == counts[12:]


@given(st.lists(st.floats(0, 4e9), min_size=4, max_size=9))
def test_few_wrong_values_add_nothing(garbage: list[float]) -> None:
    total = Total()
    for at in range(20):
        total.follow(1_000_000.0 + at, 10.0 * at, None)
    for at, value in enumerate(garbage, start=20):
        total.follow(value, 10.0 * at, None)
    wrong = total.offset or (total.last or 0) > 1_020_000
    believable = any(
        0 <= later - one <= 20_000 and 0 <= last - later <= 20_000
        for one, later, last in zip(garbage, garbage[1:], garbage[2:], strict=False)
    )
    assert not wrong or believable


@given(st.lists(st.lists(st.integers(1, 1000), min_size=3, max_size=6), min_size=1, max_size=5))
def test_total_never_falls_and_loses_nothing_over_restarts(lives: list[list[int]]) -> None:
    """Each life counts up from 0 and is asked often enough to be seen at 0."""
    total, expected, last, now = Total(), 0.0, 0.0, 0.0
    for steps in lives:
        count = 0
        for _ in range(3):
            now += 10
            total.follow(0, now, None)
        for step in steps:
            count += step
            now += 10
            value, _ = total.follow(count, now, None)
            assert value is not None
            assert value >= last
            last = value
        expected += count
    assert last == expected


def test_jump_is_believed_when_it_stays() -> None:
    pace = Pace(max_rate=10)
    assert pace.follow(100, 0) == ""
    assert pace.follow(105, 1) == ""
    assert "faster than 10" in pace.follow(900, 2)
    assert pace.follow(106, 3) == ""
    assert [bool(pace.follow(value, 4 + at)) for at, value in enumerate((900, 903, 901))] == [
        True,
        True,
        False,
    ]
    assert pace.follow(905, 8) == ""


def reading(metric: str, value: Any, time_ms: int, kind: ValueType = ValueType.INT64) -> Reading:
    return Reading("ws-000001", metric, kind, value, time_ms)


def station(profile: str = "ecowitt_wn90lp") -> Any:
    bus = {"id": "line", "kind": "modbus-tcp", "host": "127.0.0.1", "port": 1}
    instrument = {"profile": profile, "bus": "line"}
    return gateway([bus], [{"id": "ws-000001", "class": "weather_station", "instruments": [instrument]}])


async def values(continuity: Continuity, sink: MemorySink, counts: list[int]) -> list[tuple[Any, Quality]]:
    for at, count in enumerate(counts):
        await continuity.accept(Batch("ws-000001", (reading("Rain/Total", count, 1_000_000 + 10_000 * at),)))
    return [(each.value, each.quality) for batch in sink.batches for each in batch.readings]


async def test_rain_goes_on_after_a_power_loss_and_over_restarts_of_the_gateway(tmp_path: Path) -> None:
    store, sink = CountStore.opened(tmp_path / COUNTS_FILE), MemorySink()
    continuity = Continuity(sink, store)
    continuity.watch(station())
    good, bad = Quality.GOOD, Quality.BAD
    assert await values(continuity, sink, [500, 520, 0, 0, 7, 8]) == [
        (500, good), (520, good), (0, bad), (0, bad), (527, good), (528, good),
    ]  # fmt: skip
    await continuity.close()
    store.close()
    again, later = CountStore.opened(tmp_path / COUNTS_FILE), MemorySink()
    continuity = Continuity(later, again)
    continuity.watch(station())
    assert await values(continuity, later, [9]) == [(529, good)]
    again.close()


async def test_counter_of_16_bits_wraps_at_its_own_end() -> None:
    """0.01 mm in 16 bits end at 655.36 mm: a wet week."""
    sink = MemorySink()
    continuity = Continuity(sink, CountStore(None))
    continuity.watch(station())
    assert [value for value, _ in await values(continuity, sink, [65_500, 65_530, 4])] == [
        65_500,
        65_530,
        65_540,
    ]


async def test_devices_without_counters_and_doubtful_values_pass_unchanged() -> None:
    sink = MemorySink()
    continuity = Continuity(sink, CountStore(None))
    continuity.watch(station())
    doubtful = Reading("ws-000001", "Rain/Total", ValueType.INT64, None, 1, Quality.STALE, "silent")
    strange = Batch("aq-000001", (reading("Air/PM10", 3.0, 1, ValueType.DOUBLE),))
    await continuity.accept(Batch("ws-000001", (doubtful,)))
    await continuity.accept(strange)
    assert await continuity.keep(strange)
    await continuity.device_up("ws-000001")
    await continuity.device_down("ws-000001", "silent")
    assert sink.batches[0].readings == (doubtful,)
    assert sink.batches[1] is strange
    assert sink.events == [("up", "ws-000001"), ("down", "ws-000001")]


async def test_level_that_jumps_is_bad_until_it_stays() -> None:
    bus = {"id": "line", "kind": "serial", "port": "/dev/null"}
    drain = {
        "id": "ws-000001",
        "class": "water_meter",
        "instruments": [{"profile": "a02yyuw_level", "bus": "line"}],
    }
    sink = MemorySink()
    continuity = Continuity(sink, CountStore(None))
    continuity.watch(gateway([bus], [drain]))
    for at, level in enumerate((-2.0, -2.1, -0.1, -2.1, -3.9, -3.9, -3.9)):
        batch = Batch("ws-000001", (reading("Water/Level", level, at * 1000, ValueType.DOUBLE),))
        await continuity.accept(batch)
    qualities = [batch.readings[0].quality is Quality.GOOD for batch in sink.batches]
    assert qualities == [True, True, False, True, False, False, True]


def test_damaged_file_is_set_aside_and_counting_goes_on(tmp_path: Path) -> None:
    file = tmp_path / COUNTS_FILE
    file.write_bytes(b"garbage" * 1000)
    store = CountStore.opened(file)
    store.keep_totals([KeptTotal("ws-000001", "Rain/Total", 5, 7)])
    assert store.totals() == [KeptTotal("ws-000001", "Rain/Total", 5, 7)]
    store.close()
    assert [each.suffix.startswith(".damaged-") for each in sorted(tmp_path.iterdir()) if each != file] == [
        True
    ]
