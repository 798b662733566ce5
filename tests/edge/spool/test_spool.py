"""The spool in the event loop: group commit, full disks, broken files, room for what comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge.spool.batches import Priority, SpooledBatch
from edge.spool.errors import SpoolError
from edge.spool.figures import SpoolLimits
from edge.spool.spool import Spool
from telemetry.clock import SystemClock
from telemetry.sparkplug.ack import make_ack
from tests.edge.spool.samples import START_MS, batch_of

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


async def test_broken_file_is_set_aside_and_what_is_readable_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with spool_in(tmp_path) as rig:
        for number in range(300):
            await rig.spool.put(batch_of(time_ms=START_MS + number, values=20))
        await rig.spool.flush()
        epoch = rig.spool.epoch
    file = tmp_path / "spool.db"
    content = bytearray(file.read_bytes())
    pages = len(content) // 4096
    for page in (pages // 2, pages // 2 + 1):
        content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    async with spool_in(tmp_path) as rig:
        await rig.spool.ready()
        with contextlib.suppress(SpoolError):
            await rig.spool.waiting(1000, ALL)
        await _until(lambda: len(rig.epochs) == 2, "a fresh file")
        assert rig.epochs == [epoch, rig.spool.epoch]
        await _until(lambda: "spool-salvage-ended" in [each.message for each in caplog.records], "salvage")
        number = await rig.spool.put_durably(batch_of(time_ms=START_MS + 999))
        saved = await rig.spool.waiting(1000, ALL)
        assert 250 <= len(saved) <= 301
        assert number in {batch.number for batch in saved}
        assert {batch.time_ms for batch in saved} >= {START_MS, START_MS + 299}, "from both ends"
        await rig.spool.flush()
        assert (await rig.spool.figures()).dropped == (301 - len(saved)) * 20
    assert len(list(tmp_path.glob("spool.db.damaged-*Z"))) == 1


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
