"""Roll-ups: the same on every store that keeps them, and equal to what the values themselves say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.store import open_store
from cloud.store.port import Aggregate, Sample, Scan, Store
from cloud.store.rollups import (
    DAY_MS,
    HOUR_MS,
    Summary,
    Tier,
    combine,
    rollups_of,
    summarise,
    summarise_samples,
    value_of,
)
from telemetry.readings import Quality, Value
from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1, VictoriaMetrics

DAY = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 5 * DAY_MS

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.text(max_size=3),
)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=8), min_size=1, max_size=6))
def test_parts_combined_are_what_the_whole_is(parts: list[list[Value]]) -> None:
    found = [summary for part in parts if (summary := summarise(part)) is not None]
    whole = summarise([value for part in parts for value in part])
    together = combine(found)
    assert whole is not None
    assert together._replace(total=None) == whole._replace(total=None)
    if whole.total is not None:
        assert together.total == pytest.approx(whole.total, rel=1e-12, abs=1e-6)


def test_a_sum_that_no_float_holds_is_none() -> None:
    summary = summarise([1.7e308, 1.7e308])
    assert summary is not None
    assert (value_of(summary, Aggregate.SUM), value_of(summary, Aggregate.MAX)) == (None, 1.7e308)


@pytest.fixture(params=["sqlite", "influx1", "influx2"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, influxdb1: InfluxDB1, v2_front: V2Front
) -> Iterator[Store]:
    name = f"r{time.monotonic_ns()}"
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path}/store.db")
    elif request.param == "influx1":
        opened = open_store(f"influx1://127.0.0.1:{influxdb1.port}/{name}")
    else:
        token = tmp_path / "token"
        token.write_text("secret")
        v2_front.create(name)
        v2_front.create(f"{name}_rollups")
        opened = open_store(f"influx2+{v2_front.url}/?bucket={name}&org=kega&token_file={token}")
    yield opened
    opened.close()


def scan(device: str, time_ms: int, fields: dict[str, Value], **quality: Quality) -> Scan:
    return Scan("streetlight", "p060", "eg-1", device, time_ms, fields, quality)


def fill(store: Store) -> None:
    """Two days of two devices, with a gap, bad values, a switch, a counter and a text."""
    scans = []
    for device in ("sl-1", "sl-2"):
        for step in range(0, 2 * DAY_MS, 20 * 60_000):
            if 5 * HOUR_MS <= step < 7 * HOUR_MS:
                continue
            fields: dict[str, Value] = {
                "power_active": (step // 60_000 % 97) / 7,
                "energy_total": step // 1000,
                "lamp_on": step % 3 == 0,
                "lamp_program": f"p{step // HOUR_MS}",
            }
            is_bad = step % (11 * 60_000) == 0
            quality = {"power_active": Quality.BAD} if is_bad else {}
            scans.append(scan(device, DAY + step, fields, **quality))
    assert list(store.write(scans)) == []


FIELDS = ("power_active", "energy_total", "lamp_on", "lamp_program")


def of_values(store: Store, device: str, field: str, every_ms: int) -> list[tuple[int, Summary]]:
    return summarise_samples(store.series(device, field, DAY, DAY + 2 * DAY_MS), every_ms)


def close(left: list[tuple[int, Summary]], right: list[tuple[int, Summary]]) -> bool:
    return [(at, each._replace(total=None)) for at, each in left] == [
        (at, each._replace(total=None)) for at, each in right
    ] and all(a.total == pytest.approx(b.total) for (_, a), (_, b) in zip(left, right, strict=True))


def test_hours_and_days_are_what_the_values_say(store: Store) -> None:
    fill(store)
    rollups = rollups_of(store)
    assert rollups is not None
    assert rollups.oldest_ms() == DAY
    for _ in range(2):  # a repetition changes nothing
        assert rollups.roll_up(Tier.HOUR, DAY, DAY + 2 * DAY_MS) == 2
        assert rollups.roll_up(Tier.DAY, DAY, DAY + 2 * DAY_MS) == 2
    for device in ("sl-1", "sl-2"):
        for field in FIELDS:
            for tier in Tier:
                found = rollups.summaries(device, field, tier, DAY, DAY + 2 * DAY_MS)
                assert close(found, of_values(store, device, field, tier.every_ms)), (field, tier)
                for (_, each), (_, wanted) in zip(
                    found, of_values(store, device, field, tier.every_ms), strict=True
                ):
                    assert [type(part) for part in each] == [type(part) for part in wanted]
    assert len(rollups.summaries("sl-1", "power_active", Tier.HOUR, DAY, DAY + DAY_MS)) == 22
    assert rollups.summaries("sl-1", "power_active", Tier.HOUR, DAY + HOUR_MS, DAY + 2 * HOUR_MS)[0][0] == (
        DAY + HOUR_MS
    )
    assert rollups.summaries("nobody", "power_active", Tier.HOUR, DAY, DAY + DAY_MS) == []


def test_late_values_change_their_intervals_when_these_are_made_again(store: Store) -> None:
    fill(store)
    rollups = rollups_of(store)
    assert rollups is not None
    rollups.roll_up(Tier.HOUR, DAY, DAY + 2 * DAY_MS)
    late = [scan("sl-1", DAY + 5 * HOUR_MS + step, {"power_active": 500.0}) for step in range(3)]
    assert list(store.write([*late, scan("sl-2", DAY + 5 * HOUR_MS, {"power_active": 1.0})])) == []
    window = (DAY + 5 * HOUR_MS, DAY + 6 * HOUR_MS)
    assert rollups.roll_up(Tier.HOUR, *window, ["sl-1"]) == 1
    [(begin, summary)] = rollups.summaries("sl-1", "power_active", Tier.HOUR, *window)
    assert (begin, summary.values, summary.maximum) == (window[0], 3, 500.0)
    assert rollups.summaries("sl-2", "power_active", Tier.HOUR, *window) == []


def test_only_bad_values_make_no_rollup(store: Store) -> None:
    assert list(store.write([scan("sl-1", DAY, {"power_active": None})])) == []
    rollups = rollups_of(store)
    assert rollups is not None
    assert rollups.roll_up(Tier.HOUR, DAY, DAY + HOUR_MS) == 0


def test_an_empty_store_has_nothing_to_roll_up(store: Store) -> None:
    rollups = rollups_of(store)
    assert rollups is not None
    assert rollups.oldest_ms() is None
    assert rollups.roll_up(Tier.DAY, DAY, DAY + DAY_MS) == 0


def test_rollups_do_not_show_among_the_values(store: Store) -> None:
    fill(store)
    before = store.latest(), store.count(0, 10**13)
    rollups = rollups_of(store)
    assert rollups is not None
    rollups.roll_up(Tier.HOUR, DAY, DAY + DAY_MS)
    assert (store.latest(), store.count(0, 10**13)) == before


def test_victoriametrics_keeps_none(victoria_metrics: VictoriaMetrics) -> None:
    store = open_store(f"influx2+{victoria_metrics.url}/?bucket=kega&org=kega")
    assert rollups_of(store) is None
    store.close()


def test_samples_without_a_good_value_have_no_summary() -> None:
    assert summarise_samples([Sample(0, 1.0, Quality.BAD), Sample(1, None, Quality.STALE)], 10) == []
