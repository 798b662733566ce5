"""One leads, the others stand by; what leads may die, fail, or lose its database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from cloud.errors import SettingsError
from cloud.leader.election import lead
from cloud.leader.lock import FileLock, Lock, open_lock
from tests.servers import PostgreSQL, running

LOOK_S = 0.05


class Work:
    """Counts how many do it at once."""

    def __init__(self) -> None:
        self.leaders: list[str] = []
        self.changed = asyncio.Event()

    def of(self, name: str) -> Callable[[], object]:
        async def do() -> None:
            self.leaders.append(name)
            self.changed.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.leaders.remove(name)
                self.changed.set()

        return do

    async def until(self, *leaders: str) -> None:
        async with asyncio.timeout(60):
            while self.leaders != list(leaders):
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def candidates(work: Work, **locks: Lock) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    tasks = {
        name: asyncio.create_task(lead(name, lock, work.of(name), look_s=LOOK_S))  # type: ignore[arg-type]
        for name, lock in locks.items()
    }
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    return cast("PostgreSQL", request.getfixturevalue("postgresql")).new_database()


def test_the_next_one_leads_when_the_leader_ends(url: str) -> None:
    async def story() -> None:
        work = Work()
        async with candidates(work, one=open_lock(url, "work")) as first:
            await work.until("one")
            async with candidates(work, two=open_lock(url, "work"), other=open_lock(url, "else")):
                await work.until("one", "other")
                first["one"].cancel()
                await work.until("other", "two")

    asyncio.run(story())


def test_what_the_work_raises_is_raised_and_the_lock_given_back(url: str) -> None:
    async def fail() -> None:
        raise SettingsError("cannot be")

    with pytest.raises(SettingsError, match="cannot be"):
        asyncio.run(lead("work", open_lock(url, "work"), fail, look_s=LOOK_S))
    other = open_lock(url, "work")
    assert other.take()
    assert other.take()
    other.release()
    other.release()


def test_a_lock_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lock file .*none/lock cannot be opened"):
        FileLock(tmp_path / "none" / "lock").take()


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    with running(PostgreSQL) as server:
        yield cast("PostgreSQL", server)


def test_a_leader_goes_on_without_its_database_and_steps_down_if_another_was_quicker(
    own_postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    url = own_postgresql.new_database()

    async def story() -> None:
        work = Work()
        async with candidates(work, one=open_lock(url, "work")):
            await work.until("one")
            await asyncio.to_thread(own_postgresql.kill)
            async with asyncio.timeout(60):
                while "leader-unconfirmed" not in caplog.text:
                    await asyncio.sleep(LOOK_S)
            assert work.leaders == ["one"]
            quick = open_lock(url, "work")
            await asyncio.to_thread(own_postgresql.start)
            if await asyncio.to_thread(quick.take):  # the leader may have been quicker
                await work.until()
                quick.release()
            await work.until("one")

    with caplog.at_level("INFO"):
        asyncio.run(story())
