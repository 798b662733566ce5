"""The live view on a real broker, with the real registry and store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from cloud.live import service as module
from cloud.live.events import DeviceChanged, Event, ReadingArrived
from cloud.live.health import HealthReport, Status
from cloud.live.hub import Wanted
from cloud.live.service import Live
from cloud.live.state import DeviceState
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import AlarmRecord, DeviceBirth, NewAlarm
from cloud.store import open_store
from cloud.store.port import Sample, Scan, Store
from telemetry.clock import SystemClock
from telemetry.devices.library import Library
from telemetry.mqtt import Broker, Link, open_link
from telemetry.readings import Quality
from tests.cloud.ingest.wire import AREA, DEVICE, GATEWAY, birth, data, double, now_ms, topic
from tests.servers import Mosquitto, running

DEADLINE_S = 20.0


async def until(true: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None


class Bench:
    """A live view whose events are kept instead of encoded."""

    def __init__(self, folder: Path) -> None:
        self.registry: SqlRegistry = open_registry(f"sqlite:///{folder}/registry.db")
        self.store: Store = open_store(f"sqlite:///{folder}/store.db")
        self.events: list[Event] = []
        self.live: Live

    def close(self) -> None:
        self.registry.close()
        self.store.close()

    def encode(self, event: Event) -> bytes:
        self.events.append(event)
        return b""

    def lamp(self) -> None:
        self.registry.gateway_born(GATEWAY, AREA, time_ms=now_ms(), software="")
        self.registry.device_born(
            DeviceBirth(DEVICE, AREA, GATEWAY, "streetlight", "", "", None, None, [], now_ms())
        )

    def stored(self, value: float, time_ms: int) -> None:
        self.store.write([Scan("streetlight", AREA, GATEWAY, DEVICE, time_ms, {"power_active": value})])

    def value(self, field: str = "power_active") -> Sample | None:
        device = self.live.view.device(DEVICE)
        return None if device is None else device.fields.get(field)

    @contextlib.asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        self.live = Live(
            Broker(url),
            self.registry,
            self.store,
            classes=Library.shipped().classes,
            clock=SystemClock(),
            encode=self.encode,
        )
        self.live.hub.join(Wanted())
        task = asyncio.create_task(self.live.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def linked(self) -> None:
        await until(lambda: self.live._checks._broker.status is Status.OK, "the live link")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, seconds in {
        "POLL_S": 0.05,
        "STATES_S": 0.05,
        "DEVICES_S": 0.1,
        "HEALTH_S": 0.05,
        "RELOAD_S": 0.1,
    }.items():
        monkeypatch.setattr(module, name, seconds)
    made = Bench(tmp_path)
    yield made
    made.close()


@contextlib.asynccontextmanager
async def gateway(url: str) -> AsyncIterator[Link]:
    async with open_link(Broker(url), f"test-gateway-{now_ms()}") as link:
        yield link


def test_reading_reaches_watchers_and_view(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(mosquitto.url), gateway(mosquitto.url) as link:
            await bench.linked()
            link.publish(topic("DBIRTH"), birth(double("Power/Active", 1.0)))
            time_ms = now_ms()
            link.publish(topic(), data(double("Power/Active", 61.5, time_ms), batch=1))
            await until(lambda: bench.value() == Sample(time_ms, 61.5), "the value")
            await until(
                lambda: any(
                    isinstance(each, DeviceChanged) and each.state is DeviceState.ONLINE
                    for each in bench.events
                ),
                "the device's state",
            )
            link.publish(topic("NDEATH", device=None), data())
            await until(
                lambda: any(
                    isinstance(each, DeviceChanged) and each.state is DeviceState.OFFLINE
                    for each in bench.events
                ),
                "the gateway's death",
            )
        readings = [each for each in bench.events if isinstance(each, ReadingArrived)]
        assert [(each.device, each.time_ms) for each in readings] == [(DEVICE, time_ms)]

    asyncio.run(scenario())


def test_older_values_sent_again_are_no_news(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        bench.lamp()
        time_ms = now_ms()
        bench.stored(60.0, time_ms)
        async with bench.running(mosquitto.url), gateway(mosquitto.url) as link:
            await bench.linked()
            await until(lambda: bench.value() == Sample(time_ms, 60.0), "the stored value")
            link.publish(topic(), data(double("Power/Active", 1.0, time_ms - 5_000), batch=1))
            link.publish(topic(), data(double("Power/Active", 62.0, time_ms + 1, quality=500), batch=2))
            await until(lambda: bench.value() == Sample(time_ms + 1, 62.0, Quality.STALE), "the newer value")
        assert [each.time_ms for each in bench.events if isinstance(each, ReadingArrived)] == [time_ms + 1]

    asyncio.run(scenario())


def test_what_was_missed_while_the_broker_was_away_comes_from_the_store(bench: Bench) -> None:
    async def scenario(broker: Mosquitto) -> None:
        bench.lamp()
        async with bench.running(broker.url):
            await bench.linked()
            await until(lambda: bench.live.health.broker.status is Status.OK, "a healthy report")
            broker.kill()
            await until(lambda: bench.live.health.broker.status is Status.DEAD, "the report of the loss")
            assert bench.live.health.status is Status.DEGRADED
            time_ms = now_ms()
            bench.stored(55.0, time_ms)
            await asyncio.to_thread(broker.start)
            await until(lambda: bench.value() == Sample(time_ms, 55.0), "the value that was missed")
            await until(lambda: bench.live.health.broker.status is Status.OK, "the report of the return")
        told = [each.broker.status for each in bench.events if isinstance(each, HealthReport)]
        assert Status.DEAD in told
        assert told[-1] is Status.OK

    with running(Mosquitto) as server:
        asyncio.run(scenario(cast("Mosquitto", server)))


def test_alarm_reaches_watchers(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(mosquitto.url):
            await bench.linked()
            await until(lambda: bench.live.health.registry.status is Status.OK, "the first report")
            await asyncio.to_thread(
                bench.registry.raise_alarm,
                NewAlarm(
                    DEVICE, GATEWAY, "streetlight/lamp-out", "major", "", "", "", "", None, None, now_ms()
                ),
            )
            await until(lambda: any(isinstance(each, AlarmRecord) for each in bench.events), "the alarm")

    asyncio.run(scenario())


def test_ingest_that_stands_still_is_told(
    bench: Bench, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.live.health.LAG_LIMIT_S", 0.2)

    async def scenario() -> None:
        async with bench.running(mosquitto.url), gateway(mosquitto.url) as link:
            await bench.linked()
            link.publish(topic("DBIRTH"), birth(double("Power/Active", 1.0)))
            time_ms = now_ms()
            link.publish(topic(), data(double("Power/Active", 61.5, time_ms), batch=1))
            await until(lambda: bench.live.health.ingest.status is Status.DEGRADED, "the report of the lag")
            bench.stored(61.5, time_ms)
            await until(lambda: bench.live.health.ingest.status is Status.OK, "the report of the end")

    asyncio.run(scenario())


def test_registry_that_is_lost_and_back(
    bench: Bench, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloud.errors import RegistryUnavailable

    def down() -> None:
        raise RegistryUnavailable("the registry does not answer")

    async def scenario() -> None:
        async with bench.running(mosquitto.url):
            await until(lambda: bench.live.health.status is Status.OK, "health")
            with monkeypatch.context() as broken:
                broken.setattr(bench.registry, "ping", down)
                await until(lambda: bench.live.health.status is Status.DEAD, "the report of the loss")
            await until(lambda: bench.live.health.status is Status.OK, "the report of the return")

    asyncio.run(scenario())
