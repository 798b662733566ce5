"""The spool in the event loop: group commit, full disks, broken files, room for what comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge.spool.batches import Priority, SpooledBatch, decode_readings
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolLimits
from edge.spool.spool import Spool
from telemetry.clock import SystemClock
from telemetry.sparkplug.ack import make_ack
from tests.edge.spool.samples import START_MS, batch_of, counter_batch, write_format_1

pytestmark = pytest.mark.anyio
ALL = 2**62


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Rig:
    """A spool and what it told."""

    def __init__(self, folder: Path, *, queue_size: int = 1000, keep_days: float = 0) -> None:
        self.committed: list[SpooledBatch] = []
        self.epochs: list[str] = []
        self.spool = Spool(
            folder / "spool.db",
            SpoolLimits(keep_stored_days=keep_days),
            SystemClock(),
            commit_every_s=0.02,
            queue_size=queue_size,
        )

    def start(self) -> None:
        self.spool.start(self.committed.extend, self.epochs.append)


@contextlib.asynccontextmanager
async def spool_in(folder: Path, *, queue_size: int = 1000, keep_days: float = 0) -> AsyncIterator[Rig]:
    rig = Rig(folder, queue_size=queue_size, keep_days=keep_days)
    rig.start()
    try:
        yield rig
    finally:
        await rig.spool.close()


async def _until(ready: object, what: str, timeout_s: float = 15) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not ready():  # type: ignore[operator]
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {timeout_s:g} s") from None


async def test_batches_are_told_of_only_when_they_are_on_disk(tmp_path: Path) -> None:
    async with spool_in(tmp_path) as rig:
        futures = [await rig.spool.put(batch_of(time_ms=START_MS + n)) for n in range(50)]
        numbers = [await asyncio.wrap_future(each) for each in futures]
        assert [batch.number for batch in rig.committed] == numbers
        with sqlite3.connect(tmp_path / "spool.db") as other:
            assert other.execute("SELECT count(*) FROM batch").fetchone() == (50,)
        other.close()
        rig.spool.acknowledge(make_ack(rig.spool.epoch, [numbers[0] or 0, numbers[1] or 0]))
        assert len(await rig.spool.waiting(100, ALL)) == 48, (
            "what is being acknowledged does not go out again"
        )
        await rig.spool.flush()
        assert (await rig.spool.figures()).depth == 48


async def test_acknowledgements_that_wait_do_not_hide_what_is_behind_them(tmp_path: Path) -> None:
    async with spool_in(tmp_path) as rig:
        futures = [await rig.spool.put(batch_of(time_ms=START_MS + n)) for n in range(20)]
        numbers = [await asyncio.wrap_future(each) or 0 for each in futures]
        rig.spool.acknowledge(make_ack(rig.spool.epoch, numbers[:10]))
        found = await rig.spool.waiting(5, ALL, {numbers[10]})
        assert [batch.number for batch in found] == numbers[11:16]


async def test_close_commits_what_waits(tmp_path: Path) -> None:
    async with spool_in(tmp_path) as rig:
        await rig.spool.ready()
        for number in range(700):
            await rig.spool.put(batch_of(time_ms=START_MS + number))
    async with spool_in(tmp_path) as later:
        await later.spool.ready()
        assert (await later.spool.figures()).depth == 700
        assert later.epochs == rig.epochs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 MB. Mounting it needs root, as the real servers of the tests do."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "kega-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def test_full_disk_is_told_once_counted_and_recovered_from(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with spool_in(small_disk, queue_size=50) as rig:
        await rig.spool.ready()
        first = await rig.spool.put_durably(batch_of(values=20))
        (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
        result = None
        for number in range(200):
            priority = Priority.IMPORTANT if number == 100 else Priority.ORDINARY
            put = await rig.spool.put(batch_of(time_ms=START_MS + 1 + number, values=20, priority=priority))
            result = put if number == 100 else result
            await asyncio.sleep(0.001)
        await _until(lambda: rig.spool.trouble, "trouble")
        for number in range(200, 300):
            await rig.spool.put(batch_of(time_ms=START_MS + 1 + number, values=20))
        committed_before = len(rig.committed)
        (small_disk / "ballast").unlink()
        await _until(lambda: not rig.spool.trouble, "recovery")
        await rig.spool.flush()
        figures = await rig.spool.figures()
        assert figures.dropped > 0
        assert figures.dropped + figures.committed == 20 * 301
        assert figures.depth == len(rig.committed) > committed_before
        assert result is not None
        assert result.result() is not None, "a command's result outlives ordinary readings"
        assert await rig.spool.load([first or 0]), "what was committed is never given up for a full disk"
    told = [record.message for record in caplog.records]
    assert told.count("spool-cannot-write") == 1
    assert told.count("spool-writes-again") == 1


async def test_full_disk_gives_up_stored_batches_before_new_ones(small_disk: Path) -> None:
    async with spool_in(small_disk, keep_days=60) as rig:
        await rig.spool.ready()
        for round_ in range(160):
            async with asyncio.timeout(10):
                batch = batch_of(time_ms=START_MS + round_, values=300)
                numbers = await asyncio.gather(*(rig.spool.put_durably(batch) for _ in range(10)))
            rig.spool.acknowledge(make_ack(rig.spool.epoch, [number or 0 for number in numbers]))
        await rig.spool.flush()
        figures = await rig.spool.figures()
        assert figures.committed == 160 * 10 * 300
        assert figures.dropped == 0
        assert rig.spool.trouble == ""


async def test_disk_that_is_full_at_the_start(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    async with spool_in(small_disk) as rig:
        await _until(lambda: rig.spool.trouble, "trouble")
        await rig.spool.put(batch_of())
        with pytest.raises(SpoolError, match="not open"):
            await rig.spool.figures()
        (small_disk / "ballast").unlink()
        await rig.spool.ready()
        await _until(lambda: rig.committed, "commit")


async def _fill(folder: Path, batches: int) -> dict[int, list[tuple[str, object]]]:
    """A spool of metered scans; returns time → what was measured then."""
    written: dict[int, list[tuple[str, object]]] = {}
    async with spool_in(folder) as rig:
        for number in range(batches):
            new = counter_batch(f"wm-{number % 3:06d}", START_MS + number, number, extra=18)
            written[START_MS + number] = _values(new.device, new.metrics)
            await rig.spool.put(new)
        await rig.spool.flush(20)
    return written


def _values(device: str, metrics: bytes) -> list[tuple[str, object]]:
    return [(reading.metric, reading.value) for reading in decode_readings(device, metrics)]


async def _saved(folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[Rig, list[SpooledBatch], int]:
    """Open a spool that may be broken, use it, and wait until what can be saved is."""
    caplog.clear()
    async with spool_in(folder) as rig:
        await rig.spool.ready()
        with contextlib.suppress(SpoolError):
            await rig.spool.waiting(10_000, ALL)
        assert await rig.spool.put_durably(batch_of(time_ms=START_MS + 10**9)) is not None
        told = {record.message for record in caplog.records}
        if "spool-damaged" in told:
            await _until(lambda: "spool-salvage-ended" in [r.message for r in caplog.records], "salvage")
        await rig.spool.flush()
        batches = await rig.spool.waiting(10_000, ALL)
        return rig, batches, (await rig.spool.figures()).dropped


async def test_broken_file_is_set_aside_and_what_is_readable_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await _fill(tmp_path, 600)
    file = tmp_path / "spool.db"
    content = bytearray(file.read_bytes())
    pages = len(content) // 4096
    for page in (pages // 2, pages // 2 + 1):
        content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    rig, saved, dropped = await _saved(tmp_path, caplog)
    assert len(rig.epochs) == 2
    assert 500 <= len(saved) <= 601
    assert {batch.time_ms for batch in saved} >= {START_MS, START_MS + 599}, "from both ends"
    assert dropped == (601 - len(saved)) * 20
    assert len(list(tmp_path.glob("spool.db.damaged-*Z"))) == 1


async def test_whatever_is_broken_nothing_wrong_is_saved_and_the_rest_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pristine = tmp_path / "pristine"
    pristine.mkdir()
    written = await _fill(pristine, 400)
    whole = (pristine / "spool.db").read_bytes()
    share: list[float] = []
    for seed in range(25):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        content = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            size = chance.choice([1, 16, 512, 4096])
            at = chance.randrange(0, len(content) - size)
            content[at : at + size] = chance.randbytes(size)
        if seed % 5 == 4:
            del content[chance.randrange(4096, len(content)) :]
        (folder / "spool.db").write_bytes(content)
        _, saved, _ = await _saved(folder, caplog)
        measured = [batch for batch in saved if batch.time_ms < START_MS + 10**9]
        for batch in measured:
            assert _values(batch.device, batch.metrics) == written[batch.time_ms], f"seed {seed}"
        share.append(len({batch.time_ms for batch in measured}) / len(written))
    assert sum(share) / len(share) > 0.6
    assert sum(each > 0.9 for each in share) >= 12


async def test_damaged_file_of_format_1_is_saved_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = [batch_of(time_ms=START_MS + n, values=40) for n in range(50)]
    write_format_1(tmp_path / "spool.db", old)
    content = bytearray((tmp_path / "spool.db").read_bytes())
    content[-4096:] = b"\xa5" * 4096
    (tmp_path / "spool.db").write_bytes(content)
    _, saved, _ = await _saved(tmp_path, caplog)
    assert len(saved) >= 40
    assert {batch.metrics for batch in saved} >= {batch.metrics for batch in old[:30]}


async def test_no_database_at_all_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"garbage" * 5000)
    async with spool_in(tmp_path) as rig:
        await rig.spool.ready()
        assert await rig.spool.put_durably(batch_of()) is not None
    assert list(tmp_path.glob("spool.db.damaged-*"))


async def test_a_folder_that_cannot_be_written_is_told_and_lived_with(tmp_path: Path) -> None:
    async with spool_in(tmp_path / "absent") as rig:
        await _until(lambda: rig.spool.trouble, "trouble")
        assert "cannot be opened" in rig.spool.trouble
        (tmp_path / "absent").mkdir()
        await rig.spool.ready()


async def test_a_full_queue_makes_the_bus_wait(tmp_path: Path) -> None:
    rig = Rig(tmp_path, queue_size=3)
    waiting = [asyncio.create_task(rig.spool.put(batch_of(time_ms=START_MS + n))) for n in range(5)]
    await asyncio.sleep(0.05)
    assert [task.done() for task in waiting] == [True, True, True, False, False]
    rig.start()
    await asyncio.gather(*waiting)
    await rig.spool.flush()
    assert (await rig.spool.figures()).depth == 5
    await rig.spool.close()
