"""Every way to hear a broker brings the same messages, and the same acknowledgements back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.intake import Intake, MqttIntake, PahoIntake
from cloud.ingest.nats import NatsIntake, subject_of, topic_of
from telemetry.errors import LinkError
from telemetry.mqtt import Broker
from tests.cloud.ingest.conftest import Bench, until
from tests.cloud.ingest.wire import birth, data, double, now_ms, topic
from tests.servers import Mosquitto, Nats, free_port, running

LEVELS = st.lists(st.from_regex(r"[A-Za-z0-9.\-_]{1,12}", fullmatch=True), min_size=1, max_size=5)


def nats_of(server: Nats, group: str = "ingest") -> NatsIntake:
    return NatsIntake((f"nats://127.0.0.1:{server.client_port}",), group, Broker(server.url, 4))


async def drained(bench: Bench, broker: Broker, intake: Intake) -> None:
    """A burst of re-sent and live data of a device that a birth has told of is stored and acknowledged."""
    async with bench.running(broker, intake=intake) as gateway:
        to, begin = topic(device="sl-000777"), now_ms() - 100_000
        gateway.link.publish(topic("DBIRTH", device="sl-000777"), birth())
        for number in range(300):
            metric = double("Power/Active", number / 2, begin + number, is_historical=number % 2 == 0)
            gateway.link.publish(to, data(metric, batch=number))
        await until(lambda: gateway.acked == set(range(300)), "300 acknowledgements")
        samples = bench.sqlite.series("sl-000777", "power_active", begin, begin + 300)
        assert [sample.value for sample in samples] == [number / 2 for number in range(300)]


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("kind", [MqttIntake, PahoIntake])
def test_mqtt(bench: Bench, mosquitto: Mosquitto, kind: type, protocol: int) -> None:
    broker = Broker(mosquitto.url, protocol)
    asyncio.run(drained(bench, broker, kind(broker, f"intake-{kind.__name__}-{protocol}")))


def test_mqtt_of_a_nats_server(bench: Bench, nats: Nats) -> None:
    broker = Broker(nats.url, 4)
    asyncio.run(drained(bench, broker, MqttIntake(broker, "intake-on-nats")))


def test_nats_behind_its_mqtt_listener(bench: Bench, nats: Nats) -> None:
    asyncio.run(drained(bench, Broker(nats.url, 4), nats_of(nats)))


def test_members_of_a_queue_group_divide_the_work_and_one_that_goes_is_replaced(
    bench: Bench, tmp_path: Path, nats: Nats
) -> None:
    broker = Broker(nats.url, 4)

    async def scenario(other: Bench) -> None:
        intake = nats_of(nats, "two")
        async with bench.running(broker, intake=intake) as gateway:
            second = asyncio.create_task(other.worker(broker, intake=intake).run())
            await until(lambda: other.sample("connected") == 1, "the second worker")
            gateway.link.publish(topic("DBIRTH", device="sl-000778"), birth())
            for each in (bench, other):
                await until(lambda each=each: each.sample("messages_total", verb="DBIRTH") == 1, "the birth")  # type: ignore[misc]
            to, begin = topic(device="sl-000778"), now_ms() - 100_000
            for number in range(400):
                gateway.link.publish(to, data(double("Power/Active", 1.0, begin + number), batch=number))
            await until(lambda: gateway.acked == set(range(400)), "all acknowledgements")
            assert bench.sample("messages_total", verb="DDATA") > 0
            assert other.sample("messages_total", verb="DDATA") > 0
            second.cancel()
            await asyncio.wait({second})
            gateway.link.publish(to, data(double("Power/Active", 1.0, begin + 500), batch=500))
            await until(lambda: 500 in gateway.acked, "the acknowledgement of the one that is left")

    folder = tmp_path / "other"
    folder.mkdir()
    other = Bench(folder)
    try:
        asyncio.run(scenario(other))
    finally:
        other.close()


def test_work_goes_on_after_the_nats_server_was_killed(bench: Bench) -> None:
    async def scenario(server: Nats) -> None:
        broker = Broker(server.url, 4)
        async with bench.running(broker, intake=nats_of(server)):
            await asyncio.to_thread(server.kill)
            await until(lambda: bench.sample("connected") == 0, "the loss to be seen")
            await asyncio.to_thread(server.start)
            await until(lambda: bench.sample("connected") == 1, "the connection after the restart")
        async with bench.running(broker, intake=nats_of(server)) as gateway:
            gateway.link.publish(topic(), data(double("Power/Active", 2.0), batch=2))
            await until(lambda: gateway.acked == {2}, "the acknowledgement")

    with running(Nats) as server:
        asyncio.run(scenario(server))  # type: ignore[arg-type]


def test_a_nats_server_that_is_not_there_is_named() -> None:
    async def scenario() -> None:
        port = free_port()
        intake = NatsIntake((f"nats://127.0.0.1:{port}",), "ingest", Broker("mqtt://127.0.0.1:1"))
        with pytest.raises(LinkError, match=rf"{port} cannot be reached: .*nats_url"):
            async with intake.connect(lambda messages: None):
                pass

    asyncio.run(scenario())


def test_a_topic_is_a_subject_as_the_server_maps_it() -> None:
    assert subject_of("spBv1.0/p060/DDATA/eg-1/sl-1") == "spBv1//0.p060.DDATA.eg-1.sl-1"


@given(LEVELS)
def test_a_subject_is_read_back(levels: list[str]) -> None:
    topic = "/".join(levels)
    assert topic_of(subject_of(topic)) == topic
