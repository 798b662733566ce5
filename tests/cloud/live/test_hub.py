"""Fan-out: who gets which event, and what a slow reader loses."""

from __future__ import annotations

import asyncio

import pytest

from cloud.errors import Refused
from cloud.live.events import DeviceChanged, Event
from cloud.live.hub import MOST_WATCHERS, QUEUE, Hub, Wanted
from cloud.live.state import DeviceState
from cloud.registry.port import GatewayRecord


def changed(device: str, device_class: str = "streetlight") -> DeviceChanged:
    return DeviceChanged(device, device_class, DeviceState.ONLINE)


def encode(event: Event) -> bytes:
    return (event.device if isinstance(event, DeviceChanged) else type(event).__name__).encode()


def make_hub() -> Hub:
    return Hub(encode, lambda _: "streetlight")


def test_each_gets_what_it_wants() -> None:
    async def scenario() -> None:
        hub = make_hub()
        everything = hub.join(Wanted())
        one = hub.join(Wanted(devices=frozenset({"sl-1"})))
        meters = hub.join(Wanted(classes=frozenset({"water_meter"})))
        hub.publish(changed("sl-1"))
        hub.publish(changed("wm-1", "water_meter"))
        hub.publish(GatewayRecord("eg-1", "p060", True, None, None, None))
        assert await everything.take(0) == [b"sl-1", b"wm-1", b"GatewayRecord"]
        assert await one.take(0) == [b"sl-1", b"GatewayRecord"]
        assert await meters.take(0) == [b"wm-1", b"GatewayRecord"]
        hub.leave(one)
        assert hub.watchers == 2

    asyncio.run(scenario())


def test_an_event_is_encoded_once_for_all_and_never_for_nobody() -> None:
    calls: list[Event] = []

    def counted(event: Event) -> bytes:
        calls.append(event)
        return b"x"

    hub = Hub(counted, lambda _: "")
    hub.publish(changed("sl-1"))
    assert calls == []
    watchers = [hub.join(Wanted()) for _ in range(5)]
    watchers.append(hub.join(Wanted(devices=frozenset({"sl-2"}))))
    hub.publish(changed("sl-1"))
    assert len(calls) == 1
    hub.publish(changed("sl-3"))
    assert len(calls) == 2


def test_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    async def scenario() -> None:
        hub = make_hub()
        slow, quick = hub.join(Wanted()), hub.join(Wanted())
        for number in range(QUEUE + 7):
            hub.publish(changed(f"sl-{number}"))
            assert await quick.take(0) == [f"sl-{number}".encode()]
        assert slow.take_lost() == 7
        assert slow.take_lost() == 0
        events = await slow.take(0)
        assert (len(events), events[0]) == (QUEUE, b"sl-7")
        assert quick.take_lost() == 0

    asyncio.run(scenario())


def test_reader_waits_for_news_but_not_longer_than_asked() -> None:
    async def scenario() -> None:
        hub = make_hub()
        watcher = hub.join(Wanted())
        assert await watcher.take(0.01) == []
        taking = asyncio.create_task(watcher.take(5))
        await asyncio.sleep(0)
        hub.publish(changed("sl-1"))
        assert await asyncio.wait_for(taking, 1) == [b"sl-1"]

    asyncio.run(scenario())


def test_closing_ends_every_wait_and_lets_nobody_in() -> None:
    async def scenario() -> None:
        hub = make_hub()
        watcher = hub.join(Wanted())
        taking = asyncio.create_task(watcher.take(60))
        await asyncio.sleep(0)
        hub.close()
        assert await asyncio.wait_for(taking, 1) == []
        assert watcher.closed
        with pytest.raises(Refused, match="the service is stopping"):
            hub.join(Wanted())

    asyncio.run(scenario())


def test_watchers_are_bounded() -> None:
    hub = make_hub()
    for _ in range(MOST_WATCHERS):
        hub.join(Wanted())
    with pytest.raises(Refused, match=f"{MOST_WATCHERS} streams are open"):
        hub.join(Wanted())
