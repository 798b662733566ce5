"""The role as a process starts it: settings in, values and alarms out, on both kinds of broker."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from cloud.ingest.service import run_ingest
from cloud.registry.database import open_registry
from cloud.registry.port import DeviceBirth
from cloud.settings import Settings, load_settings
from cloud.store import open_store
from telemetry.mqtt import Broker, open_link
from telemetry.sparkplug.payload import DataType
from tests.cloud.ingest.conftest import Gateway, until
from tests.cloud.ingest.wire import AREA, GATEWAY, data, metric, now_ms, topic
from tests.servers import Mosquitto, Nats

METER = "wm-000001"


def settings(tmp_path: Path, url: str, protocol: int) -> Settings:
    file = tmp_path / "cloud.yaml"
    file.write_text(
        f"broker: {{url: '{url}', protocol: {protocol}}}\n"
        "store: sqlite:///store.db\nregistry: sqlite:///registry.db\nsecrets_dir: secrets\n"
    )
    return load_settings(file)


async def alarm_within_two_seconds(chosen: Settings) -> None:
    registry, store = open_registry(chosen.registry), open_store(chosen.store)
    registry.device_born(DeviceBirth(METER, AREA, GATEWAY, "water_meter", "", "", None, None, (), now_ms()))
    role = asyncio.create_task(run_ingest(chosen, registry, store))
    try:
        await until(lambda: REGISTRY.get_sample_value("kega_ingest_connected") == 1 or role.done(), "ingest")
        broker = Broker(chosen.broker.url, chosen.broker.protocol)
        async with open_link(broker, "gateway-service-test") as link:
            await link.subscribe(f"spBv1.0/{AREA}/NCMD/{GATEWAY}")
            gateway = Gateway(link)
            listener = asyncio.create_task(gateway.listen())
            begun = asyncio.get_running_loop().time()
            tampered = metric("Alarm/Tamper", DataType.BOOLEAN, True)
            link.publish(topic(device=METER), data(tampered, batch=1))
            await until(lambda: bool(registry.alarms(device=METER)), "the alarm")
            assert asyncio.get_running_loop().time() - begun < 2
            await until(lambda: gateway.acked == {1}, "the acknowledgement")
            assert store.latest([METER])[METER]["alarm_tamper"].value is True
            listener.cancel()
    finally:
        role.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await role
        store.close()
        registry.close()


def test_on_mosquitto_with_mqtt_5(tmp_path: Path, mosquitto: Mosquitto) -> None:
    asyncio.run(alarm_within_two_seconds(settings(tmp_path, mosquitto.url, 5)))


def test_on_nats_with_mqtt_3(tmp_path: Path, nats: Nats) -> None:
    asyncio.run(alarm_within_two_seconds(settings(tmp_path, nats.url, 4)))


def test_the_role_can_end_and_start_again(tmp_path: Path, mosquitto: Mosquitto) -> None:
    chosen = settings(tmp_path, mosquitto.url, 5)

    async def once() -> None:
        registry, store = open_registry(chosen.registry), open_store(chosen.store)
        role = asyncio.create_task(run_ingest(chosen, registry, store))
        await until(lambda: REGISTRY.get_sample_value("kega_ingest_connected") == 1 or role.done(), "ingest")
        role.cancel()
        with pytest.raises(asyncio.CancelledError):
            await role
        store.close()
        registry.close()
        assert REGISTRY.get_sample_value("kega_ingest_connected") is None

    for _ in range(2):
        asyncio.run(once())
