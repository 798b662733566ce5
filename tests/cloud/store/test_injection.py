"""Names and texts from outside are data to a real InfluxDB, whatever they hold."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.store import open_store
from cloud.store.checks import fault
from cloud.store.port import Sample, Scan
from cloud.store.rollups import HOUR_MS, Tier, rollups_of
from tests.servers import InfluxDB1

BEGIN = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS - 3 * HOUR_MS
NASTY = st.text(st.sampled_from("\"'\\;,= \n\t-*/.(){}[]|$%ađ\U0001f4a1"), min_size=1, max_size=10)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(device=st.one_of(NASTY, st.text(min_size=1, max_size=8)), gateway=NASTY, text=st.text(max_size=20))
def test_what_was_written_is_read_back_and_nothing_else(
    influxdb1: InfluxDB1, device: str, gateway: str, text: str
) -> None:
    store = open_store(f"influx1://127.0.0.1:{influxdb1.port}/injection")
    name = f"{time.monotonic_ns()}{device}"
    scan = Scan("generic", "p060", gateway, name, BEGIN, {"level": 4.5, "note": text})
    if fault(scan):
        assert [each.scan for each in store.write([scan])] == [scan]
        assert store.latest([name]) == {}
    else:
        assert list(store.write([scan])) == []
        assert store.latest([name]) == {name: {"level": Sample(BEGIN, 4.5), "note": Sample(BEGIN, text)}}
        assert store.series(name, "note", 0, 10**13) == [Sample(BEGIN, text)]
        assert store.count(0, 10**13, [name]) == 2
        rollups = rollups_of(store)
        assert rollups is not None
        assert rollups.roll_up(Tier.HOUR, BEGIN, BEGIN + HOUR_MS, [name]) == 1
        [(_, summary)] = rollups.summaries(name, "note", Tier.HOUR, BEGIN, BEGIN + HOUR_MS)
        assert summary.last == text
    store.close()


@pytest.mark.parametrize(
    "field", ["x'; DROP DATABASE injection; --", 'a" FROM y; --', "a\\", "time", "", "*"]
)
def test_a_field_that_is_none_is_not_asked_as_code(influxdb1: InfluxDB1, field: str) -> None:
    store = open_store(f"influx1://127.0.0.1:{influxdb1.port}/injection")
    store.write([Scan("generic", "p", "g", "keeps", BEGIN, {"level": 1.0})])
    assert store.series("keeps", field, 0, 10**13) == []
    assert store.series("keeps", "level", 0, 10**13) == [Sample(BEGIN, 1.0)]
    store.close()
