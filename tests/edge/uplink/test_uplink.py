"""The uplink against a real mosquitto: births, live data, acknowledgement, re-sending, rebirth, deaths."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from edge.spool.batches import Priority, encode_batch
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.topics import Verb
from tests.edge.uplink.gateway import QUICK, Gateway, gateway_on
from tests.edge.uplink.host import Host, host_on
from tests.servers import Mosquitto


def run_with_monitor(broker: Broker, scenario: object) -> None:
    with watching(Broker(broker.url)) as monitor:
        asyncio.run(scenario)  # type: ignore[arg-type]
        assert monitor.engine.messages > 0
        assert [str(violation) for violation in monitor.engine.violations] == []


async def _until_empty(gateway: Gateway, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while (await gateway.spool.figures()).depth:
            await asyncio.sleep(0.02)


@pytest.fixture(params=[5, 4], ids=["mqtt5", "mqtt311"])
def broker(request: pytest.FixtureRequest, mosquitto: Mosquitto) -> Broker:
    return Broker(mosquitto.url, protocol=request.param)


def test_births_then_live_data_then_goodbye(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_on(broker) as host:
            async with gateway_on(broker, tmp_path) as gateway:
                gateway.uplink.device_up("sl-000001")
                first = await gateway.measure("sl-000001", watts=61.5)
                await host.until(lambda: bool(host.of(Verb.DBIRTH)), "DBIRTH")
                assert gateway.uplink.is_online
                numbers = [await gateway.measure("sl-000001") for _ in range(5)]
                await host.until(lambda: {first, *numbers} <= host.batches(), "all batches")
                await _until_empty(gateway)
            await host.until(lambda: bool(host.of(Verb.NDEATH)), "NDEATH")
        order = [each.topic.verb for each in host.heard]
        assert order[0] is Verb.NBIRTH
        assert order.index(Verb.DBIRTH) < order.index(Verb.DDATA)
        birth = {metric.name: metric for metric in host.of(Verb.NBIRTH)[0].payload.metrics}
        assert birth[names.BD_SEQ].value == 0
        assert birth[names.SPOOL_EPOCH].value == gateway.spool.epoch
        device = {metric.name: metric for metric in host.of(Verb.DBIRTH)[0].payload.metrics}
        assert device["Power/Active"].value == 61.5
        assert device["Power/Active"].properties[names.UNIT].value == "W"
        assert device[names.DEVICE_CLASS].value == "streetlight"
        assert device[names.COMMAND_STATUS].is_null
        assert device[names.LATITUDE].value == 10.9
        live = [each for each in host.of(Verb.DDATA) if not each.is_historical]
        assert len(live) >= 5
        assert host.of(Verb.NDEATH)[-1].payload.metrics[0].value == 0
        assert host.of(Verb.NDEATH)[-1].payload.seq is None

    run_with_monitor(broker, scenario())


def test_what_is_not_acknowledged_comes_again_as_it_was(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_on(broker, acks=False) as host, gateway_on(broker, tmp_path) as gateway:
            gateway.uplink.device_up("sl-000001")
            await host.until(lambda: bool(host.of(Verb.DBIRTH)), "DBIRTH")
            number = await gateway.measure("sl-000001")
            uuid = f"{gateway.spool.epoch}:{number}"

            def copies() -> list[object]:
                return [each for each in host.of(Verb.DDATA) if each.payload.uuid == uuid]

            await host.until(lambda: len(copies()) >= 3, "two repetitions")
            live, *again = [each for each in host.of(Verb.DDATA) if each.payload.uuid == uuid]
            assert not live.is_historical
            assert all(each.is_historical for each in again)
            for each in again:
                assert [(m.name, m.value, m.time_ms) for m in each.payload.metrics] == [
                    (m.name, m.value, m.time_ms) for m in live.payload.metrics
                ]
                assert (each.payload.time_ms or 0) > (live.payload.time_ms or 0)
            host.acknowledge(gateway.spool.epoch, [number])
            await _until_empty(gateway)

    run_with_monitor(broker, scenario())


def test_rebirth_on_request(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_on(broker) as host, gateway_on(broker, tmp_path) as gateway:
            for device in ("sl-000001", "sl-000002"):
                gateway.uplink.device_up(device)
                await gateway.measure(device, watts=70)
            await host.until(lambda: len(host.of(Verb.DBIRTH)) == 2, "births")
            host.ask_rebirth()
            await host.until(lambda: len(host.of(Verb.DBIRTH)) == 4, "births again")
            first, second = host.of(Verb.NBIRTH)
            assert second.payload.seq == 0
            assert second.payload.metrics[0].value == first.payload.metrics[0].value, "same bdSeq"
            before = host.of(Verb.DBIRTH, "sl-000001")[0].payload.metrics
            after = host.of(Verb.DBIRTH, "sl-000001")[1].payload.metrics
            power = [next(m for m in each if m.name == "Power/Active") for each in (before, after)]
            assert power[0].time_ms == power[1].time_ms, "an old value keeps its own time"

    run_with_monitor(broker, scenario())


def test_deaths_of_devices_and_flush_of_a_dead_one(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with gateway_on(Broker("mqtt://127.0.0.1:9"), tmp_path, graceful=False) as gateway:
            left = {await gateway.measure("sl-000002") for _ in range(3)}
        async with host_on(broker) as host, gateway_on(broker, tmp_path) as gateway:
            gateway.uplink.device_up("sl-000001")
            await gateway.measure("sl-000001")
            await host.until(lambda: left <= host.batches(), "spooled batches of the dead device")
            flush = host.of(Verb.DBIRTH, "sl-000002")[0]
            assert all(metric.is_null for metric in flush.payload.metrics if metric.name == "Power/Active")
            await _until_empty(gateway)
            gateway.uplink.device_up("sl-000002")
            await gateway.measure("sl-000002", watts=33)
            await host.until(lambda: len(host.of(Verb.DBIRTH, "sl-000002")) == 2, "a life of its own")
            assert len(host.of(Verb.DDEATH, "sl-000002")) == 1
            gateway.uplink.device_down("sl-000002")
            await host.until(lambda: len(host.of(Verb.DDEATH, "sl-000002")) == 2, "DDEATH")

    run_with_monitor(broker, scenario())


def test_result_for_a_device_that_is_down_goes_out_at_once(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = replace(QUICK, resend_first_s=60.0)
        async with host_on(broker) as host, gateway_on(broker, tmp_path, settings=settings) as gateway:
            await host.until(lambda: gateway.uplink.is_online, "online")
            result = encode_batch(gateway.readings("sl-000001"), Priority.IMPORTANT)
            number = await gateway.spool.put_durably(result)
            await host.until(lambda: number in host.batches(), "result", 5)

    run_with_monitor(broker, scenario())


def test_broker_killed_and_back(tmp_path: Path) -> None:
    from tests.servers import running

    async def scenario(server: Mosquitto) -> None:
        broker = Broker(server.url)
        async with gateway_on(broker, tmp_path) as gateway:
            gateway.uplink.device_up("sl-000001")
            async with host_on(broker) as host:
                numbers = {await gateway.measure("sl-000001") for _ in range(3)}
                await host.until(lambda: numbers <= host.batches(), "live")
                await _until_empty(gateway)
                server.kill()
                numbers = {await gateway.measure("sl-000001") for _ in range(50)}
            server.start()
            async with host_on(broker) as later:
                await later.until(lambda: numbers <= later.batches(), "what was measured meanwhile")
                await _until_empty(gateway)
                assert later.of(Verb.NBIRTH)[0].payload.metrics[0].value >= 1
                assert all(each.is_historical for each in later.of(Verb.DDATA))

    with running(Mosquitto) as server:
        asyncio.run(scenario(server))  # type: ignore[arg-type]


def test_will_when_the_process_falls_silent(broker: Broker, tmp_path: Path) -> None:
    async def scenario(host: Host) -> None:
        async with gateway_on(broker, tmp_path, graceful=False) as gateway:
            gateway.uplink.device_up("sl-000001")
            await host.until(lambda: bool(host.of(Verb.DBIRTH)), "births")
            connection = gateway.uplink._connection
            assert connection is not None
            connection._link._client.socket().close()  # type: ignore[union-attr]
            await host.until(lambda: bool(host.of(Verb.NDEATH)), "will")
            await host.until(lambda: len(host.of(Verb.NBIRTH)) == 2, "next session")
            numbers = [each.payload.metrics[0].value for each in host.of(Verb.NBIRTH)]
            assert numbers == [0, 1]

    async def main() -> None:
        async with host_on(broker) as host:
            await scenario(host)

    run_with_monitor(broker, main())
