"""History from files: every format, what is wrong with rows, and going on after a stop."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import DeviceBirth, PointRecord
from cloud.store.port import Rejected, Row, Sample, Scan, StoreUnavailable
from cloud.store.retention import Retention
from cloud.store.sqlite import SqliteStore
from cloud.transfer import importing
from cloud.transfer.errors import FileUnreadable
from cloud.transfer.exporting import samples_of, write_csv, write_parquet
from cloud.transfer.importing import Importer, Progress, progress_file, rejected_file
from cloud.transfer.mapping import Mapper
from cloud.transfer.sources import Format, Options
from cloud.transfer.times import Precision
from telemetry.devices.library import Library
from telemetry.readings import Quality

NOW = 1_790_000_000_000
T0 = 1_700_000_000_000
CLASSES = Library.shipped().classes


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry: SqlRegistry = open_registry(f"sqlite:///{folder}/registry.db")
        self.store = SqliteStore(folder / "store.db")
        for device, device_class in (("sl-1", "streetlight"), ("sl-2", "streetlight"), ("xx-1", "strange")):
            points = (PointRecord("In/Level", "in_level", "double", "m"),)
            self.registry.device_born(
                DeviceBirth(device, "p060", "eg-1", device_class, "", "", None, None, points, time_ms=1)
            )
        self.told: list[Progress] = []

    def run(self, file: Path, options: Options = Options(), *, again: bool = False) -> Progress:  # noqa: B008
        mapper = Mapper(self.registry, CLASSES, NOW)
        return Importer(self.store, mapper, self.told.append).run(file, Format.of(file), options, again=again)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def close(self) -> None:
        self.store.close()
        self.registry.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def reasons(file: Path) -> dict[int, str]:
    with rejected_file(file).open(encoding="utf-8") as opened:
        return {int(row["line"]): row["reason"] for row in csv.DictReader(opened)}


def test_a_table_with_a_column_for_each_point(bench: Bench) -> None:
    file = bench.write(
        "wide.csv",
        "time,device,power_active,Lamp/On,Ghi chú\n"
        "2023-11-15T05:13:20+07:00,sl-1,41.5,true,7\n"
        "2023-11-15 05:14:20,sl-1,,0,8\n"
        f"{T0 + 120_000},sl-2,40,on,\n",
    )
    options = Options(zone="Asia/Ho_Chi_Minh", names={"Ghi chú": ""})
    done = bench.run(file, options)
    assert (done.rows, done.rejected) == (3, 0)
    assert bench.store.series("sl-1", "power_active", 0, NOW) == [Sample(T0, 41.5)]
    assert bench.store.series("sl-1", "lamp_on", 0, NOW) == [Sample(T0, True), Sample(T0 + 60_000, False)]
    assert bench.store.series("sl-2", "power_active", 0, NOW) == [Sample(T0 + 120_000, 40.0)]
    assert not rejected_file(file).exists()


def test_bad_rows_are_kept_aside_with_line_and_reason(bench: Bench) -> None:
    file = bench.write(
        "long.csv",
        "time,device,field,value,quality\n"
        f"{T0},sl-1,power_active,41.5,good\n"
        f"{T0},sl-9,power_active,41.5,good\n"
        f"{T0},sl-1,power_imaginary,1,good\n"
        "yesterday,sl-1,power_active,1,good\n"
        f"{T0},sl-1,power_active,much,good\n"
        f"{T0},sl-1,power_active\n"
        f"{T0},sl-1,power_active,,good\n"
        f"{T0 + 1},sl-1,power_active,,bad\n"
        f"{T0 + 2},sl-1,power_active,9e99,\n"
        f"{NOW + 10**9},sl-1,power_active,1,\n"
        f"{T0},sl-1,power_active,1,excellent\n"
        f"{T0},,power_active,1,\n"
        f"{T0 + 3},xx-1,In/Level,3,\n",
    )
    done = bench.run(file)
    assert done == Progress(rows=13, values=4, rejected=9)
    found = reasons(file)
    assert sorted(found) == [3, 4, 5, 6, 7, 8, 11, 12, 13]
    expected = {3: "registry", 4: "no point", 5: "no time", 6: "no double", 7: "columns", 8: "no value"}
    assert all(part in found[line] for line, part in expected.items())
    assert bench.store.series("sl-1", "power_active", 0, NOW) == [
        Sample(T0, 41.5),
        Sample(T0 + 1, None, Quality.BAD),
        Sample(T0 + 2, 9e99, Quality.OUT_OF_RANGE),  # outside the class's range, as ingest stores it
    ]
    assert bench.store.series("xx-1", "in_level", 0, NOW) == [Sample(T0 + 3, 3.0)]


def test_line_protocol_with_bad_values_and_a_packed_file(bench: Bench) -> None:
    text = (
        "# comment\n\n"
        f"streetlight,device=sl-1,gateway=g power_active=41.5,lamp_on=t {T0}\n"
        f"streetlight,device=sl-1 power_active__q=0i,power_active__raw=9999 {T0 + 1}\n"
        f"streetlight,device=sl-1 power_active__q=500i {T0 + 2}\n"
        "broken\n"
    )
    file = bench.folder / "lines.lp.gz"
    file.write_bytes(gzip.compress(text.encode()))
    done = bench.run(file, Options(precision=Precision.MS))
    assert (done.rows, done.rejected) == (4, 1)
    assert reasons(file).keys() == {6}
    assert bench.store.series("sl-1", "power_active", 0, NOW) == [
        Sample(T0, 41.5),
        Sample(T0 + 1, 9999.0, Quality.BAD),
        Sample(T0 + 2, None, Quality.STALE),
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_was_exported_is_imported_the_same(bench: Bench, kind: str) -> None:
    scans = [
        Scan("streetlight", "p060", "eg-1", "sl-1", T0, {"power_active": 0.1 + 0.2, "lamp_on": False}),
        Scan(
            "streetlight", "p060", "eg-1", "sl-1", T0 + 1, {"power_active": 3.0, "command_error": 'a "b", c'}
        ),
        Scan("streetlight", "p060", "eg-1", "sl-2", T0, {"command_status": 2, "power_active": None}),
    ]
    assert not bench.store.write(scans)
    before = list(samples_of(bench.store, (), 0, NOW))
    file = bench.folder / f"out.{kind}"
    if kind == "csv":
        with file.open("w", encoding="utf-8") as target:
            assert write_csv(target, before) == 6
    else:
        assert write_parquet(file, before) == 6
    bench.store.close()
    for each in bench.folder.glob("store.db*"):
        each.unlink()
    bench.store = SqliteStore(bench.folder / "store.db")
    assert bench.run(file).rejected == 0
    after = list(samples_of(bench.store, (), 0, NOW))
    assert after == before
    assert [type(each.sample.value) for each in after] == [type(each.sample.value) for each in before]


class Failing:
    """A store that goes away after some batches."""

    def __init__(self, store: SqliteStore, batches: int) -> None:
        self._store = store
        self._batches = batches
        self.rows: list[int] = []

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        if self._batches == 0:
            raise StoreUnavailable("gone")
        self._batches -= 1
        self.rows.append(len(scans))
        return self._store.write(scans)


def test_a_load_that_was_stopped_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_A_BATCH", 10)
    lines = [f"{T0 + n},sl-1,power_active,{n if n % 7 else 'x'}\n" for n in range(95)]
    file = bench.write("big.csv", "time,device,field,value\n" + "".join(lines))
    mapper = Mapper(bench.registry, CLASSES, NOW)
    failing = Failing(bench.store, 4)
    with pytest.raises(StoreUnavailable):
        Importer(failing, mapper, bench.told.append).run(file, Format.CSV, Options())  # type: ignore[arg-type]
    assert [each.rows for each in bench.told] == [10, 20, 30, 40]
    rest = Failing(bench.store, 100)
    done = Importer(rest, mapper, bench.told.append).run(file, Format.CSV, Options())  # type: ignore[arg-type]
    assert done == Progress(95, 81, 14)
    assert sum(rest.rows) == 81 - sum(failing.rows)
    assert sorted(reasons(file)) == [2 + n for n in range(0, 95, 7)]
    assert bench.store.count(0, NOW) == 81
    assert bench.run(file) == done  # a file that is whole is not loaded twice
    assert bench.run(file, again=True) == done
    file.write_text("time,device,field,value\n" + f"{T0},sl-2,power_active,1\n", encoding="utf-8")
    assert bench.run(file) == Progress(1, 1, 0)  # another content under the name is another file


def test_what_the_store_refuses_is_kept_aside_too(bench: Bench) -> None:
    bench.store.set_retention(Retention(raw_days=2))
    file = bench.write("old.csv", f"time,device,power_active\n{T0},sl-1,1\n{T0},sl-1,2\n")
    done = bench.run(file)
    assert (done.rows, done.rejected) == (2, 2)
    assert {line: "retention" in reason for line, reason in reasons(file).items()} == {2: True, 3: True}
    assert bench.store.count(0, NOW) == 0


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("a.csv", "", "no column 'time'"),
        ("a.csv", "moment,device,power_active\n", "--time-column"),
        ("a.csv", "time,power_active\n", "--device"),
        ("a.csv", "time,device,field\n", "'value'"),
        ("a.parquet", "no parquet", "Parquet"),
        ("a.csv.gz", "no gzip", "cannot be read"),
        ("a.xlsx", "", "--format"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(bench: Bench, name: str, text: str, cause: str) -> None:
    with pytest.raises(FileUnreadable, match=cause):
        bench.run(bench.write(name, text))


def test_a_broken_note_of_progress_begins_anew(bench: Bench) -> None:
    file = bench.write("a.csv", f"time,device,power_active\n{T0},sl-1,1\n")
    progress_file(file).write_text("{", encoding="utf-8")
    assert bench.run(file) == Progress(1, 1, 0)
