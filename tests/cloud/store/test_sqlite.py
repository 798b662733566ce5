"""The embedded store against a plain model, against kill -9, and with several processes on one file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.errors import SettingsError
from cloud.store.aggregation import aggregate_samples
from cloud.store.port import Aggregate, Sample, Scan, StoreUnavailable
from cloud.store.sqlite import SqliteStore
from telemetry.readings import Quality, Value

DEVICES = st.sampled_from(["sl-1", "sl-2", "wm-3"])
FIELDS = st.sampled_from(["power_active", "lamp_on", "note"])
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=10),
)
SCANS = st.builds(
    Scan,
    device_class=st.just("streetlight"),
    area=st.sampled_from(["p060", "p061"]),
    gateway=st.just("eg-1"),
    device=DEVICES,
    time_ms=st.integers(0, 60),
    fields=st.dictionaries(FIELDS, VALUES, min_size=1),
    quality=st.dictionaries(FIELDS, st.sampled_from(Quality)),
)
Model = dict[tuple[str, str], dict[int, Sample]]


def apply(model: Model, scan: Scan) -> None:
    for name, value in scan.fields.items():
        quality = scan.quality.get(name, Quality.GOOD)
        if value is None and quality is Quality.GOOD:
            quality = Quality.BAD
        model.setdefault((scan.device, name), {})[scan.time_ms] = Sample(scan.time_ms, value, quality)


def same(left: list[Sample], right: list[Sample]) -> bool:
    return len(left) == len(right) and all(
        (a.time_ms, a.quality) == (b.time_ms, b.quality)
        and type(a.value) is type(b.value)
        and (
            a.value == pytest.approx(b.value, rel=1e-9, abs=1e-9)
            if isinstance(b.value, float)
            else a.value == b.value
        )
        for a, b in zip(left, right, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(SCANS, max_size=8), max_size=6),
    every_ms=st.integers(1, 40),
    bounds=st.tuples(st.integers(0, 60), st.integers(0, 70)),
)
def test_the_store_does_what_a_dictionary_does(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Scan]],
    every_ms: int,
    bounds: tuple[int, int],
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("model") / "store.db")
    model: Model = {}
    for batch in batches:
        assert store.write(batch) == []
        for scan in batch:
            apply(model, scan)
    start, end = bounds
    latest = store.latest()
    assert sum(map(len, latest.values())) == len(model)
    for (device, name), samples in model.items():
        newest = samples[max(samples)]
        assert same([latest[device][name]], [newest])
        assert same([store.latest([device])[device][name]], [newest])
        expected = [samples[at] for at in sorted(samples) if start <= at < end]
        assert same(store.series(device, name, start, end), expected)
        for aggregate in Aggregate:
            found = store.series(device, name, start, end, every_ms=every_ms, aggregate=aggregate)
            wanted = aggregate_samples(expected, every_ms, aggregate)
            assert [each.time_ms for each in found] == [each.time_ms for each in wanted]
            if not {type(each.value) for each in expected} > {bool}:  # mixed with numbers a switch is one
                assert same(found, wanted)
    assert store.count(start, end) == sum(start <= at < end for samples in model.values() for at in samples)
    store.close()


WRITER = """
import sys
from pathlib import Path
from cloud.store.sqlite import SqliteStore
from cloud.store.port import Scan
store = SqliteStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    devices = [f"{sys.argv[2]}-{device}" for device in range(20)]
    scans = [Scan("streetlight", "p", "g", device, number, {"a": 1.0, "b": 2}) for device in devices]
    assert not store.write(scans)
    print(number, flush=True)
"""


def writer(file: Path, name: str, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name, str(batches)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_what_was_written_survives_kill_9_of_the_writer(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    process = writer(file, "d", 1_000_000)
    assert process.stdout is not None
    last = -1
    while last < 50:
        last = int(process.stdout.readline())
    process.kill()
    last = max([last, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    process.wait()
    store = SqliteStore(file)
    assert store.count(0, last + 1) == (last + 1) * 20 * 2
    assert store.count(last + 1, 10**9) in (0, 40)  # the batch under way: all of it, or nothing
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store.close()


def test_two_processes_write_while_this_one_reads(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = SqliteStore(file)
    processes = [writer(file, name, 60) for name in ("one", "two")]
    seen = 0
    while any(process.poll() is None for process in processes):
        now = store.count(0, 10**9)
        assert now >= seen
        seen = now
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert store.count(0, 10**9) == 2 * 60 * 20 * 2
    assert len(store.latest()) == 40
    store.close()


def test_many_threads_share_a_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")

    def work(number: int) -> int:
        for step in range(20):
            store.write([Scan("streetlight", "p", "g", f"d-{number}", step, {"a": float(step)})])
        return len(store.series(f"d-{number}", "a", 0, 100))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [20] * 8
    assert store.count(0, 100) == 160
    store.close()


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    begun = threading.Event()

    def write() -> None:
        begun.set()
        store.write([Scan("streetlight", "p", "g", "d", 1, {"a": 1.0})])

    waiting = threading.Thread(target=write)
    waiting.start()
    begun.wait(5)
    assert store.count(0, 10) == 0  # reading waits for nobody
    other.execute("COMMIT")
    waiting.join(20)
    assert store.count(0, 10) == 1
    other.close()
    store.close()


def test_a_failed_write_leaves_nothing_behind_and_can_be_repeated(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = SqliteStore(file)
    scans = [Scan("streetlight", "p", "g", "d", 1, {"a": 1.0})]
    with sqlite3.connect(file) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON scan BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(StoreUnavailable, match="disk full"):
        store.write(scans)
    with sqlite3.connect(file) as other:
        other.execute("DROP TRIGGER full")
    other.close()
    assert store.count(0, 10) == 0
    assert store.write(scans) == []
    assert store.count(0, 10) == 1
    store.close()


def test_a_store_of_another_layout_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SettingsError, match="layout 99"):
        SqliteStore(file)


def test_a_file_that_is_no_store_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnavailable, match=r"store\.db"):
        SqliteStore(file)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        SqliteStore(tmp_path / "file" / "store.db")
