"""History from files: packed whole, refused by line, never in the way of live data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.spool.batches import Priority, decode_readings
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolError, SpoolFull
from edge.spool.figures import SpoolLimits
from edge.spool.history import MOST, HistoryPacker, parse_time, parse_value
from edge.spool.transfer import export_readings, import_history, spool_status
from telemetry.readings import ValueType
from tests.edge.spool.samples import START_MS, batch_of

TYPES = {
    "aq-1": {"Air/PM10": ValueType.DOUBLE, "Station/Status": ValueType.INT32},
    "wm-1": {"Volume/Total": ValueType.INT64, "Alarm/Leak": ValueType.BOOLEAN},
}
LIMITS = SpoolLimits()


def _import(file: Path, folder: Path, limits: SpoolLimits = LIMITS, now_ms: int = START_MS) -> object:
    return import_history(file, folder / "spool.db", limits, types=TYPES, now_ms=now_ms)


@given(
    st.lists(
        st.tuples(st.sampled_from(["aq-1", "wm-1"]), st.integers(1, 10**6), st.floats(0, 10**6)),
        max_size=1500,
    )
)
def test_every_value_is_packed_once_or_refused(rows: list[tuple[str, int, float]]) -> None:
    packer = HistoryPacker(TYPES, {}, START_MS)
    metric = {"aq-1": "Air/PM10", "wm-1": "Volume/Total"}
    batches = []
    expected: dict[str, list[int]] = {"aq-1": [], "wm-1": []}
    for line, (device, offset, value) in enumerate(rows, 1):
        time_ms = START_MS - 10**7 + offset
        content = value if device == "aq-1" else int(value)
        if time_ms > max(expected[device], default=0):
            expected[device].append(time_ms)
        batches += packer.take(
            line, {"time": time_ms, "device": device, "metric": metric[device], "value": content}
        )
    batches += packer.rest()
    for device, times in expected.items():
        found = [
            reading.time_ms
            for batch in batches
            if batch.device == device
            for reading in decode_readings(device, batch.metrics)
        ]
        assert found == times
    assert all(batch.readings <= MOST and batch.priority is Priority.HISTORY for batch in batches)
    assert packer.count.readings + packer.count.refused == packer.count.lines == len(rows)


def test_csv_with_zones_empty_values_and_faults(tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text(
        "time,device,metric,value,quality\n"
        "2025-01-01T07:00:00+07:00,aq-1,Air/PM10,35.5,\n"
        "2025-01-01T00:01:00Z,aq-1,Air/PM10,,\n"
        "2025-01-01T00:02:00Z,aq-1,Air/PM10,36,500\n"
        "2025-01-01T00:02:00Z,aq-1,Air/PM10,37,\n"
        "2025-01-01T00:03:00,aq-1,Air/PM10,37,\n"
        "2025-01-01T00:04:00Z,aq-1,Station/Status,-1,\n"
        "2025-01-01T00:05:00Z,aq-1,Air/PM11,1,\n"
        "1999-01-01T00:05:00Z,aq-1,Air/PM10,1,\n"
        "yesterday,aq-1,Air/PM10,1,\n"
        "2025-01-01T00:06:00Z,wm-1,Volume/Total,1e400,\n",
        encoding="utf-8",
    )
    count = _import(file, tmp_path)
    assert (count.readings, count.refused) == (3, 7)  # type: ignore[attr-defined]
    assert [problem.split(":")[0] for problem in count.problems] == [f"line {n}" for n in range(5, 12)]  # type: ignore[attr-defined]
    rows = list(export_readings(tmp_path / "spool.db"))
    assert [(row["value"], row["quality"]) for row in rows] == [(35.5, 192), (None, 0), (36.0, 500)]
    assert rows[0]["time_ms"] == 1735689600000


def test_history_must_be_older_than_what_was_measured_live(tmp_path: Path) -> None:
    database = SpoolDatabase.open(tmp_path / "spool.db", LIMITS)
    database.commit([batch_of("aq-1", START_MS - 1000)], [], START_MS)
    database.close()
    file = tmp_path / "past.jsonl"
    file.write_text(
        "".join(
            json.dumps({"time": START_MS + n, "device": "aq-1", "metric": "Air/PM10", "value": 1}) + "\n"
            for n in (-2000, -1000, -500)
        )
    )
    count = _import(file, tmp_path)
    assert (count.readings, count.refused) == (1, 2)  # type: ignore[attr-defined]
    again = _import(file, tmp_path)
    assert again.readings == 1, "the same history may be imported again"  # type: ignore[attr-defined]


def test_history_leaves_room_for_live_data(tmp_path: Path) -> None:
    file = tmp_path / "past.jsonl"
    file.write_text(
        "".join(
            json.dumps({"time": START_MS - 10**9 + n, "device": "aq-1", "metric": "Air/PM10", "value": n})
            + "\n"
            for n in range(30_000)
        )
    )
    limits = SpoolLimits(max_bytes=300_000)
    with pytest.raises(SpoolFull, match="no room for more history"):
        _import(file, tmp_path, limits)
    status = spool_status(tmp_path / "spool.db")
    assert status["dropped"] == 0
    assert 0 < status["bytes_used"] <= 800_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "{}\nnot json\n", "a.jsonl:2: is no JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: is no JSON object"),
        ("a.csv", "time,device\n", "lacks the columns metric, value"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SpoolError, match=message):
        _import(tmp_path / name, tmp_path)


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00" * 100)
    with pytest.raises(SpoolError, match="cannot be read"):
        _import(tmp_path / "a.jsonl", tmp_path)


@pytest.mark.parametrize("kind", list(ValueType))
@given(text=st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans()))
def test_values_are_of_their_type_or_refused(kind: ValueType, text: object) -> None:
    try:
        value = parse_value(text, kind)
    except (ValueError, OverflowError):
        return
    expected = {
        ValueType.BOOLEAN: bool,
        ValueType.STRING: str,
        ValueType.DOUBLE: float,
    }.get(kind, int)
    assert value is None or type(value) is expected


def test_times() -> None:
    assert parse_time(1735689600000) == parse_time("1735689600000") == parse_time("2025-01-01T00:00:00Z")
    with pytest.raises(ValueError, match="no zone"):
        parse_time("2025-01-01T00:00:00")
