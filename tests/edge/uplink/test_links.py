"""Lines that lie: half-open connections, slow hosts, a primary host that comes and goes, a spool replaced."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.mqtt import Broker, open_link
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.topics import Verb
from tests.edge.uplink.gateway import QUICK, gateway_on
from tests.edge.uplink.host import Host, host_on
from tests.edge.uplink.stalling import stalling
from tests.servers import Mosquitto, Nats

pytestmark = pytest.mark.anyio
STATE = "spBv1.0/STATE/kega-host"
PROBING = replace(QUICK, drain_s=0.1, ack_lag_s=0.5, probe_every_s=0.5, probe_timeout_s=0.5)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_half_open_connection_is_found_out_and_renewed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with stalling(mosquitto.port) as line, host_on(Broker(mosquitto.url)) as host:
        broker = Broker(f"mqtt://127.0.0.1:{line.port}")
        async with gateway_on(broker, tmp_path, settings=PROBING) as gateway:
            gateway.uplink.device_up("sl-000001")
            number = await gateway.measure("sl-000001")
            await host.until(lambda: number in host.batches(), "live")
            line.stall()
            lost = {await gateway.measure("sl-000001") for _ in range(5)}
            assert not lost & host.batches()
            await host.until(lambda: lost <= host.batches(), "what went into the void comes again", 20)
            assert line.connections >= 2


async def test_slow_host_is_no_reason_to_reconnect(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with host_on(Broker(mosquitto.url), acks=False) as host:
        async with gateway_on(Broker(mosquitto.url), tmp_path, settings=PROBING) as gateway:
            gateway.uplink.device_up("sl-000001")
            await gateway.measure("sl-000001")
            await asyncio.sleep(1.5)
            assert gateway.uplink.is_online
        assert len(host.of(Verb.NBIRTH)) == 1


async def _say(host: Host, *, online: bool, time_ms: int) -> None:
    payload = json.dumps({"online": online, "timestamp": time_ms})
    await host.link.publish_confirmed(STATE, payload, qos=1, retain=True)


async def test_primary_host_gates_births_and_ends_the_session(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = replace(QUICK, primary_host="kega-host")
    async with host_on(Broker(mosquitto.url)) as host:
        async with gateway_on(Broker(mosquitto.url), tmp_path, settings=settings) as gateway:
            gateway.uplink.device_up("sl-000001")
            await gateway.measure("sl-000001")
            await asyncio.sleep(0.5)
            assert host.heard == []
            host.ask_rebirth()
            await _say(host, online=False, time_ms=50)
            await asyncio.sleep(0.2)
            assert host.heard == []
            await _say(host, online=True, time_ms=100)
            await host.until(lambda: bool(host.of(Verb.DBIRTH)), "births")
            await _say(host, online=False, time_ms=99)
            await asyncio.sleep(0.3)
            assert host.of(Verb.NDEATH) == []
            await _say(host, online=False, time_ms=100)
            await host.until(lambda: bool(host.of(Verb.NDEATH)), "NDEATH")
            await asyncio.sleep(0.5)
            assert len(host.of(Verb.NBIRTH)) == 1
            await _say(host, online=True, time_ms=200)
            await host.until(lambda: len(host.of(Verb.NBIRTH)) == 2, "births again")
            assert host.of(Verb.NBIRTH)[1].payload.metrics[0].value != 0
        async with open_link(Broker(mosquitto.url), "cleaner") as link:
            await link.publish_confirmed(STATE, b"", retain=True)


async def test_new_spool_file_is_announced_by_new_births(mosquitto: Mosquitto, tmp_path: Path) -> None:
    broker = Broker(mosquitto.url)
    async with host_on(broker) as host, gateway_on(broker, tmp_path) as gateway:
        gateway.uplink.device_up("sl-000001")
        await gateway.measure("sl-000001")
        await host.until(lambda: bool(host.of(Verb.DDATA)), "live")
        before = gateway.spool.epoch
        gateway.spool._writer._queue.call(lambda database: database._connection.close())
        gateway.spool._writer._queue.call(lambda _: gateway.spool._writer._replace("broken by the test"))
        await host.until(lambda: len(host.of(Verb.NBIRTH)) == 2, "births again")
        epochs = [
            metric.value
            for each in host.of(Verb.NBIRTH)
            for metric in each.payload.metrics
            if metric.name == names.SPOOL_EPOCH
        ]
        assert epochs == [before, gateway.spool.epoch]
        number = await gateway.measure("sl-000001")
        uuid = f"{gateway.spool.epoch}:{number}"
        await host.until(lambda: any(e.payload.uuid == uuid for e in host.heard), "data of the new epoch")


async def test_many_devices_are_born_in_pace_on_a_311_broker(nats: Nats, tmp_path: Path) -> None:
    broker = Broker(nats.url, protocol=4)
    devices = tuple(f"sl-{number:06d}" for number in range(30))
    async with host_on(broker) as host, gateway_on(broker, tmp_path, devices) as gateway:
        for device in devices:
            gateway.uplink.device_up(device)
            await gateway.measure(device)
        await host.until(lambda: len(host.of(Verb.DBIRTH)) == 30, "all births")
        times = [each.payload.time_ms or 0 for each in host.of(Verb.DBIRTH)]
        assert all(later - earlier >= 950 for earlier, later in zip(times, times[20:], strict=False))
        await host.until(lambda: len(host.batches()) == 30, "all batches")
