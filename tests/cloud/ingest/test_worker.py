"""Ingest on a real broker: stored before acknowledged, nothing lost, bad input kept aside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cloud.registry.port import DeadLetter
from telemetry.mqtt import Broker
from telemetry.sparkplug.payload import DataType
from tests.cloud.ingest.conftest import Bench, until
from tests.cloud.ingest.wire import DEVICE, birth, data, double, metric, now_ms, topic
from tests.servers import Mosquitto, running


def broker_of(server: Mosquitto) -> Broker:
    return Broker(server.url)


def stored(bench: Bench) -> int:
    return bench.sqlite.count(0, 10**13)


def letters(bench: Bench) -> list[DeadLetter]:
    return bench.registry.dead_letters()


def test_a_batch_is_stored_judged_and_acknowledged(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            at = now_ms()
            gateway.link.publish(topic(), data(double("Power/Active", 41.5, at), batch=1))
            await until(lambda: gateway.acked == {1}, "the acknowledgement")
            assert bench.sqlite.latest([DEVICE])[DEVICE]["power_active"].value == 41.5
            assert [scan.time_ms for scan in bench.judge.scans] == [at]
            assert bench.sample("stored_values_total") == 1
            assert bench.sample("acknowledged_batches_total") == 1

    asyncio.run(scenario())


def test_acknowledgements_of_a_burst_are_joined(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            begin = now_ms() - 100_000
            for number in range(1, 501):
                gateway.link.publish(topic(), data(double("Power/Active", 1.0, begin + number), batch=number))
            await until(lambda: gateway.acked == set(range(1, 501)), "500 acknowledgements")
            assert stored(bench) == 500
            assert gateway.ack_messages < 50

    asyncio.run(scenario())


def test_old_data_is_stored_and_not_judged(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            old = now_ms() - 6 * 60_000
            gateway.link.publish(topic(), data(double("Power/Active", 1.0, old), batch=1))
            await until(lambda: gateway.acked == {1}, "the acknowledgement")
            assert stored(bench) == 1
            assert bench.judge.scans == []

    asyncio.run(scenario())


def test_bad_input_is_counted_and_kept_while_good_input_flows(bench: Bench) -> None:
    bad = {
        "malformed": b"\xff\xfenot a payload",
        "unknown-metric": data(double("Nobody/Knows", 1.0), batch=2),
        "wrong-type": data(metric("Power/Active", DataType.STRING, "much"), batch=3),
        "too-large": data(metric("Lamp/Program", DataType.STRING, "x" * 10_000_000), batch=4),
        "bad-time": data(double("Power/Active", 1.0, 1000), batch=5),
    }

    async def scenario(server: Mosquitto) -> None:
        async with bench.running(broker_of(server)) as gateway:
            begin = now_ms() - 1000
            number = 100
            for payload in bad.values():
                gateway.link.publish(topic(), payload)
                number += 1
                gateway.link.publish(topic(), data(double("Power/Active", 1.0, begin + number), batch=number))
            expected = {2, 3, 4, 5, *range(101, 106)}
            await until(lambda: gateway.acked == expected, "acknowledgements of all that has a batch id")
            assert stored(bench) == len(bad)
            assert sorted(letter.reason for letter in letters(bench)) == sorted(bad)
            for letter in letters(bench):
                assert letter.size == len(bad[letter.reason])
                assert bad[letter.reason].startswith(letter.payload)
                assert bench.sample("dead_letters_total", reason=letter.reason) == 1

    # the brokers that we configure refuse such sizes themselves; another's may not
    with running(lambda folder: Mosquitto(folder, "message_size_limit 0\n")) as server:
        asyncio.run(scenario(server))  # type: ignore[arg-type]


def test_a_stopped_database_stops_acknowledgements_and_loses_nothing(
    bench: Bench, mosquitto: Mosquitto
) -> None:
    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            bench.store.is_down = True
            begin = now_ms()
            for number in range(50):
                gateway.link.publish(topic(), data(double("Power/Active", 1.0, begin + number), batch=number))
            await until(lambda: bench.store.attempts >= 4, "attempts to write")
            assert gateway.acked == set()
            assert stored(bench) == 0
            bench.store.is_down = False
            await until(lambda: gateway.acked == set(range(50)), "acknowledgements after the restart")
            assert stored(bench) == 50
            assert bench.sample("retries_total", step="store") >= 3

    asyncio.run(scenario())


def test_an_unknown_device_is_acknowledged_only_after_its_birth(bench: Bench, mosquitto: Mosquitto) -> None:
    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            to = topic(device="sl-000099")
            payload = data(double("Power/Active", 7.0), batch=9)
            gateway.link.publish(to, payload)
            await until(lambda: bench.sample("unknown_device_messages_total") == 1, "the count")
            assert gateway.acked == set()
            gateway.link.publish(topic("DBIRTH", device="sl-000099"), birth())
            gateway.link.publish(to, payload)
            await until(lambda: gateway.acked == {9}, "the acknowledgement after the birth")

    asyncio.run(scenario())


def test_work_goes_on_after_the_broker_was_killed(bench: Bench) -> None:
    async def scenario(server: Mosquitto) -> None:
        broker = broker_of(server)
        async with bench.running(broker) as gateway:
            gateway.link.publish(topic(), data(double("Power/Active", 1.0), batch=1))
            await until(lambda: gateway.acked == {1}, "the first acknowledgement")
            await asyncio.to_thread(server.kill)
            await until(lambda: bench.sample("connected") == 0, "the loss to be seen")
            await asyncio.to_thread(server.start)
            await until(lambda: bench.sample("connected") == 1, "the connection after the restart")
        async with bench.running(broker) as gateway:
            gateway.link.publish(topic(), data(double("Power/Active", 2.0), batch=2))
            await until(lambda: gateway.acked == {2}, "the second acknowledgement")

    with running(Mosquitto) as server:
        asyncio.run(scenario(server))  # type: ignore[arg-type]


def test_workers_of_one_share_divide_the_work_and_all_know_the_births(
    bench: Bench, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def scenario(other: Bench) -> None:
        broker = broker_of(mosquitto)
        async with bench.running(broker, "ingest") as gateway:
            second = asyncio.create_task(other.worker(broker, "ingest").run())
            await until(lambda: other.sample("connected") == 1, "the second worker")
            gateway.link.publish(topic("DBIRTH", device="sl-000777"), birth())
            begin = now_ms() - 10_000
            to = topic(device="sl-000777")
            for number in range(200):
                gateway.link.publish(to, data(double("Power/Active", 1.0, begin + number), batch=number))
            await until(lambda: gateway.acked == set(range(200)), "all acknowledgements")
            shares = [stored(bench), stored(other)]
            assert sum(shares) == 200
            assert min(shares) > 0
            second.cancel()
            await asyncio.wait({second})

    folder = tmp_path / "other"
    folder.mkdir()
    other = Bench(folder)
    try:
        asyncio.run(scenario(other))
    finally:
        other.close()


@pytest.mark.parametrize("status", [2, 4])
def test_a_commands_result_is_reported(bench: Bench, mosquitto: Mosquitto, status: int) -> None:
    reported: list[tuple[str, int, str]] = []
    bench.registry.command_result = (  # type: ignore[method-assign]
        lambda command_id, code, error, *, time_ms: reported.append((command_id, int(code), error))
    )

    async def scenario() -> None:
        async with bench.running(broker_of(mosquitto)) as gateway:
            at = now_ms()
            payload = data(
                metric("Lamp/On", DataType.BOOLEAN, True, at),
                metric("Command/Last Id", DataType.STRING, "c-42", at),
                metric("Command/Status", DataType.INT32, status, at),
                metric("Command/Error", DataType.STRING, "why", at),
                batch=1,
            )
            gateway.link.publish(topic(), payload)
            await until(lambda: gateway.acked == {1}, "the acknowledgement")
            assert reported == [("c-42", status, "why")]

    asyncio.run(scenario())
