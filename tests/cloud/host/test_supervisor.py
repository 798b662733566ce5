"""The supervisor at real brokers, with scripted gateways and a plain onlooker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from cloud.control.submit import submit
from cloud.host.policy import HostPolicy
from cloud.host.service import run_supervisor
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import Admission, CommandState
from cloud.settings import BrokerSettings, Settings
from telemetry.clock import SystemClock
from telemetry.commands import CommandStatus, command_of
from telemetry.devices.library import Library
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker, Link, Message, open_link
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType, decode
from telemetry.sparkplug.topics import Verb
from tests.cloud.host.wire import Gateway, Sent
from tests.servers import Mosquitto, running

CLASSES = Library.shipped().classes
STATE = "spBv1.0/STATE/test-host"


@pytest.fixture(params=["mosquitto-5", "nats-3.1.1"])
def broker(request: pytest.FixtureRequest) -> Broker:
    name, version = str(request.param).split("-")
    server = request.getfixturevalue(name)
    return Broker(server.url, protocol=5 if version == "5" else 4)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/registry.db")
    yield opened
    opened.close()


@dataclass
class House:
    """A running supervisor, and what the tests need around it."""

    broker: Broker
    registry: SqlRegistry
    task: asyncio.Task[None]
    onlooker: Link

    async def hear(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that the onlooker hears and that is `wanted`."""
        async with asyncio.timeout(15):
            async for message in self.onlooker.messages():
                if wanted(message):
                    return message
        raise AssertionError("the onlooker lost its connection")

    async def state(self, *, online: bool) -> dict[str, Any]:
        """The next STATE that says so."""
        message = await self.hear(
            lambda each: each.topic == STATE and json.loads(each.payload)["online"] is online
        )
        told: dict[str, Any] = json.loads(message.payload)
        return told

    async def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def until(holds: Callable[[], bool], timeout_s: float = 15) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.02)


def settings_for(broker: Broker, folder: str, **policy: float) -> Settings:
    return Settings(
        broker=BrokerSettings(url=broker.url, protocol=4 if broker.protocol == 4 else 5),
        host_id="test-host",
        store=f"sqlite:///{folder}/store.db",
        registry="sqlite:///unused.db",
        supervisor=HostPolicy.model_validate(policy),
    )


@contextlib.asynccontextmanager
async def house(broker: Broker, registry: SqlRegistry, **policy: float) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="kega-test-") as folder:
        async with _house_in(folder, broker, registry, **policy) as built:
            yield built


@contextlib.asynccontextmanager
async def _house_in(
    folder: str, broker: Broker, registry: SqlRegistry, **policy: float
) -> AsyncIterator[House]:
    async with open_link(broker, "onlooker") as onlooker:
        await onlooker.subscribe("spBv1.0/#", qos=1)
        task = asyncio.create_task(
            run_supervisor(settings_for(broker, folder, **policy), registry, collector=CollectorRegistry())
        )
        built = House(broker, registry, task, onlooker)
        try:
            await built.state(online=True)
            yield built
        finally:
            await built.end()


@contextlib.asynccontextmanager
async def gateway_link(house: House, gateway: Gateway) -> AsyncIterator[Link]:
    async with open_link(house.broker, gateway.id) as link:
        await link.subscribe(str(gateway.topic(Verb.NCMD)), f"spBv1.0/{gateway.area}/DCMD/{gateway.id}/+")
        yield link


def send(link: Link, *messages: Sent) -> None:
    for topic, data in messages:
        link.publish(str(topic), data)


async def next_of(link: Link, verb: str) -> Message:
    async with asyncio.timeout(15):
        async for message in link.messages():
            if f"/{verb}/" in message.topic:
                return message
    raise AssertionError("connection lost")


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


def spool_depth(registry: SqlRegistry, gateway: str) -> int | None:
    return next((each.spool_depth for each in registry.gateways() if each.id == gateway), None)


def is_online(registry: SqlRegistry, device: str) -> bool:
    record = registry.device(device)
    return record is not None and record.online


