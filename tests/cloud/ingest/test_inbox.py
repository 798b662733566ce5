"""The inbox: bounded in number and bytes, and quick to hand out what there is."""

from __future__ import annotations

import asyncio
import time

import pytest

from cloud.ingest import inbox as module
from cloud.ingest.inbox import BATCH_MESSAGES, MAX_MESSAGES, WINDOW_S, Inbox
from cloud.ingest.routing import Received


def message(number: int, size: int = 1) -> Received:
    return Received(f"t/{number}", bytes(size), size)


def test_a_lonely_message_waits_only_for_the_window() -> None:
    async def scenario() -> None:
        inbox = Inbox()
        await inbox.put(message(1))
        begun = time.monotonic()
        assert await inbox.take() == [message(1)]
        assert time.monotonic() - begun < WINDOW_S + 0.5
        assert len(inbox) == 0

    asyncio.run(scenario())


def test_a_full_batch_does_not_wait_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_S", 60)

    async def scenario() -> None:
        inbox = Inbox()
        for number in range(BATCH_MESSAGES + 5):
            await inbox.put(message(number))
        async with asyncio.timeout(5):
            batch = await inbox.take()
        assert batch == [message(number) for number in range(BATCH_MESSAGES)]
        assert len(inbox) == 5

    asyncio.run(scenario())


def test_a_full_inbox_makes_the_sender_wait() -> None:
    async def scenario() -> None:
        inbox = Inbox()
        for number in range(MAX_MESSAGES):
            await inbox.put(message(number))
        waiting = asyncio.create_task(inbox.put(message(MAX_MESSAGES)))
        await asyncio.sleep(0)
        assert not waiting.done()
        await inbox.take()
        async with asyncio.timeout(5):
            await waiting

    asyncio.run(scenario())


def test_large_messages_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "BATCH_BYTES", 500)

    async def scenario() -> None:
        inbox = Inbox()
        for number in range(4):
            await inbox.put(message(number, 250))
        waiting = asyncio.create_task(inbox.put(message(4, 250)))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert len(await inbox.take()) == 2
        async with asyncio.timeout(5):
            await waiting
        assert len(await inbox.take()) == 2
        assert len(await inbox.take()) == 1

    asyncio.run(scenario())
