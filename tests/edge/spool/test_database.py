"""The spool's promises on real files: what is committed survives; only acknowledgements and bounds delete."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.spool.batches import Priority, decode_readings
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolDamaged, SpoolError
from edge.spool.figures import DAY_MS, SpoolLimits
from telemetry.sparkplug.ack import Ack, make_ack
from tests.edge.spool.samples import START_MS, batch_of

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


def test_full_spool_gives_up_stored_then_history_then_ordinary_never_results_first(tmp_path: Path) -> None:
    spool = _open(tmp_path, max_bytes=120_000, keep_stored_days=60)
    kept = spool.commit([batch_of(values=40)] * 10, [], START_MS)
    spool.commit([], [make_ack(spool.epoch, [batch.number for batch in kept])], START_MS)
    results = spool.commit([batch_of(values=40, priority=Priority.IMPORTANT)] * 10, [], START_MS)
    spool.commit([batch_of(values=40, priority=Priority.HISTORY)] * 10, [], START_MS)
    ordinary = [spool.commit([batch_of(values=40)], [], START_MS)[0] for _ in range(300)]
    left = {batch.number for batch in spool.waiting(1000, ALL)}
    assert spool.kept() == 0
    assert {batch.number for batch in results} <= left
    assert not any(batch.priority is Priority.HISTORY for batch in spool.waiting(1000, ALL))
    survivors = [batch.number for batch in ordinary if batch.number in left]
    assert 0 < len(survivors) < 300
    assert survivors == [batch.number for batch in ordinary][-len(survivors) :], "oldest first"
    figures = spool.figures()
    assert figures.dropped == 40 * (10 + 300 - len(survivors))
    assert figures.bytes_used <= 120_000
    assert figures.depth == len(left)


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


class SpoolMachine(RuleBasedStateMachine):
    """Put, acknowledge, fill up, and lose power at any point: content and totals agree with a model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kega-spool-"))
        self.generation = 0
        self.limits = SpoolLimits(max_bytes=160_000)
        self.spool = SpoolDatabase.open(self.folder / "0.db", self.limits)
        self.epoch = self.spool.epoch
        self.waiting: dict[int, tuple[Priority, int]] = {}
        self.highest = 0
        self.committed = self.acked = self.dropped = 0

    @rule(values=st.lists(st.integers(1, 60), min_size=1, max_size=20), priority=st.sampled_from(Priority))
    def put(self, values: list[int], priority: Priority) -> None:
        batches = self.spool.commit([batch_of(values=n, priority=priority) for n in values], [], START_MS)
        assert [batch.number for batch in batches] == sorted({batch.number for batch in batches})
        assert batches[0].number > self.highest
        self.highest = batches[-1].number
        self.committed += sum(values)
        self.waiting |= {batch.number: (priority, n) for batch, n in zip(batches, values, strict=True)}
        self._settle_evictions()

    def _settle_evictions(self) -> None:
        left = {batch.number for batch in self.spool.waiting(10_000, ALL)}
        gone = [self.waiting.pop(number) for number in self.waiting.keys() - left]
        for priority, readings in gone:
            assert all(priority <= other for other, _ in self.waiting.values())
            self.dropped += readings

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        numbers = data.draw(st.lists(st.integers(1, self.highest + 5), min_size=1, max_size=30))
        self.spool.commit([], [make_ack(self.epoch, numbers)], START_MS)
        for number in set(numbers) & self.waiting.keys():
            self.acked += self.waiting.pop(number)[1]

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
        assert figures.depth == len(self.waiting)
        assert figures.waiting_readings == sum(readings for _, readings in self.waiting.values())
        assert (figures.committed, figures.acked, figures.dropped) == (
            self.committed,
            self.acked,
            self.dropped,
        )
        assert figures.bytes_used <= self.limits.max_bytes

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
