"""Two real brokers: the standby is used while the first is away, and left when it is back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.spool.figures import SpoolLimits
from edge.spool.spool import Spool
from edge.uplink.brokers import PATIENCE, SIGHTINGS, BrokerChoice
from edge.uplink.connections import ConnectionNumbers
from edge.uplink.definitions import GatewayDefinition
from edge.uplink.session import Devices
from edge.uplink.uplink import Uplink
from telemetry.clock import SystemClock
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker
from telemetry.sparkplug.topics import Verb
from tests.edge.uplink.gateway import QUICK, Gateway, device_definition
from tests.edge.uplink.host import AREA, GATEWAY, host_on
from tests.servers import Mosquitto, running


def test_the_next_broker_after_two_failures_in_a_row() -> None:
    choice = BrokerChoice(3)
    assert not choice.failed()
    choice.stood()
    assert not choice.failed()
    assert choice.failed()
    assert choice.index == 1
    for _ in range(PATIENCE):
        choice.failed()
    assert choice.index == 2
    for _ in range(PATIENCE):
        choice.failed()
    assert choice.is_first, "and round again"


def test_back_to_the_first_once_it_has_answered_twice() -> None:
    choice = BrokerChoice(2)
    assert not choice.first_seen(answers=True)
    for _ in range(PATIENCE):
        choice.failed()
    assert not choice.first_seen(answers=True)
    assert not choice.first_seen(answers=False)
    assert not choice.first_seen(answers=True)
    assert choice.first_seen(answers=True)
    assert choice.is_first


@given(st.integers(1, 4), st.lists(st.sampled_from(["failed", "stood", "seen", "unseen"])))
def test_the_choice_is_always_one_of_them(brokers: int, events: list[str]) -> None:
    choice = BrokerChoice(brokers)
    seen = 0
    for event in events:
        was_first = choice.is_first
        match event:
            case "failed":
                moved = choice.failed()
                assert not moved or brokers > 1
                seen = 0 if moved else seen
            case "stood":
                choice.stood()
            case _:
                seen = seen + 1 if event == "seen" else 0
                if choice.first_seen(answers=event == "seen"):
                    assert not was_first
                    assert seen >= SIGHTINGS
                    assert choice.is_first
                    seen = 0
        assert 0 <= choice.index < brokers


def test_two_real_brokers(tmp_path: Path) -> None:
    async def scenario(first: Mosquitto, second: Mosquitto) -> None:
        async with host_on(Broker(second.url)) as there:
            uplink, gateway, life = await _start(tmp_path, first.url, second.url)
            async with host_on(Broker(first.url)) as here:
                gateway.uplink.device_up("sl-000001")
                await gateway.measure("sl-000001")
                await here.until(lambda: bool(here.of(Verb.DDATA)), "data at the first", 30)
            assert not there.of(Verb.NBIRTH)
            first.kill()
            waiting = await gateway.measure("sl-000001")
            await there.until(lambda: waiting in there.batches(), "the standby gets what waited", 60)
            first.start()
            async with host_on(Broker(first.url)) as here:
                await here.until(lambda: bool(here.of(Verb.NBIRTH)), "births at the first again", 60)
                number = await gateway.measure("sl-000001")
                await here.until(lambda: number in here.batches(), "data at the first again", 30)
            await there.until(lambda: bool(there.of(Verb.NDEATH)), "a goodbye to the standby", 30)
            await uplink.stop()
            await asyncio.wait_for(life, 30)
            await gateway.spool.close()

    with running(Mosquitto) as first, running(Mosquitto) as second:
        assert isinstance(first, Mosquitto)
        assert isinstance(second, Mosquitto)
        with watching(Broker(second.url)) as monitor:
            asyncio.run(scenario(first, second))
            assert [str(violation) for violation in monitor.engine.violations] == []


async def _start(folder: Path, *urls: str) -> tuple[Uplink, Gateway, asyncio.Task[None]]:
    clock = SystemClock()
    spool = Spool(folder / "spool.db", SpoolLimits(), clock, commit_every_s=0.02)
    known = Devices(GatewayDefinition(AREA, GATEWAY, {"sl-000001": device_definition("sl-000001")}, "0.1.0"))
    first, *others = [Broker(url) for url in urls]
    uplink = Uplink(
        known,
        spool,
        numbers=ConnectionNumbers(folder / "bdseq"),
        broker=lambda: first,
        standbys=[lambda broker=broker: broker for broker in others],  # type: ignore[misc]
        on_command=lambda _: None,
        settings=replace(QUICK, look_for_first_s=0.5),
        clock=clock,
    )
    spool.start(on_commit=uplink.committed, on_epoch=uplink.spool_replaced)
    await spool.ready()
    return uplink, Gateway(spool, uplink, known), asyncio.create_task(uplink.run())
