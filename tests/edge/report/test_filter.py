"""Report by exception: nothing that matters is left out, and little else is sent."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.config import ReportConfig
from edge.report.filter import ReportFilter
from edge.report.rules import DeviceReport, PointReport, report_of
from telemetry.devices.library import Library
from telemetry.readings import Quality, Reading, Value, ValueType

DEVICE = "ws-000001"
START_MS = 1_790_000_000_000
DOUBLE, INT64, BOOLEAN = ValueType.DOUBLE, ValueType.INT64, ValueType.BOOLEAN


def reading(metric: str, value: Value, second: float, quality: Quality = Quality.GOOD) -> Reading:
    kind = BOOLEAN if isinstance(value, bool) else DOUBLE
    return Reading(DEVICE, metric, kind, value, START_MS + round(1000 * second), quality)


def run(report: DeviceReport, scans: list[list[Reading]]) -> list[list[str]]:
    """What of each scan goes."""
    under_test = ReportFilter(report)
    gone = []
    for scan in scans:
        chosen = under_test.select(scan)
        under_test.sent(chosen)
        gone.append([each.metric for each in chosen])
    return gone


def test_dead_bands_absolute_and_relative() -> None:
    points = {
        "Air/Temperature": PointReport(dead_band=0.5, heartbeat_s=600),
        "Air/PM10": PointReport(dead_band=0.1, is_share=True, heartbeat_s=600),
        "Rain/Total": PointReport(heartbeat_s=600),
    }
    values = [
        (20.0, 100.0, 7.0),
        (20.5, 110.0, 7.0),
        (20.6, 111.0, 7.0),
        (20.2, 100.0, 8.0),
        (20.1, 99.0, 8.0),
    ]
    scans = [
        [reading(name, value, second) for name, value in zip(points, row, strict=True)]
        for second, row in enumerate(values)
    ]
    assert run(DeviceReport(600, points), scans) == [
        [*points],
        [],
        ["Air/Temperature", "Air/PM10"],
        ["Rain/Total"],
        ["Air/PM10"],
    ]


def test_a_slow_drift_is_told_once_it_adds_up() -> None:
    points = {"Air/Temperature": PointReport(dead_band=1.0, heartbeat_s=10_000)}
    scans = [[reading("Air/Temperature", 20 + second / 10, second)] for second in range(100)]
    gone = run(DeviceReport(10_000, points), scans)
    assert 8 <= sum(bool(each) for each in gone) <= 10


def test_the_heartbeat_comes_changed_or_not_and_in_time() -> None:
    points = {
        "Air/Temperature": PointReport(dead_band=1.0, heartbeat_s=300),
        "Air/Humidity": PointReport(dead_band=1.0, heartbeat_s=60),
    }
    scans = [[reading(name, 20.0, 7 * number) for name in points] for number in range(200)]
    gone = run(DeviceReport(10_000, points), scans)
    for name, heartbeat_s in (("Air/Temperature", 300), ("Air/Humidity", 60)):
        at = [7 * number for number, each in enumerate(gone) if name in each]
        assert max(b - a for a, b in itertools.pairwise(at)) <= heartbeat_s + 3.5


def test_quality_alarms_states_and_positions_are_news() -> None:
    points = {
        "Air/Temperature": PointReport(dead_band=100.0, heartbeat_s=600),
        "Wind/Gust": PointReport(dead_band=100.0, heartbeat_s=600, is_always=True),
        "Engine/On": PointReport(heartbeat_s=600),
        "Position/Latitude": PointReport(heartbeat_s=600),
        "Position/Longitude": PointReport(heartbeat_s=600),
    }
    steady: list[Value] = [20.0, 3.0, True, 10.9, 108.1]

    def scan(second: float, **changes: object) -> list[Reading]:
        row = [reading(name, value, second) for name, value in zip(points, steady, strict=True)]
        return [
            replace(each, **changes[each.metric.split("/")[1]])  # type: ignore[arg-type]
            if each.metric.split("/")[1] in changes
            else each
            for each in row
        ]

    gone = run(
        DeviceReport(600, points),
        [
            scan(0),
            scan(1),
            scan(2, Temperature={"quality": Quality.BAD, "value": None}),
            scan(3, Temperature={"quality": Quality.BAD, "value": None}),
            scan(4),
            scan(5, On={"value": False}),
            scan(6, Latitude={"value": 10.901}, On={"value": False}),
        ],
    )
    assert gone[0] == [*points]
    assert gone[1:] == [
        ["Wind/Gust"],
        ["Air/Temperature", "Wind/Gust"],
        ["Wind/Gust"],
        ["Air/Temperature", "Wind/Gust"],
        ["Wind/Gust", "Engine/On"],
        ["Wind/Gust", "Position/Latitude", "Position/Longitude"],
    ]


def test_points_without_a_rule_go_with_every_scan() -> None:
    assert run(DeviceReport(600, {}), [[reading("A/B", 1.0, n)] for n in range(3)]) == [["A/B"]] * 3


@given(
    st.lists(
        st.tuples(st.floats(0.1, 90), st.floats(-50, 50), st.sampled_from(list(Quality))),
        min_size=1,
        max_size=60,
    )
)
def test_a_host_is_never_wrong_by_more_than_the_dead_band_nor_in_doubt_for_long(
    steps: list[tuple[float, float, Quality]],
) -> None:
    report = DeviceReport(120, {"A/B": PointReport(dead_band=5.0, heartbeat_s=100)})
    under_test = ReportFilter(report)
    second = 0.0
    known: Reading | None = None
    for passed, value, quality in steps:
        second += passed
        now = reading("A/B", value, second, quality)
        chosen = under_test.select([now])
        under_test.sent(chosen)
        known = chosen[0] if chosen else known
        assert known is not None
        assert isinstance(known.value, float)
        assert abs(known.value - value) <= 5.0
        assert known.quality is quality
        assert now.time_ms - known.time_ms <= 100_000


def test_a_clock_that_was_set_sends_everything() -> None:
    points = {"A/B": PointReport(dead_band=5.0, heartbeat_s=100)}
    scans = [[reading("A/B", 1.0, second)] for second in (0, 1, -5_000, -4_999, 10**6)]
    assert run(DeviceReport(120, points), scans) == [["A/B"], [], ["A/B"], [], ["A/B"]]


def test_the_classes_of_the_library_keep_hosts_informed() -> None:
    for device_class in Library.shipped().classes.values():
        report = report_of(device_class, device_class.points, [], {})
        judged = {metric for alarm in device_class.alarms for metric in (alarm.point, *alarm.while_)}
        assert {metric for metric, rule in report.points.items() if rule.is_always} == judged
        assert report.expected_every_s == device_class.expected_every_s
        steady = [
            [
                Reading(DEVICE, point.metric, point.type, _some_value(point.type), START_MS + 1000 * second)
                for point in device_class.points
            ]
            for second in range(0, 1200, 5)
        ]
        gone = run(report, steady)
        at = [5 * number for number, each in enumerate(gone) if each]
        assert max(b - a for a, b in itertools.pairwise(at)) <= device_class.expected_every_s
        sent = sum(len(each) for each in gone) / sum(len(scan) for scan in steady)
        assert sent < 0.5, device_class.id


def _some_value(kind: ValueType) -> Value:
    return {BOOLEAN: False, ValueType.STRING: "x", DOUBLE: 1.0}.get(kind, 1)


def test_a_device_may_have_its_own_rules() -> None:
    device_class = Library.shipped().classes["weather_station"]
    wanted = {
        "Air/Humidity": ReportConfig(dead_band="5 %", heartbeat_s=300),
        "Solar/Irradiance": ReportConfig(heartbeat_s=900),
        "Rain/Total": ReportConfig(dead_band=10),
    }
    report = report_of(device_class, device_class.points, ["Rain/Total"], wanted)
    assert report.points["Air/Humidity"] == PointReport(0.05, True, 300)
    assert report.points["Solar/Irradiance"] == PointReport(5, False, 900)
    assert report.points["Rain/Total"] == PointReport(10, False, 60, is_always=True)


@pytest.mark.parametrize("dead_band", ["5", "x %", "-1 %", -1, float("nan"), float("inf"), "1000 000 %"])
def test_dead_bands_that_are_none(dead_band: float | str) -> None:
    with pytest.raises(ValidationError, match="is no dead-band"):
        ReportConfig(dead_band=dead_band)
