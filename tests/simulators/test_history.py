"""History: what the devices would have measured, as the gateways take it."""

from __future__ import annotations

import contextlib
import csv
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.errors import SimError
from simulators.feeding import Fed, feed_spools
from simulators.fleet import write_fleet
from simulators.history import Span, parse_duration, parse_time, write_history
from simulators.province import Province
from simulators.settings import load_settings
from telemetry.devices.library import Library
from telemetry.readings import ValueType
from tests.simulators.support import SetClock

NOW = datetime(2026, 1, 8, 3, 4, 5, 678_000, tzinfo=UTC)
DAYS = Span(NOW - timedelta(days=3), NOW, timedelta(minutes=10))


def provide(folder: Path) -> tuple[Province, Library]:
    library = Library.shipped()
    fleet = write_fleet(folder, broker_url="mqtt://127.0.0.1:1883")
    return Province(load_settings(fleet.sim_file), library, SetClock(NOW.timestamp())), library


def rows_of(files: dict[str, Path]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for file in files.values():
        with file.open(newline="", encoding="utf-8") as stream:
            rows += csv.DictReader(stream)
    return rows


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], float]:
    folder = tmp_path_factory.mktemp("past")
    province, library = provide(folder)
    started = time.monotonic()
    files = write_history(province, library, DAYS, folder / "past")
    return rows_of(files), time.monotonic() - started


def test_three_days_of_a_province_take_less_than_ten_seconds(
    past: tuple[list[dict[str, str]], float],
) -> None:
    rows, seconds = past
    assert seconds < 10
    assert len({row["device"] for row in rows}) == 45
    assert len({row["time"] for row in rows}) == 432


def test_values_are_typed_and_possible_and_counters_only_grow(
    past: tuple[list[dict[str, str]], float],
) -> None:
    classes = Library.shipped().classes
    points = {point.metric: point for each in classes.values() for point in each.points}
    series: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for row in past[0]:
        point = points[row["metric"]]
        if point.type is ValueType.BOOLEAN:
            assert row["value"] in ("true", "false")
            continue
        value = float(row["value"]) if point.type is ValueType.DOUBLE else int(row["value"])
        assert not point.check(value), row
        series[row["device"], row["metric"]].append(value)
    for (device, metric), values in series.items():
        if points[metric].counter and metric != "Rain/Total":
            assert all(before <= after for before, after in pairwise(values)), (device, metric)
    moving = [values for (_, metric), values in series.items() if metric == "Energy/Total"]
    assert all(values[-1] > values[0] for values in moving)


def test_devices_agree_with_each_other(past: tuple[list[dict[str, str]], float]) -> None:
    by_time: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in past[0]:
        by_time[row["time"], row["device"]][row["metric"]] = row["value"]
    for (_, device), values in by_time.items():
        if device.startswith("sl-"):
            assert (float(values["Power/Active"]) > 50) == (values["Lamp/On"] == "true")
        if device.startswith("aq-"):
            assert float(values["Air/PM1"]) <= float(values["Air/PM2 5"]) <= float(values["Air/PM10"])


def test_the_same_stretch_is_the_same_again_whatever_was_asked_before(tmp_path: Path) -> None:
    province, library = provide(tmp_path)
    day = Span(NOW - timedelta(days=1), NOW, timedelta(minutes=30))
    whole = rows_of(write_history(province, library, day, tmp_path / "a"))
    again, _ = provide(tmp_path)
    last = Span(NOW - timedelta(hours=6), NOW, timedelta(minutes=30))
    part = rows_of(write_history(again, library, last, tmp_path / "b"))
    first_time = min(row["time"] for row in part)
    key = ("time", "device", "metric")
    late = sorted((row for row in whole if row["time"] >= first_time), key=lambda row: [row[k] for k in key])
    part.sort(key=lambda row: [row[k] for k in key])
    assert late == part


def test_history_ends_where_live_begins(tmp_path: Path) -> None:
    province, library = provide(tmp_path)
    moment = datetime(2026, 1, 8, 3, 0, tzinfo=UTC)
    files = write_history(
        province, library, Span(moment, moment + timedelta(minutes=1), timedelta(minutes=1)), tmp_path / "p"
    )
    told = {(row["device"], row["metric"]): row["value"] for row in rows_of(files)}
    live, _ = provide(tmp_path)
    meter = next(each for each in live.readouts if each.profile.id == "tuf2000m")
    flow = meter.values(moment.timestamp())["flow_rate"]
    assert float(told[meter.device.id, "Flow/Rate"]) == pytest.approx(flow, rel=1e-6)


def test_gateways_take_it_into_their_spools(tmp_path: Path) -> None:
    province, library = provide(tmp_path)
    span = Span(NOW - timedelta(hours=1), NOW, timedelta(minutes=10))
    files = write_history(province, library, span, tmp_path / "past")
    few = {gateway: file for gateway, file in files.items() if gateway in ("eg-0001", "eg-0006")}
    fed = feed_spools(few, tmp_path / "gateways")
    for gateway, file in few.items():
        assert fed[gateway] == Fed(readings=len(file.read_text().splitlines()) - 1, refused=0)


def test_a_missing_gateway_and_a_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="no configuration of eg-0001 in"):
        feed_spools({"eg-0001": tmp_path / "x.csv"}, tmp_path)
    write_fleet(tmp_path, broker_url="mqtt://127.0.0.1:1883")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SimError, match=r"failed: .*lacks the columns"):
        feed_spools({"eg-0001": tmp_path / "x.csv"}, tmp_path / "gateways")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    province, library = provide(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SimError, match="history cannot be written"):
        write_history(province, library, DAYS, tmp_path / "file")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("3d", 259_200)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


def test_times() -> None:
    assert parse_time("now", NOW) == NOW
    assert parse_time("-3d", NOW) == NOW - timedelta(days=3)
    assert parse_time("2026-01-05T08:30:00+07:00", NOW) == datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
    assert parse_time("2026-01-05", NOW) == datetime(2026, 1, 5, tzinfo=UTC)


@given(st.text(max_size=20))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    for parse in (parse_duration, lambda each: parse_time(each, NOW)):
        with contextlib.suppress(SimError):
            assert isinstance(parse(text), timedelta | datetime)


@pytest.mark.parametrize(
    ("start", "end", "every", "words"),
    [
        (NOW, NOW, "10m", "must come after"),
        (NOW - timedelta(days=1), NOW, "0s", "at least 1s"),
        (NOW - timedelta(days=3650), NOW, "1s", "more than 1000000 steps"),
    ],
)
def test_spans_that_cannot_be_are_refused(start: datetime, end: datetime, every: str, words: str) -> None:
    with pytest.raises(SimError, match=words):
        Span(start, end, parse_duration(every))
