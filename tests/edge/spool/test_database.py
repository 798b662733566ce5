"""The spool's promises on real files: what is committed survives; only acknowledgements and bounds delete."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.spool.batches import Priority, decode_readings
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolDamaged, SpoolError
from edge.spool.figures import DAY_MS, SpoolLimits
from edge.spool.settling import place
from telemetry.sparkplug.ack import Ack, make_ack
from tests.edge.spool.samples import START_MS, batch_of, counter_batch, write_format_1

ALL = 2**62


def _open(folder: Path, **limits: float) -> SpoolDatabase:
    return SpoolDatabase.open(folder / "spool.db", SpoolLimits(**limits))  # type: ignore[arg-type]


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    first = spool.commit([batch_of(), batch_of()], [], START_MS)
    spool.commit([], [make_ack(spool.epoch, [batch.number for batch in first])], START_MS)
    assert spool.waiting(10, ALL) == []
    spool.close()
    spool = _open(tmp_path)
    (second,) = spool.commit([batch_of()], [], START_MS)
    assert second.number > max(batch.number for batch in first)


def test_epoch_stays_with_the_file(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    epoch = spool.epoch
    spool.close()
    assert _open(tmp_path).epoch == epoch
    assert _open(tmp_path / "..", max_bytes=1).epoch != epoch


def test_foreign_epochs_and_unknown_numbers_are_ignored(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    (batch,) = spool.commit([batch_of()], [], START_MS)
    spool.commit([], [Ack("00000000", ((1, 100),))], START_MS)
    spool.commit([], [Ack(spool.epoch, ((batch.number + 1, 10**18 * 9 + 10**18 * 5),))], START_MS)
    assert [each.number for each in spool.waiting(10, ALL)] == [batch.number]
    for _ in range(2):
        spool.commit([], [Ack(spool.epoch, ((1, 10**19 - 1),))], START_MS)
    figures = spool.figures()
    assert (figures.depth, figures.acked, figures.committed) == (0, 2, 2)


def test_acknowledged_batches_stay_readable_as_long_as_wanted(tmp_path: Path) -> None:
    spool = _open(tmp_path, keep_stored_days=60)
    (batch,) = spool.commit([batch_of()], [], START_MS)
    spool.commit([], [make_ack(spool.epoch, [batch.number])], START_MS)
    assert spool.figures().depth == 0
    assert [(each.number, acked) for each, acked in spool.every_batch()] == [(batch.number, True)]
    spool.tend(START_MS + 61 * DAY_MS, clock_is_steady=False)
    assert spool.kept() == 1
    spool.tend(START_MS + 61 * DAY_MS, clock_is_steady=True)
    assert spool.kept() == 0


def test_full_spool_gives_up_stored_then_detail_never_results_counters_or_states(tmp_path: Path) -> None:
    spool = _open(tmp_path, max_bytes=250_000, keep_stored_days=60)
    kept = spool.commit([batch_of(values=40)] * 10, [], START_MS)
    spool.commit([], [make_ack(spool.epoch, [batch.number for batch in kept])], START_MS)
    results = spool.commit([batch_of(values=40, priority=Priority.IMPORTANT)] * 10, [], START_MS)
    history = [
        counter_batch("wm-000001", START_MS - DAY_MS + n, n, extra=30, priority=Priority.HISTORY)
        for n in range(50)
    ]
    spool.commit(history, [], START_MS)
    hours = 12
    for minute in range(hours * 60):
        time_ms = START_MS + minute * 60_000
        for device in ("wm-000002", "wm-000003"):
            spool.commit([counter_batch(device, time_ms, minute, extra=20)], [], time_ms)
    figures = spool.figures()
    assert figures.bytes_used <= 250_000
    assert spool.kept() == 0
    left = spool.waiting(10_000, ALL)
    assert {batch.number for batch in results} <= {batch.number for batch in left}
    found = {
        (reading.device, reading.metric, reading.time_ms): reading.value
        for batch in left
        for reading in decode_readings(batch.device, batch.metrics)
    }
    for device in ("wm-000002", "wm-000003"):
        totals = {
            time_ms: value
            for (of, name, time_ms), value in found.items()
            if (of, name) == (device, "Volume/Total")
        }
        assert all(value == (time_ms - START_MS) // 60_000 for time_ms, value in totals.items()), (
            "as measured"
        )
        times = sorted(totals)
        assert times[-1] == START_MS + (hours * 60 - 1) * 60_000
        assert max(b - a for a, b in itertools.pairwise(times)) <= 2 * 3_600_000, "one of every hour"
        assert any(of == device and name == "Alarm/Leak" for of, name, _ in found)
    assert figures.dropped >= figures.thinned > 0
    assert figures.committed - figures.dropped - figures.acked == figures.waiting_readings
    assert figures.waiting_readings == sum(batch.readings for batch in left)
    assert figures.depth == len(left)
    fresh_ms = START_MS + hours * 3_600_000 - 1_800_000
    fresh = [key for key in found if key[0] == "wm-000002" and key[2] >= fresh_ms]
    assert len(fresh) == 30 * 22, "the last half hour is whole"


def test_what_is_never_given_up_may_pass_the_bound(tmp_path: Path) -> None:
    spool = _open(tmp_path, max_bytes=120_000)
    results = [
        batch_of(values=60, time_ms=START_MS + n, device=f"sl-{n:06d}", priority=Priority.IMPORTANT)
        for n in range(100)
    ]
    spool.commit(results, [], START_MS)
    spool.commit([batch_of(values=60)], [], START_MS)
    assert spool.figures().depth == 100
    assert spool.figures().dropped == 60, "an ordinary scan finds no room"


def test_age_evicts_only_when_the_clock_can_be_believed(tmp_path: Path) -> None:
    spool = _open(tmp_path, max_age_days=10)
    spool.commit([batch_of()], [], START_MS)
    spool.tend(START_MS + 11 * DAY_MS, clock_is_steady=False)
    assert spool.figures().depth == 1
    spool.tend(START_MS + 11 * DAY_MS, clock_is_steady=True)
    assert (spool.figures().depth, spool.figures().dropped) == (0, 2)


def test_a_flipped_bit_is_found_and_counted(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    good, bad = spool.commit([batch_of(), batch_of()], [], START_MS)
    spool.close()
    with sqlite3.connect(tmp_path / "spool.db") as connection:
        connection.execute(
            "UPDATE batch SET metrics = CAST('x' || substr(metrics, 2) AS BLOB) WHERE number = ?",
            (bad.number,),
        )
    connection.close()
    spool = _open(tmp_path)
    assert [batch.number for batch in spool.waiting(10, ALL)] == [good.number]
    assert (spool.figures().depth, spool.figures().dropped) == (1, 2)


def test_important_first_then_oldest_and_skipping(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    history, first, second, result = spool.commit(
        [
            batch_of(priority=Priority.HISTORY),
            batch_of(),
            batch_of(),
            batch_of(priority=Priority.IMPORTANT),
        ],
        [],
        START_MS,
    )
    order = [result.number, first.number, second.number, history.number]
    assert [batch.number for batch in spool.waiting(10, ALL)] == order
    assert [batch.number for batch in spool.waiting(2, ALL, {result.number})] == order[1:3]
    assert [batch.number for batch in spool.waiting(10, first.number)] == [first.number, history.number]


def test_what_comes_out_is_what_went_in(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    batch = batch_of(values=3)
    spool.commit([batch], [], START_MS)
    (found,) = spool.waiting(1, ALL)
    assert found.metrics == batch.metrics
    assert [reading.value for reading in decode_readings(found.device, found.metrics)] == [0.0, 1.0, 2.0]
    assert spool.last_times() == {"sl-000001": START_MS}


def test_no_database_and_newer_versions_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(SpoolDamaged, match=r"spool\.db"):
        _open(tmp_path)
    newer = tmp_path / "newer"
    newer.mkdir()
    with sqlite3.connect(newer / "spool.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SpoolError, match="newer version"):
        _open(newer)
    with pytest.raises(SpoolError, match="state_dir"):
        SpoolDatabase.open(tmp_path / "absent.db", SpoolLimits(), create=False)


def test_format_1_is_brought_up_to_date(tmp_path: Path) -> None:
    write_format_1(tmp_path / "spool.db", [batch_of(time_ms=START_MS + n) for n in range(3)])
    spool = _open(tmp_path)
    assert spool.epoch == "0123456789abcdef"
    assert [batch.metrics for batch in spool.waiting(10, ALL)] == [
        batch_of(time_ms=START_MS + n).metrics for n in range(3)
    ]
    (new,) = spool.commit([batch_of(time_ms=START_MS + 3)], [], START_MS)
    assert new.number == 4
    assert spool.figures().depth == 4


def test_many_processes_may_open_a_fresh_file_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edge.spool.database import SpoolDatabase as S;"
        "from edge.spool.figures import SpoolLimits as L; sys.stdin.readline();"
        "print(S.open(Path(sys.argv[1]), L()).epoch)"
    )
    for round_ in range(3):
        file = tmp_path / f"{round_}.db"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        epochs = {process.communicate(timeout=60)[0] for process in processes}
        assert [process.returncode for process in processes] == [0] * 4
        assert len(epochs) == 1


def test_a_lost_template_costs_nothing_and_two_cost_their_batches(tmp_path: Path) -> None:
    spool = _open(tmp_path)
    batches = spool.commit([batch_of(time_ms=START_MS + n, values=20) for n in range(50)], [], START_MS)
    spool.commit([batch_of("sl-000002", values=20)], [], START_MS)
    spool.close()

    def spoil(table: str) -> SpoolDatabase:
        with contextlib.closing(sqlite3.connect(tmp_path / "spool.db")) as connection:
            connection.execute(f"UPDATE {table} SET metrics = zeroblob(5) WHERE id = 1")
            connection.commit()
        return _open(tmp_path)

    spool = spoil("template")
    found = [batch for batch in spool.waiting(100, ALL) if batch.device == "sl-000001"]
    assert [batch.metrics for batch in found] == [batch.metrics for batch in batches]
    spool.close()
    spool = spoil("template_copy")
    (left,) = spool.waiting(100, ALL)
    assert left.device == "sl-000002"
    assert spool.figures().dropped == 50 * 20
    (new,) = spool.commit([batch_of(time_ms=START_MS + 99)], [], START_MS)
    assert [batch.number for batch in spool.load([new.number])] == [new.number], "it learns another"


class SpoolMachine(RuleBasedStateMachine):
    """Put, acknowledge, fill up, settle, lose power, in any order: content and totals agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kega-spool-"))
        self.generation = 0
        self.limits = SpoolLimits(max_bytes=200_000)
        self.spool = SpoolDatabase.open(self.folder / "0.db", self.limits)
        self.epoch = self.spool.epoch
        self.important: set[int] = set()
        self.acknowledged: set[int] = set()
        self.total: dict[str, int] = {}
        self.boots: set[str] = set()
        self.minute = 0
        self.highest = 0
        self.committed = 0

    @rule(
        values=st.lists(st.integers(1, 60), min_size=1, max_size=20),
        priority=st.sampled_from(Priority),
        device=st.sampled_from(["wm-1", "wm-2"]),
        minutes=st.integers(1, 40),
    )
    def put(self, values: list[int], priority: Priority, device: str, minutes: int) -> None:
        new = []
        for extra in values:
            self.minute += minutes
            time_ms = START_MS + self.minute * 60_000
            new.append(counter_batch(device, time_ms, self.minute, extra=extra, priority=priority))
        batches = self.spool.commit(new, [], START_MS)
        assert [batch.number for batch in batches] == sorted({batch.number for batch in batches})
        assert batches[0].number > self.highest
        self.highest = self.spool.newest()
        self.committed += sum(batch.readings for batch in new)
        if priority is Priority.IMPORTANT:
            self.important |= {batch.number for batch in batches}
        self.total[device] = self.minute

    @rule(minutes=st.lists(st.integers(0, 600), min_size=1, max_size=10))
    def put_without_a_clock(self, minutes: list[int]) -> None:
        boot = f"boot-{self.generation}"
        new = [
            replace(counter_batch("wm-3", 60_000 * minute + 1, minute, extra=20), boot=boot)
            for minute in minutes
        ]
        self.spool.commit(new, [], START_MS)
        self.committed += sum(batch.readings for batch in new)
        self.boots.add(boot)
        self.highest = self.spool.newest()

    @precondition(lambda self: self.boots)
    @rule(estimated=st.booleans())
    def learn_the_time(self, estimated: bool) -> None:
        boots = self.spool.boots()
        assert {boot.id for boot in boots} <= self.boots
        before = self.spool.figures()
        placements = place(boots, START_MS)
        for placement in placements:
            while self.spool.settle(placement if estimated else replace(placement, error_ms=None)):
                pass
        after = self.spool.figures()
        assert after.unsettled == 0
        assert after.depth == before.depth
        self.boots.clear()

    @precondition(lambda self: self.highest)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        numbers = data.draw(st.lists(st.integers(1, self.highest + 5), min_size=1, max_size=30))
        waiting = {batch.number: batch.readings for batch in self.spool.waiting(10_000, ALL)}
        before = self.spool.figures()
        self.spool.commit([], [make_ack(self.epoch, numbers)], START_MS)
        gone = waiting.keys() & set(numbers)
        after = self.spool.figures()
        assert after.acked - before.acked == sum(waiting[number] for number in gone)
        assert after.depth == before.depth - len(gone)
        self.acknowledged |= gone
        self.important -= gone

    @rule()
    def lose_power(self) -> None:
        """The files as a kill -9 would leave them, opened by the next process."""
        name, self.generation = f"{self.generation}.db", self.generation + 1
        for suffix in ("", "-wal"):
            file = self.folder / f"{name}{suffix}"
            if file.exists():
                shutil.copy(file, self.folder / f"{self.generation}.db{suffix}")
        self.spool.close()
        self.spool = SpoolDatabase.open(self.folder / f"{self.generation}.db", self.limits)
        assert self.spool.epoch == self.epoch

    @invariant()
    def totals_agree(self) -> None:
        figures = self.spool.figures()
        every = [batch for batch, _ in self.spool.every_batch()]
        assert figures.depth == len(every)
        assert figures.waiting_readings == sum(batch.readings for batch in every)
        assert figures.committed == self.committed
        assert figures.committed - figures.acked - figures.dropped == figures.waiting_readings
        assert figures.unsettled == sum(bool(batch.boot) for batch in every)
        assert {batch.number for batch in every} >= self.important

    @invariant()
    def newest_total_of_each_device_is_there_or_acknowledged(self) -> None:
        if self.acknowledged:
            return
        found = {
            (reading.device, reading.value)
            for batch, _ in self.spool.every_batch()
            for reading in decode_readings(batch.device, batch.metrics)
            if reading.metric == "Volume/Total"
        }
        assert set(self.total.items()) <= found

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
