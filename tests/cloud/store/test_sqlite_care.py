"""The embedded store's retention in slices, its shapes, several fresh openers, and late and repeated rows."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.store import sqlite_writer
from cloud.store.port import Channel, Row, Sample, Scan
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS, HOUR_MS, Tier
from cloud.store.sqlite import SqliteStore
from cloud.store.sqlite_retention import SqliteExpiry

NOW = time.time_ns() // 1_000_000
TODAY = NOW // DAY_MS * DAY_MS


def lamp(device: str, time_ms: int, **fields: float) -> Scan:
    return Scan("streetlight", "p060", "eg-1", device, time_ms, fields)


def test_what_is_too_old_goes_and_rollups_outlive_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    begin = TODAY - 20 * DAY_MS
    scans = [lamp(f"sl-{d}", begin + n * HOUR_MS, a=float(n)) for d in range(3) for n in range(20 * 24)]
    assert store.write(scans) == []
    store.rollups.roll_up(Tier.HOUR, begin, TODAY)
    store.rollups.roll_up(Tier.DAY, begin, TODAY)
    store.set_retention(Retention(raw_days=5, rollup_days=10))
    pauses: list[float] = []
    gone = SqliteExpiry(store.file, pause=pauses.append).expire(NOW)
    assert gone.rows == 3 * 15 * 24 + 3 * 10 * 24 + 3 * 10
    assert gone.slices == len(pauses) >= 1
    assert store.rollups.oldest_ms() == TODAY - 5 * DAY_MS
    assert len(store.rollups.summaries("sl-1", "a", Tier.DAY, 0, NOW)) == 10
    assert store.latest(["sl-1"])["sl-1"]["a"] == Sample(begin + (20 * 24 - 1) * HOUR_MS, 479.0)
    assert SqliteExpiry(store.file, pause=pauses.append).expire(NOW).rows == 0
    store.close()


def test_what_is_not_rolled_up_stays(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    begin = TODAY - 20 * DAY_MS
    store.write([lamp("sl-1", begin + n * DAY_MS, a=1.0) for n in range(20)])
    store.set_retention(Retention(raw_days=5))
    SqliteExpiry(store.file, pause=lambda _: None).expire(NOW, rolled_until_ms=begin + 3 * DAY_MS)
    assert store.rollups.oldest_ms() == begin + 3 * DAY_MS
    store.close()


def test_pages_are_given_back_after_much_has_gone(tmp_path: Path, monkeypatch: object) -> None:
    store = SqliteStore(tmp_path / "store.db")
    begin = TODAY - 10 * DAY_MS
    note = "x" * 4000
    for part in range(12):
        scans = [
            Scan("streetlight", "p", "g", "sl-1", begin + part * 600 + n, {"note": note}) for n in range(600)
        ]
        assert store.write(scans) == []
    before = store.file.rows("PRAGMA page_count")[0][0]
    store.set_retention(Retention(raw_days=5))
    gone = SqliteExpiry(store.file, pause=lambda _: None).expire(NOW)
    assert gone.rows == 7200
    assert gone.pages_given_back > 0
    assert store.file.rows("PRAGMA page_count")[0][0] < before
    store.close()


def test_a_writer_in_another_connection_goes_on_meanwhile(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    begin = TODAY - 10 * DAY_MS
    store.write([lamp(f"sl-{d}", begin + n * 1000, a=1.0) for d in range(20) for n in range(500)])
    store.set_retention(Retention(raw_days=5))
    expiry = threading.Thread(target=lambda: SqliteExpiry(store.file).expire(NOW))
    expiry.start()
    written = 0
    while expiry.is_alive():
        assert store.write([lamp("sl-0", TODAY + written, a=2.0)]) == []
        written += 1
    assert store.count(TODAY, NOW + DAY_MS) == written
    assert store.count(0, TODAY) == 0
    store.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.floats(-10, 10)), min_size=1, max_size=12))
def test_lean_rows_are_stored_as_scans_are(
    tmp_path_factory: object, written: list[tuple[int, bool, float]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")  # type: ignore[attr-defined]
    channels = [
        Channel("streetlight", "p060", "eg-1", "sl-1", ("a", "b"), (float, bool)),
        Channel("streetlight", "p060", "eg-1", "sl-1", ("b", "c"), (bool, float)),
    ]
    lean, plain = SqliteStore(folder / "lean.db"), SqliteStore(folder / "plain.db")
    rows = [
        Row(channels[kind], at, [value, kind] if not kind else [bool(kind), value])
        for at, kind, value in written
    ]
    rows = [
        Row(r.channel, r.time_ms, [float(r.values[0]), True] if r.channel is channels[0] else r.values)
        for r in rows
    ]
    assert lean.write(rows) == []
    for row in rows:
        assert plain.write([row.scan()]) == []
    assert lean.latest() == plain.latest()
    for field in ("a", "b", "c"):
        assert lean.series("sl-1", field, 0, 100) == plain.series("sl-1", field, 0, 100)
    assert lean.count(0, 100) == plain.count(0, 100)
    lean.close()
    plain.close()


def test_devices_that_send_other_fields_each_time_name_them(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr(sqlite_writer, "MOST_SHAPES", 3)  # type: ignore[attr-defined]
    store = SqliteStore(tmp_path / "store.db")
    for n in range(10):
        assert store.write([lamp("sl-1", n, **{f"f{n}": float(n), "a": 1.0})]) == []
    assert store.count(0, 100) == 20
    assert store.series("sl-1", "f9", 0, 100) == [Sample(9, 9.0)]
    assert len(store.series("sl-1", "a", 0, 100)) == 10
    assert len(store.latest()["sl-1"]) == 11
    store.rollups.roll_up(Tier.HOUR, 0, HOUR_MS)
    [(_, summary)] = store.rollups.summaries("sl-1", "a", Tier.HOUR, 0, HOUR_MS)
    assert summary.values == 10
    channel = Channel("streetlight", "p", "g", "sl-1", ("f3", "f4", "f5"), (float,) * 3)
    assert store.write([Row(channel, 50, [1.0, 2.0, 3.0])]) == []
    assert store.series("sl-1", "f4", 20, 100) == [Sample(50, 2.0)]
    store.close()


def test_many_open_a_fresh_file_at_once(tmp_path: Path) -> None:
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            SqliteStore(tmp_path / "fresh.db").close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
