"""The lean reader on real brokers, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from cloud.mqtt_reader.session import MqttSession, open_session
from telemetry.errors import LinkError
from telemetry.mqtt import Broker, open_link
from telemetry.mqtt_packets import Arrived
from tests.servers import Mosquitto, Nats, free_port, running

FILTERS = ["t/+"]
CONNACK = b"\x20\x03\x00\x00\x00"
SUBACK = b"\x90\x04\x00\x01\x00\x00"


def nothing(_arrived: Sequence[Arrived]) -> None:
    pass


@contextlib.asynccontextmanager
async def server(*answers: bytes, then: bytes = b"") -> AsyncIterator[Broker]:
    """Answers each packet with the next of `answers`, then says `then` and is silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(1000)
            writer.write(answer)
        if then:
            await reader.read(1000)  # the first ping: the session stands
            writer.write(then)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    serving = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = serving.sockets[0].getsockname()[1]
    try:
        yield Broker(f"mqtt://127.0.0.1:{port}", keep_alive_s=1)
    finally:
        serving.close()


async def lost(session: MqttSession) -> str:
    async with asyncio.timeout(20):
        return await session.lost


@pytest.mark.parametrize("protocol", [4, 5])
def test_messages_of_any_size_arrive_in_order(mosquitto: Mosquitto, protocol: int) -> None:
    async def scenario() -> None:
        broker = Broker(mosquitto.url, protocol)
        arrived: list[Arrived] = []
        sizes = [0, 1, 100, 127, 128, 20_000, 300_000] * 20
        async with (
            open_session(broker, f"reader-{protocol}", FILTERS, arrived.extend),
            open_link(broker, f"sender-{protocol}") as link,
        ):
            for number, size in enumerate(sizes):
                link.publish(f"t/{number}", bytes(size))
            async with asyncio.timeout(30):
                while len(arrived) < len(sizes):
                    await asyncio.sleep(0.01)
        assert [(topic, size) for topic, _, size in arrived] == [
            (f"t/{number}", size) for number, size in enumerate(sizes)
        ]

    asyncio.run(scenario())


def test_what_it_publishes_is_heard(mosquitto: Mosquitto, nats: Nats) -> None:
    async def scenario(broker: Broker) -> None:
        arrived: list[Arrived] = []
        async with open_session(broker, "reader-echo", FILTERS, arrived.extend) as session:
            session.publish("t/echo", b"\x00 payload")
            async with asyncio.timeout(20):
                while not arrived:
                    await asyncio.sleep(0.01)
        assert arrived == [("t/echo", b"\x00 payload", 9)]
        with pytest.raises(LinkError, match="gone"):
            session.publish("t/echo", b"")

    asyncio.run(scenario(Broker(mosquitto.url)))
    asyncio.run(scenario(Broker(nats.url, 4)))


def test_a_wrong_password_is_not_worth_another_try() -> None:
    config = "allow_anonymous false\n"

    async def scenario(broker: Mosquitto) -> None:
        with pytest.raises(LinkError, match=r"refuses the connection: not authorized") as caught:
            async with open_session(Broker(broker.url, username="a", password="b"), "r", FILTERS, nothing):
                pass
        assert not caught.value.retryable

    with running(lambda folder: Mosquitto(folder, config)) as broker:
        asyncio.run(scenario(broker))  # type: ignore[arg-type]


def test_a_killed_broker_is_noticed() -> None:
    async def scenario(broker: Mosquitto) -> None:
        async with open_session(Broker(broker.url), "r", FILTERS, nothing) as session:
            await asyncio.to_thread(broker.kill)
            assert await lost(session)

    with running(Mosquitto) as broker:
        asyncio.run(scenario(broker))  # type: ignore[arg-type]


def test_a_broker_that_is_not_there_is_named() -> None:
    async def scenario() -> None:
        port = free_port()
        with pytest.raises(LinkError, match=f"{port} cannot be reached"):
            async with open_session(Broker(f"mqtt://127.0.0.1:{port}"), "r", FILTERS, nothing):
                pass

    asyncio.run(scenario())


def test_a_silent_broker_is_left() -> None:
    async def scenario() -> None:
        async with (
            server(CONNACK, SUBACK) as broker,
            open_session(broker, "r", FILTERS, nothing) as session,
        ):
            assert "silent" in await lost(session)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (b"\x36\x04\x00\x01tx", "QoS 3"),
        (b"\x30\xff\xff\xff\xff", "more than four bytes"),
        (b"\xe0\x01\x8e", "good-bye: session taken over"),
        (b"\x40\x02\x00\x01", "the broker sent a packet of type 4"),
    ],
)
def test_what_is_no_mqtt_ends_the_connection_with_a_reason(says: bytes, reason: str) -> None:
    async def scenario() -> None:
        async with (
            server(CONNACK, SUBACK, then=says) as broker,
            open_session(broker, "r", FILTERS, nothing) as session,
        ):
            assert reason in await lost(session)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"\x20\x03\x00\x84\x00"], "refuses the connection: unsupported protocol version"),
        (
            [CONNACK, b"\x90\x04\x00\x01\x00\x9e"],
            "refuses a subscription: shared subscriptions not supported",
        ),
        ([b"\x20\x02\x00"], "connection lost at CONNECT|does not answer"),
    ],
)
def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch, answers: list[bytes], reason: str) -> None:
    monkeypatch.setattr("cloud.mqtt_reader.session.CONNECT_TIMEOUT_S", 1.0)

    async def scenario() -> None:
        async with server(*answers) as broker:
            with pytest.raises(LinkError, match=reason):
                async with open_session(broker, "r", FILTERS, nothing):
                    pass

    asyncio.run(scenario())
