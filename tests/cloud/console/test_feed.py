"""One upstream subscription for all pages of a role, and what happens when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cloud.console.client import Api
from cloud.console.feed import Feed
from tests.cloud.console.fake_api import Province, now_ms

LogIn = Callable[[str], Api]
DEADLINE_S = 10


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return now_ms()

    def monotonic(self) -> float:
        return self.seconds


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.01)


def test_many_pages_share_one_stream(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        feed = Feed(HandClock())
        viewers = [feed.join(log_in("operator")) for _ in range(5)]
        assert await feed.loaded(DEADLINE_S)
        await until(lambda: feed.link == "live")
        assert province.streams_opened == 1
        viewers[3].watch.look_at("sl-000001")
        province.read("sl-000001", {"power_active": 77.0})
        await until(lambda: "power_active" in viewers[3].watch.readings)
        assert viewers[0].watch.readings == {}
        for viewer in viewers:
            feed.leave(viewer)
        await until(lambda: not province.streams)
        assert feed.link == "starting"

    run(scenario())


def test_when_the_page_that_carries_the_stream_closes_another_takes_over(
    log_in: LogIn, province: Province
) -> None:
    async def scenario() -> None:
        feed = Feed(HandClock())
        first, second = feed.join(log_in("operator")), feed.join(log_in("operator"))
        await until(lambda: feed.link == "live")
        feed.leave(first)
        await first.api.aclose()
        await until(lambda: province.streams_opened == 2 and len(province.streams) == 1)
        second.watch.look_at("sl-000001")
        province.read("sl-000001", {"power_active": 78.0})
        await until(lambda: "power_active" in second.watch.readings)
        feed.leave(second)

    run(scenario())


def test_a_session_that_ends_hands_the_stream_to_another(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        ended, stays = log_in("operator"), log_in("operator")
        province.sessions.pop("session-0")
        feed = Feed(HandClock())
        first, second = feed.join(ended), feed.join(stays)
        await until(lambda: feed.link == "live")
        assert first.signed_out
        assert not second.signed_out
        feed.leave(first)
        feed.leave(second)

    run(scenario())


def test_without_a_stream_it_polls_and_comes_back(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        province.refuse_streams = True
        feed = Feed(HandClock(), poll_s=0.05)
        viewer = feed.join(log_in("operator"))
        viewer.watch.look_at("sl-000001")
        await until(lambda: feed.link == "polling")
        assert len(feed.board.devices) == 60
        province.latest["sl-000001"]["power_active"] = {"value": 99.0, "time_ms": now_ms(), "quality": 192}
        await until(lambda: viewer.watch.readings["power_active"].value == 99.0)
        province.refuse_streams = False
        await until(lambda: feed.link == "live")
        feed.leave(viewer)

    run(scenario())


def test_without_the_api_the_picture_is_lost_and_keeps_its_time(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        feed = Feed(HandClock(), poll_s=0.05)
        viewer = feed.join(log_in("operator"))
        await until(lambda: feed.link == "live")
        fresh_ms = feed.fresh_ms
        province.broken = province.refuse_streams = True
        await until(lambda: feed.link == "lost")
        assert feed.fresh_ms is not None
        assert fresh_ms is not None
        assert fresh_ms <= feed.fresh_ms <= now_ms()
        assert len(feed.board.devices) == 60
        province.broken = province.refuse_streams = False
        await until(lambda: feed.link == "live")
        feed.leave(viewer)

    run(scenario())


def test_a_device_that_appears_is_loaded_soon(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        clock = HandClock()
        feed = Feed(clock)
        viewer = feed.join(log_in("operator"))
        await until(lambda: feed.link == "live")
        province.devices["sl-900001"] = {**province.devices["sl-000001"], "id": "sl-900001"}
        province.latest["sl-900001"] = {}
        province.read("sl-900001", {"power_active": 1.0})
        await until(lambda: feed.board.incomplete)
        clock.seconds += 4
        await until(lambda: "sl-900001" in feed.board.devices)
        assert not feed.board.incomplete
        feed.leave(viewer)

    run(scenario())


def test_the_rate_is_values_a_second(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        clock = HandClock()
        feed = Feed(clock)
        viewer = feed.join(log_in("operator"))
        await until(lambda: feed.link == "live")
        assert feed.values_per_s == 0
        for _ in range(10):
            province.read("sl-000001", {"power_active": 1.0, "power_voltage": 230.0})
        await until(lambda: feed.board.values_seen == 20)
        clock.seconds += 5
        assert feed.values_per_s == 4
        feed.leave(viewer)

    run(scenario())


def test_a_first_picture_that_does_not_come_is_not_waited_for(log_in: LogIn, province: Province) -> None:
    async def scenario() -> None:
        province.broken = True
        feed = Feed(HandClock(), poll_s=0.05)
        viewer = feed.join(log_in("operator"))
        assert not await feed.loaded(0.1)
        feed.leave(viewer)

    run(scenario())


def test_a_fault_of_our_own_is_told_and_the_feed_begins_anew(
    log_in: LogIn, province: Province, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        feed = Feed(HandClock(), poll_s=0.05)
        viewer = feed.join(log_in("operator"))
        await until(lambda: feed.link == "live")

        def broken(_: object) -> None:
            raise RuntimeError("a fault")

        monkeypatch.setattr(feed.board, "apply", broken)
        province.read("sl-000001", {"power_active": 1.0})
        await until(lambda: feed.link == "lost")
        monkeypatch.undo()
        await until(lambda: feed.link == "live")
        feed.leave(viewer)

    run(scenario())
    assert "console-feed-failed" in caplog.text
