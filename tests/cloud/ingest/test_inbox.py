"""The inbox: two bounded lanes, live first, and quick to hand out what there is."""

from __future__ import annotations

import asyncio

import pytest

from cloud.ingest import inbox as module
from cloud.ingest.inbox import GOOD_WRITE_S, LARGEST_BATCH, MAX_MESSAGES, SMALLEST_BATCH, Batch, Inbox
from cloud.ingest.routing import Received
from tests.cloud.ingest.wire import data, double


def message(number: int, size: int = 1) -> Received:
    return Received(f"t/{number}", bytes(size), size)


def resent(number: int) -> Received:
    payload = data(double("Power/Active", 1.0, is_historical=True), batch=number)
    return Received(f"t/{number}", payload, len(payload))


async def soon(inbox: Inbox) -> Batch:
    async with asyncio.timeout(20):
        return await inbox.take()


def test_a_lonely_message_is_handed_out() -> None:
    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        assert inbox.put([message(1)]) == 0
        assert await soon(inbox) == Batch([message(1)], is_live=True)
        assert len(inbox) == 0

    asyncio.run(scenario())


def test_a_full_batch_does_not_wait_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_S", 600)

    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        inbox.put(message(number) for number in range(SMALLEST_BATCH + 5))
        batch = await soon(inbox)
        assert batch.messages == [message(number) for number in range(SMALLEST_BATCH)]
        assert len(inbox) == 5

    asyncio.run(scenario())


def test_a_full_lane_drops_the_newest_and_counts_them() -> None:
    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        assert inbox.put(message(number) for number in range(MAX_MESSAGES)) == 0
        assert inbox.put([message(-1), resent(1), message(-2)]) == 2
        assert (await soon(inbox)).messages[0] == message(0)

    asyncio.run(scenario())


def test_large_messages_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "BATCH_BYTES", 500)

    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        assert inbox.put(message(number, 250) for number in range(5)) == 1
        assert len((await soon(inbox)).messages) == 2
        assert len((await soon(inbox)).messages) == 2
        assert len(inbox) == 0

    asyncio.run(scenario())


def test_live_messages_overtake_what_is_sent_again() -> None:
    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        old = [resent(1), resent(2)]
        inbox.put([*old, message(3)])
        assert await soon(inbox) == Batch([message(3)], is_live=True)
        assert await soon(inbox) == Batch(old, is_live=False)

    asyncio.run(scenario())


def test_of_what_is_sent_again_only_so_much_is_under_way() -> None:
    async def scenario() -> None:
        inbox = Inbox(resent_under_way=2)
        inbox.put(resent(number) for number in range(3 * SMALLEST_BATCH))
        under_way = [await soon(inbox), await soon(inbox)]
        waiting = asyncio.create_task(inbox.take())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        inbox.put([message(1)])
        assert (await waiting).is_live
        inbox.done(under_way[0], 0.2)
        assert not (await soon(inbox)).is_live

    asyncio.run(scenario())


def test_batches_grow_with_a_quick_database_and_shrink_with_a_slow_one() -> None:
    async def scenario() -> None:
        inbox = Inbox(resent_under_way=1)
        sizes = [inbox.batch_size]
        for _ in range(10):
            inbox.put(message(number) for number in range(inbox.batch_size))
            inbox.done(await soon(inbox), GOOD_WRITE_S / 2)
            sizes.append(inbox.batch_size)
        assert sizes == sorted(sizes)
        assert (sizes[0], sizes[-1]) == (SMALLEST_BATCH, LARGEST_BATCH)
        inbox.done(Batch([message(1)], is_live=True), GOOD_WRITE_S / 2)  # says nothing of large ones
        assert inbox.batch_size == LARGEST_BATCH
        for _ in range(10):
            inbox.done(Batch([message(1)], is_live=True), 3 * GOOD_WRITE_S)
        assert inbox.batch_size == SMALLEST_BATCH

    asyncio.run(scenario())