def test_state_is_retained_true_and_ends_with_a_goodbye(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        async with house(broker, registry) as built:
            async with open_link(broker, "latecomer") as latecomer:
                await latecomer.subscribe(STATE, qos=1)
                message = await next_of(latecomer, "STATE")
                told = json.loads(message.payload)
                assert (message.retain, message.qos) == (True, 1)
                assert set(told) == {"online", "timestamp"}
                assert told["online"] is True
            await built.end()
            goodbye = await built.state(online=False)
            assert goodbye["timestamp"] >= told["timestamp"]

    run(story())


def test_a_false_rumour_of_our_death_is_answered_at_once(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        async with house(broker, registry) as built:
            rumour = json.dumps({"online": False, "timestamp": 1})
            await built.onlooker.publish_confirmed(STATE, rumour, qos=1, retain=True)
            assert (await built.state(online=False))["timestamp"] == 1
            answer = await built.state(online=True)
            async with open_link(broker, "latecomer") as latecomer:
                await latecomer.subscribe(STATE, qos=1)
                retained = json.loads((await next_of(latecomer, "STATE")).payload)
            assert retained == answer

    run(story())


def test_births_discover_and_deaths_take_offline(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-births")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            send(
                link,
                gateway.nbirth(depth=2),
                gateway.dbirth("sl-b1"),
                gateway.dbirth("sl-b2"),
                gateway.ddata("sl-b1"),
            )
            await until(lambda: is_online(registry, "sl-b2"))
            device = registry.device("sl-b1")
            assert device is not None
            assert (device.admission, device.device_class) == (Admission.DISCOVERED, "streetlight")
            assert (device.title, device.gateway, device.area) == ("Cột 1", "eg-births", "p060")
            assert [point.field for point in device.points] == ["lamp_on", "lamp_level", "power_active"]
            send(link, gateway.ddeath("sl-b1"))
            await until(lambda: not is_online(registry, "sl-b1"))
            assert is_online(registry, "sl-b2")
            await until(lambda: spool_depth(registry, "eg-births") == 2)
            send(link, gateway.ndeath())
            await until(lambda: not is_online(registry, "sl-b2"))

    run(story())


def test_unborn_gateways_are_asked_for_their_birth_once(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-unborn")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            for _ in range(10):
                send(link, gateway.ddata("sl-u1"))
            message = await next_of(link, "NCMD")
            payload = decode(message.payload)
            [metric] = payload.metrics
            assert (metric.name, metric.type, metric.value) == (REBIRTH, DataType.BOOLEAN, True)
            assert (payload.seq, message.qos, message.retain) == (None, 0, False)
            assert payload.time_ms is not None
            send(link, gateway.nbirth(), gateway.dbirth("sl-u1"))
            await until(lambda: is_online(registry, "sl-u1"))
            send(link, gateway.ddata("sl-u1"), gateway.ddata("sl-other"))
            with pytest.raises(TimeoutError):  # the pace: one request a minute
                async with asyncio.timeout(1):
                    await next_of(link, "NCMD")

    run(story())


def test_a_command_goes_out_is_repeated_and_ends_with_its_result(
    broker: Broker, registry: SqlRegistry
) -> None:
    async def story() -> None:
        gateway = Gateway("eg-cmd")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            send(link, gateway.nbirth(), gateway.dbirth("sl-c1"))
            await until(lambda: is_online(registry, "sl-c1"))
            registry.set_admission("sl-c1", Admission.ACCEPTED, by="lan")
            command = submit(registry, CLASSES, "sl-c1", "lamp_on", True, issuer="lan", ttl_s=30)
            first = await next_of(link, "DCMD")
            assert first.topic == "spBv1.0/p060/DCMD/eg-cmd/sl-c1"
            order = command_of("sl-c1", decode(first.payload).metrics[0], 0)
            assert (order.id, order.metric, order.value, order.issuer) == (command.id, "Lamp/On", True, "lan")
            assert order.expires_ms == command.expires_ms
            again = await next_of(link, "DCMD")
            assert command_of("sl-c1", decode(again.payload).metrics[0], 0).id == command.id
            # what ingest does with the gateway's report
            registry.command_result(command.id, CommandStatus.DONE, "", time_ms=1)
            await until(lambda: (registry.command(command.id) or command).attempts == 2)
            done = registry.command(command.id)
            assert done is not None
            assert done.state is CommandState.DONE

    run(story())


def test_a_command_waits_for_a_gateway_that_is_offline(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-away")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            send(link, gateway.nbirth(), gateway.dbirth("sl-a1"), gateway.ndeath())
            await until(lambda: registry.device("sl-a1") is not None and not is_online(registry, "sl-a1"))
            registry.set_admission("sl-a1", Admission.ACCEPTED, by="lan")
            command = submit(registry, CLASSES, "sl-a1", "lamp_level", 40, issuer="lan")
            await asyncio.sleep(0.4)
            waiting = registry.command(command.id)
            assert waiting is not None
            assert (waiting.state, waiting.attempts) == (CommandState.ASKED, 0)
            gateway.reconnect()
            send(link, gateway.nbirth(), gateway.dbirth("sl-a1"))
            message = await next_of(link, "DCMD")
            assert decode(message.payload).metrics[0].value == 40

    run(story())


def test_a_gateway_that_stays_away_is_alarmed(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-alarm")
        async with (
            house(broker, registry, gateway_grace_s=0.5) as built,
            gateway_link(built, gateway) as link,
        ):
            send(link, gateway.nbirth(), gateway.ndeath())
            await until(lambda: bool(registry.alarms(open_only=True)))
            [alarm] = registry.alarms()
            assert (alarm.rule, alarm.device, alarm.active) == ("gateway-offline", "eg-alarm", True)
            gateway.reconnect()
            send(link, gateway.nbirth())
            await until(lambda: not registry.alarms()[0].active)

    run(story())


def test_nonsense_on_the_wire_stops_nothing(broker: Broker, registry: SqlRegistry) -> None:
    async def story() -> None:
        gateway = Gateway("eg-noise")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            for verb in ("NBIRTH", "DBIRTH", "DDATA", "NDEATH", "DDEATH", "NDATA", "NCMD", "WHAT"):
                for data in (b"", b"\xff" * 50, b"Node Control/Rebirth", b"\x12\x04\x0a\x02\xff\xfe", b"{}"):
                    level = "/sl-n1" if verb.startswith("D") else ""
                    link.publish(f"spBv1.0/p060/{verb}/eg-noise{level}", data)
            for topic in (
                "spBv1.0/x",
                "spBv1.0/STATE/test-host/x",
                "spBv1.0/STATE/other",
                "spBv1.0/a/b/c/d/e/f",
            ):
                link.publish(topic, b'{"online": false}')
            for state in (b"", b"[]", b"\xff", b'{"online": 1}', b"[" * 5000):
                link.publish(STATE, state)
            send(link, gateway.nbirth(), gateway.dbirth("sl-n1"))
            await until(lambda: is_online(registry, "sl-n1"))
            assert not built.task.done()

    run(story())


def test_the_monitor_finds_no_rule_broken_by_the_host(mosquitto: Mosquitto, registry: SqlRegistry) -> None:
    broker = Broker(mosquitto.url)

    async def story() -> None:
        gateway = Gateway("eg-watched")
        async with house(broker, registry) as built, gateway_link(built, gateway) as link:
            send(link, gateway.ddata("sl-w1"))
            await next_of(link, "NCMD")
            send(link, gateway.nbirth(), gateway.dbirth("sl-w1"))
            await until(lambda: is_online(registry, "sl-w1"))
            registry.set_admission("sl-w1", Admission.ACCEPTED, by="lan")
            submit(registry, CLASSES, "sl-w1", "lamp_on", False, issuer="lan", ttl_s=10)
            await next_of(link, "DCMD")
            rumour = json.dumps({"online": False, "timestamp": SystemClock().now_ms()})
            await built.onlooker.publish_confirmed(STATE, rumour, retain=True)
            await built.state(online=True)
            await built.end()
            await built.state(online=False)

    with watching(broker, host_id="test-host") as monitor:
        run(story())
    of_host = [
        str(violation)
        for violation in monitor.engine.violations
        if "/STATE/" in violation.topic or "CMD/" in violation.topic
    ]
    assert of_host == []
    assert monitor.engine.messages > 6


def test_killed_it_is_offline_by_its_will(broker: Broker, registry: SqlRegistry, tmp_path: Path) -> None:
    config = tmp_path / "cloud.yaml"
    config.write_text(
        f"broker: {{url: '{broker.url}', protocol: {broker.protocol}}}\nhost_id: test-host\n"
        f"store: sqlite:///s.db\nregistry: sqlite:///registry.db\n"
    )
    program = (
        "import asyncio, sys, pathlib\n"
        "from cloud.settings import load_settings\n"
        "from cloud.registry.database import open_registry\n"
        "from cloud.host.service import run_supervisor\n"
        "settings = load_settings(pathlib.Path(sys.argv[1]))\n"
        "asyncio.run(run_supervisor(settings, open_registry(settings.registry)))\n"
    )

    async def story() -> None:
        async with open_link(broker, "onlooker") as onlooker:
            await onlooker.subscribe(STATE, qos=1)
            process = subprocess.Popen([sys.executable, "-c", program, str(config)])
            try:
                online = await state_of(onlooker, online=True)
                process.kill()
                process.wait(10)
                offline = await state_of(onlooker, online=False)
                assert offline["timestamp"] == online["timestamp"], "the will has the time of its CONNECT"
            finally:
                process.kill()
                process.wait(10)

    run(story())


async def state_of(link: Link, *, online: bool) -> dict[str, Any]:
    async with asyncio.timeout(20):
        async for message in link.messages():
            told: dict[str, Any] = json.loads(message.payload)
            if not message.retain and told["online"] is online:
                return told
    raise AssertionError("connection lost")


def test_a_broker_that_dies_takes_everything_offline_until_it_is_back(
    registry: SqlRegistry, tmp_path: Path
) -> None:
    async def story(server: Mosquitto) -> None:
        broker = Broker(server.url)
        gateway = Gateway("eg-1")
        task = asyncio.create_task(
            run_supervisor(settings_for(broker, str(tmp_path)), registry, collector=CollectorRegistry())
        )
        try:
            async with open_link(broker, "eg-1") as link:
                send(link, gateway.nbirth(), gateway.dbirth())
                while not is_online(registry, "sl-1"):  # the supervisor may have come after the births
                    await asyncio.sleep(0.2)
                    send(link, gateway.nbirth(), gateway.dbirth())
                server.kill()
                await until(lambda: not is_online(registry, "sl-1"))
            server.start()
            async with open_link(broker, "eg-1") as link:
                await link.subscribe("spBv1.0/p060/NCMD/eg-1")
                asked = asyncio.create_task(next_of(link, "NCMD"))
                while not asked.done():
                    send(link, gateway.ddata())
                    await asyncio.sleep(0.1)
                gateway.reconnect()
                send(link, gateway.nbirth(), gateway.dbirth())
                await until(lambda: is_online(registry, "sl-1"))
        finally:
            task.cancel()
            await asyncio.wait({task})

    with running(Mosquitto) as server:
        run(story(cast("Mosquitto", server)))
