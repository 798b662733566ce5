"""The whole agent on a gateway whose clock is wrong: no wrong time goes out, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.decoding.binding import load_gateway
from edge.time.keeper import TimeKeeper
from edge.time.kernel import KernelClock
from edge.time.memory import TIME_FILE
from telemetry.devices.library import Library
from telemetry.mqtt import Broker
from telemetry.readings import Quality
from telemetry.sparkplug.metrics import quality_of
from telemetry.sparkplug.topics import Verb
from telemetry.time_exchange import TIME_ASKED, TimeAnswer, answer_metric
from tests.edge.agent.process import DEVICE, write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.uplink.host import Heard, Host, host_on
from tests.servers import Mosquitto

pytestmark = pytest.mark.anyio
UNSYNCED = KernelClock(False, 16.0)
DEADLINE_S = 60


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class WrongMachine:
    """The clocks of a gateway without a battery: since its start by 0, and since 1970 by chance."""

    def now_ms(self) -> int:
        return 86_400_000

    def monotonic(self) -> float:
        return time.monotonic()


@contextlib.asynccontextmanager
async def agent_on(config: Path, boot: str) -> AsyncIterator[Agent]:
    bound = load_gateway(config, Library.shipped())
    bound.config.state_dir.mkdir(exist_ok=True)
    clock = TimeKeeper(
        WrongMachine(),
        lambda: UNSYNCED,
        bound.config.state_dir / TIME_FILE,
        boot=boot,
        trust_machine=False,
    )
    agent = Agent(bound, clock=clock)
    stopping = asyncio.Event()
    task = asyncio.create_task(agent.live(stopping))
    try:
        yield agent
    finally:
        stopping.set()
        await asyncio.wait_for(task, DEADLINE_S)


async def answer_questions(host: Host) -> None:
    """What the cloud's host does, until cancelled."""
    answered = 0
    while True:
        for message in host.of(Verb.NDATA)[answered:]:
            answered += 1
            for metric in message.payload.metrics:
                if metric.name == TIME_ASKED and isinstance(metric.value, int):
                    now_ms = int(time.time() * 1000)
                    host.tell_node(answer_metric(TimeAnswer(metric.value, now_ms, now_ms), now_ms))
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def answering(host: Host) -> AsyncIterator[None]:
    task = asyncio.create_task(answer_questions(host))
    try:
        yield
    finally:
        task.cancel()


async def _until_unsettled(agent: Agent, count: int) -> int:
    async with asyncio.timeout(DEADLINE_S):
        while (figures := await agent.spool.figures()).unsettled < count:
            await asyncio.sleep(0.05)
    return figures.unsettled


def _data(host: Host) -> list[Heard]:
    return host.of(Verb.DDATA, DEVICE)


async def test_readings_wait_for_the_time_and_get_the_right_one(mosquitto: Mosquitto, tmp_path: Path) -> None:
    lamp = RawDevice({1, 10}, registers={0: 0x4366, 1: 0x0000})
    broker = Broker(mosquitto.url)
    async with on_tcp(lamp) as port, host_on(broker) as host:
        config = write_config(tmp_path, {"url": mosquitto.url}, port)
        began_ms = time.time() * 1000
        async with agent_on(config, "boot-1") as agent:
            await host.until(lambda: bool(host.of(Verb.DBIRTH, DEVICE)), "births", DEADLINE_S)
            waiting = await _until_unsettled(agent, 6)
            assert agent.clock.state().name == "unknown"
            assert _data(host) == [], "nothing is sent without its time"
            births = len(host.of(Verb.NBIRTH))
            known_from_ms = time.time() * 1000
            async with answering(host):
                await host.until(lambda: len(_data(host)) >= waiting + 3, "data", DEADLINE_S)
            assert agent.clock.state().name == "host"
            await host.until(
                lambda: len(host.of(Verb.NBIRTH)) > births, "births with the right time", DEADLINE_S
            )
            async with asyncio.timeout(DEADLINE_S):
                while (await agent.spool.figures()).unsettled:
                    await asyncio.sleep(0.05)
        now_ms = time.time() * 1000
        times = [metric.time_ms or 0 for each in _data(host) for metric in each.payload.metrics]
        assert all(began_ms - 500 <= each <= now_ms + 500 for each in times)
        assert sum(each < known_from_ms - 500 for each in times) > 0, "those from before the answer too"
        qualities = {quality_of(m)[0] for each in _data(host) for m in each.payload.metrics}
        assert qualities == {Quality.GOOD}


async def test_a_boot_that_never_learned_the_time_is_estimated_later(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    lamp = RawDevice({1, 10}, registers={0: 0x4366, 1: 0x0000})
    broker = Broker(mosquitto.url)
    async with on_tcp(lamp) as port, host_on(broker) as host:
        config = write_config(tmp_path, {"url": mosquitto.url}, port)
        async with agent_on(config, "boot-1") as agent:
            await _until_unsettled(agent, 4)
        assert _data(host) == []
        async with agent_on(config, "boot-2"), answering(host):

            def estimated() -> list[int]:
                return [
                    metric.time_ms or 0
                    for each in _data(host)
                    for metric in each.payload.metrics
                    if quality_of(metric)[0] is Quality.TIME_ESTIMATED
                ]

            await host.until(lambda: bool(estimated()), "estimated readings", DEADLINE_S)
            await host.until(
                lambda: any(not each.is_historical for each in _data(host)), "live ones", DEADLINE_S
            )
            assert all(each < time.time() * 1000 for each in estimated())
            reasons = {
                quality_of(metric)[1]
                for each in _data(host)
                for metric in each.payload.metrics
                if quality_of(metric)[0] is Quality.TIME_ESTIMATED
            }
            assert all("time estimated, ±" in reason for reason in reasons)
