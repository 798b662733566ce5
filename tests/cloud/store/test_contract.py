"""What every store promises, asked of all of them.

These are SQLite, InfluxDB 1.6.7, VictoriaMetrics, and influxdb-client with InfluxQL (an InfluxDB 1.6.7 behind
a front that offers /api/v2/write, as 2.x does).
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.store import open_store
from cloud.store.port import Aggregate, Channel, Row, Sample, Scan, Store
from telemetry.readings import Quality, Value
from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1, VictoriaMetrics

MINUTE = 60_000
BEGIN = time.time_ns() // 1_000_000 // 3_600_000 * 3_600_000 - 2 * 3_600_000
"""A full hour, two hours ago: the stores keep only what their retention allows."""


@dataclass
class Subject:
    store: Store
    settle: Callable[[], None]
    """Makes what is written visible to queries."""
    only_numbers: bool = False
    prefix: str = ""
    """Device ids begin with it, so that tests which share a server do not meet."""

    def id(self, name: str) -> str:
        return self.prefix + name

    def write(self, *scans: Scan) -> None:
        assert list(self.store.write(scans)) == []
        self.settle()


def nothing() -> None:
    """Writes are visible at once."""


def unique() -> str:
    return f"t{time.monotonic_ns()}-"


@pytest.fixture(params=["sqlite", "influx1", "influx2", "victoria"])
def subject(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    influxdb1: InfluxDB1,
    v2_front: V2Front,
    victoria_metrics: VictoriaMetrics,
) -> Iterator[Subject]:
    match request.param:
        case "sqlite":
            subject = Subject(open_store(f"sqlite:///{tmp_path}/store.db"), nothing)
        case "influx1":
            url = f"influx1://127.0.0.1:{influxdb1.port}/{unique()}"
            subject = Subject(open_store(url), nothing)
        case "influx2":
            token = tmp_path / "token"
            token.write_text("secret\n")
            bucket = unique()
            v2_front.create(bucket)
            url = f"influx2+{v2_front.url}/?bucket={bucket}&org=kega&token_file={token}"
            subject = Subject(open_store(url), nothing)
        case _:
            flush = f"{victoria_metrics.url}/internal/force_flush"
            store = open_store(f"influx2+{victoria_metrics.url}/?bucket=kega&org=kega")
            subject = Subject(store, lambda: urllib.request.urlopen(flush).close(), True, unique())
    yield subject
    subject.store.close()


def scan(device: str, time_ms: int, fields: dict[str, Value], **quality: Quality) -> Scan:
    return Scan("streetlight", "p060", "eg-0001", device, time_ms, fields, quality)


def test_an_empty_store_has_nothing(subject: Subject) -> None:
    device = subject.id("sl-1")
    assert subject.store.latest([device]) == {}
    assert subject.store.series(device, "power_active", 0, BEGIN) == []
    assert subject.store.count(0, 10**13, [device]) == 0
    subject.store.ping()


def test_samples_come_back_in_order_within_the_range(subject: Subject) -> None:
    device = subject.id("sl-1")
    times = [BEGIN + step * MINUTE for step in (3, 0, 2, 1)]
    subject.write(*(scan(device, at, {"power_active": at / 1000}) for at in times))
    samples = subject.store.series(device, "power_active", BEGIN, BEGIN + 3 * MINUTE)
    assert samples == [Sample(at, at / 1000) for at in sorted(times)[:3]]
    assert all(type(sample.value) is float for sample in samples)
    assert subject.store.series(device, "power_active", BEGIN, BEGIN + 9 * MINUTE, limit=2) == [
        Sample(at, at / 1000) for at in sorted(times)[:2]
    ]


def test_types_are_kept(subject: Subject) -> None:
    device = subject.id("sl-1")
    fields: dict[str, Value] = {
        "lamp_on": True,
        "energy_total": 2**53 + 1,
        "power_active": 3.0,
        "lamp_program": 'a "b"',
    }
    subject.write(scan(device, BEGIN, fields))
    found = {name: sample.value for name, sample in subject.store.latest([device])[device].items()}
    if subject.only_numbers:
        assert found == {"lamp_on": 1.0, "energy_total": float(2**53 + 1), "power_active": 3.0}
    else:
        assert found == fields
        assert [type(found[name]) for name in fields] == [bool, int, float, str]
        for name, value in fields.items():
            assert subject.store.series(device, name, BEGIN, BEGIN + 1) == [Sample(BEGIN, value)]


def test_a_row_is_stored_like_its_scan(subject: Subject) -> None:
    device, other = subject.id("sl-1"), subject.id("sl-2")
    fields = ("lamp_on", "energy_total", "power_active")
    values = (True, 2**53 + 1, -0.1)
    channel = Channel("streetlight", "p060", "eg-0001", device, fields, (bool, int, float))
    rejected = subject.store.write(
        [
            Row(channel, BEGIN, values),
            scan(other, BEGIN, dict(zip(fields, values, strict=True))),
            Row(channel, BEGIN + 1000, (False, 0, 250.5)),
        ]
    )
    assert list(rejected) == []
    subject.settle()
    for name in fields:
        mine, theirs = (subject.store.series(each, name, BEGIN, BEGIN + 1) for each in (device, other))
        assert mine == theirs
        assert [type(sample.value) for sample in mine] == [type(sample.value) for sample in theirs]
    assert subject.store.count(BEGIN, BEGIN + 1001, [device]) == 6
    assert subject.store.latest([device])[device]["power_active"] == Sample(BEGIN + 1000, 250.5)


def test_writing_again_changes_nothing_and_new_values_replace(subject: Subject) -> None:
    device = subject.id("sl-1")
    first = scan(device, BEGIN, {"power_active": 1.0, "power_voltage": 230.0})
    subject.write(first)
    subject.write(first, first)
    assert subject.store.count(0, 10**13, [device]) == 2
    assert subject.store.series(device, "power_active", 0, 10**13) == [Sample(BEGIN, 1.0)]
    if not subject.only_numbers:  # VictoriaMetrics keeps both of two values of one time
        subject.write(scan(device, BEGIN, {"power_active": 2.0}))
        assert subject.store.series(device, "power_active", 0, 10**13) == [Sample(BEGIN, 2.0)]
        assert subject.store.latest([device])[device]["power_voltage"] == Sample(BEGIN, 230.0)


def test_the_newest_time_is_latest_whatever_the_order_of_writing(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(scan(device, BEGIN + 5, {"power_active": 5.0}))
    subject.write(scan(device, BEGIN + 1, {"power_active": 1.0, "power_voltage": 230.0}))
    assert subject.store.latest([device]) == {
        device: {"power_active": Sample(BEGIN + 5, 5.0), "power_voltage": Sample(BEGIN + 1, 230.0)}
    }


def test_a_device_that_was_silent_for_long_still_has_its_latest_value(subject: Subject) -> None:
    silent, busy = subject.id("sl-1"), subject.id("sl-2")
    long_ago = BEGIN - 100 * 86_400_000
    subject.write(scan(silent, long_ago, {"power_active": 1.0}), scan(busy, BEGIN, {"power_active": 2.0}))
    assert subject.store.latest([silent, busy]) == {
        silent: {"power_active": Sample(long_ago, 1.0)},
        busy: {"power_active": Sample(BEGIN, 2.0)},
    }
    everything = subject.store.latest()
    assert everything[silent]["power_active"] == Sample(long_ago, 1.0)


def test_values_that_are_not_good_are_kept_apart(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(
        scan(device, BEGIN, {"power_active": 10.0}),
        scan(device, BEGIN + 1, {"power_active": 9999.0}, power_active=Quality.BAD),
        scan(device, BEGIN + 2, {"power_active": None}, power_active=Quality.STALE),
        scan(device, BEGIN + 3, {"power_active": None}),
    )
    expected = [
        Sample(BEGIN, 10.0),
        Sample(BEGIN + 1, 9999.0, Quality.BAD),
        Sample(BEGIN + 2, None, Quality.STALE),
        Sample(BEGIN + 3, None, Quality.BAD),
    ]
    assert subject.store.series(device, "power_active", BEGIN, BEGIN + MINUTE) == expected
    assert subject.store.latest([device]) == {device: {"power_active": expected[-1]}}
    assert subject.store.count(BEGIN, BEGIN + MINUTE, [device]) == 4
    for aggregate, value in ((Aggregate.MAX, 10.0), (Aggregate.COUNT, 1), (Aggregate.LAST, 10.0)):
        assert subject.store.series(
            device, "power_active", BEGIN, BEGIN + MINUTE, every_ms=MINUTE, aggregate=aggregate
        ) == [Sample(BEGIN, value)]


def test_a_good_value_after_a_bad_one_is_latest(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(
        scan(device, BEGIN, {"power_active": 9999.0}, power_active=Quality.BAD),
        scan(device, BEGIN + 1, {"power_active": 10.0}),
    )
    assert subject.store.latest([device]) == {device: {"power_active": Sample(BEGIN + 1, 10.0)}}


AGGREGATES: dict[Aggregate, list[float]] = {
    Aggregate.MEAN: [2.0, 10.0],
    Aggregate.MIN: [1.0, 10.0],
    Aggregate.MAX: [3.0, 10.0],
    Aggregate.FIRST: [3.0, 10.0],
    Aggregate.LAST: [2.0, 10.0],
    Aggregate.SUM: [6.0, 10.0],
    Aggregate.COUNT: [3, 1],
}


@pytest.mark.parametrize("aggregate", list(Aggregate))
def test_aggregates_of_intervals(subject: Subject, aggregate: Aggregate) -> None:
    device = subject.id("sl-1")
    step = 10 * MINUTE
    values = {BEGIN + MINUTE: 3.0, BEGIN + 2 * MINUTE: 1.0, BEGIN + 9 * MINUTE: 2.0, BEGIN + 2 * step: 10.0}
    # another field in the empty interval must not make it appear
    subject.write(
        *(scan(device, at, {"power_active": value}) for at, value in values.items()),
        scan(device, BEGIN + step, {"power_voltage": 230.0}),
    )
    found = subject.store.series(
        device, "power_active", BEGIN, BEGIN + 3 * step, every_ms=step, aggregate=aggregate
    )
    assert found == [
        Sample(BEGIN, AGGREGATES[aggregate][0]),
        Sample(BEGIN + 2 * step, AGGREGATES[aggregate][1]),
    ]
    assert all(type(each.value) is (int if aggregate is Aggregate.COUNT else float) for each in found)


def test_an_interval_cut_by_the_range_keeps_its_own_begin(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(*(scan(device, BEGIN + step * MINUTE, {"power_active": float(step)}) for step in range(10)))
    found = subject.store.series(
        device, "power_active", BEGIN + 5 * MINUTE, BEGIN + 8 * MINUTE, every_ms=10 * MINUTE
    )
    assert found == [Sample(BEGIN, 6.0)]


def test_aggregates_of_switches(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(*(scan(device, BEGIN + step, {"lamp_on": step != 1}) for step in range(4)))

    def one(aggregate: Aggregate) -> Value:
        (sample,) = subject.store.series(
            device, "lamp_on", BEGIN, BEGIN + MINUTE, every_ms=MINUTE, aggregate=aggregate
        )
        return sample.value

    assert one(Aggregate.MEAN) == 0.75
    assert one(Aggregate.COUNT) == 4
    assert bool(one(Aggregate.MIN)) is False
    assert bool(one(Aggregate.LAST)) is True


def test_a_device_that_moved_keeps_its_past(subject: Subject) -> None:
    device = subject.id("sl-1")
    subject.write(Scan("streetlight", "p060", "eg-0001", device, BEGIN, {"power_active": 1.0}))
    subject.write(Scan("streetlight", "p061", "eg-0002", device, BEGIN + 1, {"power_active": 2.0}))
    assert subject.store.series(device, "power_active", 0, 10**13) == [
        Sample(BEGIN, 1.0),
        Sample(BEGIN + 1, 2.0),
    ]
    assert subject.store.latest([device]) == {device: {"power_active": Sample(BEGIN + 1, 2.0)}}


def test_count_is_of_values_in_the_range_of_the_devices(subject: Subject) -> None:
    one, two = subject.id("sl-1"), subject.id("wm-2")
    subject.write(
        *(scan(one, BEGIN + step, {"power_active": 1.0, "power_voltage": 2.0}) for step in range(10))
    )
    subject.write(Scan("water_meter", "p060", "eg-0001", two, BEGIN, {"flow_rate": 1.0}))
    assert subject.store.count(BEGIN, BEGIN + 5, [one]) == 10
    assert subject.store.count(0, 10**13, [one, two]) == 21
    assert subject.store.count(0, 10**13, []) == 0
    assert subject.store.count(BEGIN + 10, 10**13, [one, two]) == 0


ODD_IDS = [
    "a b",
    "a,b=c",
    "it's",
    'say "x"',
    "x'; DROP MEASUREMENT streetlight; --",
    "Đèn số 5",
    "a|b",
    "{}",
    "[x]*",
]


@pytest.mark.parametrize("odd", ODD_IDS)
def test_ids_of_other_vendors_are_data_and_never_code(subject: Subject, odd: str) -> None:
    device = subject.id(odd)
    subject.write(
        Scan("generic", "Khu 1, Đông", 'edge "7"', device, BEGIN, {"inputs_level": 4.5}),
        scan(subject.id("sl-1"), BEGIN, {"power_active": 1.0}),
    )
    assert subject.store.latest([device]) == {device: {"inputs_level": Sample(BEGIN, 4.5)}}
    assert subject.store.series(device, "inputs_level", 0, 10**13) == [Sample(BEGIN, 4.5)]
    assert subject.store.count(0, 10**13, [device]) == 1
    assert subject.id("sl-1") in subject.store.latest([subject.id("sl-1")])


IMPOSSIBLE: dict[str, Scan] = {
    "no fields": scan("sl-1", BEGIN, {}),
    "not a number": scan("sl-1", BEGIN, {"power_active": float("nan")}),
    "infinite": scan("sl-1", BEGIN, {"power_active": float("-inf")}),
    "too long": scan("sl-1", BEGIN, {"lamp_program": "x" * 70_000}),
    "beyond 64 bits": scan("sl-1", BEGIN, {"energy_total": 2**63}),
    "reserved name": scan("sl-1", BEGIN, {"time": 1.0}),
    "no name": scan("sl-1", BEGIN, {"Power/Active": 1.0}),
    "double underscore": scan("sl-1", BEGIN, {"power__q": 1.0}),
    "before 1970": scan("sl-1", -1, {"power_active": 1.0}),
    "after 2262": scan("sl-1", 2**60, {"power_active": 1.0}),
    "line end in an id": scan("sl-1\nstreetlight x=1", BEGIN, {"power_active": 1.0}),
    "backslash in an id": scan("sl-1\\", BEGIN, {"power_active": 1.0}),
    "class with a space": Scan("a b", "p060", "eg-0001", "sl-1", BEGIN, {"power_active": 1.0}),
}


def test_what_can_never_be_stored_is_told_and_the_rest_stored(subject: Subject) -> None:
    good = [scan(subject.id("sl-9"), BEGIN + step, {"power_active": 1.0}) for step in range(3)]
    bad = list(IMPOSSIBLE.values())
    rejected = subject.store.write([good[0], *bad[:6], good[1], *bad[6:], good[2]])
    subject.settle()
    assert [each.scan for each in rejected] == bad
    assert all(each.reason for each in rejected)
    assert subject.store.count(0, 10**13, [subject.id("sl-9")]) == 3
