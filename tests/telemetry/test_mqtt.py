"""One MQTT connection, on real brokers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest

from telemetry.errors import LinkError
from telemetry.mqtt import Broker, Link, Message, Will, open_link
from tests.servers import Mosquitto, Nats, free_port, program, running

pytestmark = pytest.mark.anyio
BROKERS = ["mosquitto-5", "mosquitto-4", "nats-4"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Broker:
    name, _, protocol = request.param.partition("-")
    return Broker(request.getfixturevalue(name).url, protocol=int(protocol))


async def next_message(link: Link, timeout_s: float = 5) -> Message:
    return await asyncio.wait_for(anext(link.messages()), timeout_s)


@contextlib.asynccontextmanager
async def listening(broker: Broker, topic: str, *, qos: int = 1) -> AsyncIterator[Link]:
    async with open_link(broker, f"listener-{time.monotonic_ns()}") as link:
        await link.subscribe(topic, qos=qos)
        yield link


def topic_of(what: str) -> str:
    return f"test/{what}/{time.monotonic_ns()}"


async def test_a_message_tells_what_is_left_of_its_life(broker: Broker) -> None:
    topic = topic_of("expires")
    async with listening(broker, topic) as listener, open_link(broker, "speaker") as speaker:
        speaker.publish(topic, b"1", expires_in_s=30)
        speaker.publish(topic, b"2")
        left = [(await next_message(listener)).expires_in_s for _ in range(2)]
        assert left == ([30, None] if broker.protocol == 5 else [None, None])


async def test_a_message_arrives(broker: Broker) -> None:
    topic = topic_of("arrives")
    async with listening(broker, topic) as listener, open_link(broker, "speaker") as speaker:
        assert speaker.is_up
        await speaker.publish_confirmed(topic, b"\x00\xff", qos=0)
        await speaker.publish_confirmed(topic, "chữ", qos=1)
        assert await next_message(listener) == Message(topic, b"\x00\xff", 0, False)
        assert await next_message(listener) == Message(topic, "chữ".encode(), 1, False)


async def test_no_message_waits_for_the_one_before(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[tuple[object, ...]] = []
    set_option = socket.socket.setsockopt

    def noting(plug: socket.socket, *option: int) -> None:
        options.append(option)
        set_option(plug, *option)

    monkeypatch.setattr(socket.socket, "setsockopt", noting)
    async with open_link(broker, "speaker"):
        assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in options


async def test_retained_messages_wait_for_the_subscriber(broker: Broker) -> None:
    topic = topic_of("retained")
    async with open_link(broker, "speaker") as speaker:
        await speaker.publish_confirmed(topic, b"here", qos=1, retain=True)
    async with listening(broker, topic) as listener:
        message = await next_message(listener)
        assert (message.payload, message.retain) == (b"here", True)


async def test_retain_as_published_shows_the_bit(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.url)
    topic = topic_of("rap")
    async with open_link(broker, "l") as listener, open_link(broker, "s") as speaker:
        await listener.subscribe(topic, qos=2, retain_as_published=True)
        await speaker.publish_confirmed(topic, b"x", qos=2, retain=True)
        assert await next_message(listener) == Message(topic, b"x", 2, True)


async def test_the_will_comes_when_the_client_dies(broker: Broker) -> None:
    topic = topic_of("will")
    async with (
        listening(broker, topic) as listener,
        open_link(broker, "mortal", will=Will(topic, b"gone")) as mortal,
    ):
        transport = mortal._client.socket()
        assert transport is not None
        transport.shutdown(socket.SHUT_RDWR)
        assert (await next_message(listener)).payload == b"gone"
        await asyncio.wait_for(asyncio.shield(mortal.lost), 5)
        assert not mortal.is_up
        with pytest.raises(LinkError, match="gone"):
            mortal.publish(topic, b"x")


async def test_a_clean_end_brings_no_will_unless_asked(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.url)
    topic = topic_of("clean")
    async with listening(broker, topic) as listener:
        async with open_link(broker, "quiet", will=Will(topic, b"quiet")):
            pass
        async with open_link(broker, "loud", will=Will(topic, b"loud")) as loud:
            await loud.close(with_will=True)
        assert (await next_message(listener)).payload == b"loud"


async def test_a_clean_session_keeps_no_subscription(broker: Broker) -> None:
    topic = topic_of("clean-session")
    async with open_link(broker, "same-name") as first:
        await first.subscribe(topic, qos=1)
    async with open_link(broker, "speaker") as speaker:
        await speaker.publish_confirmed(topic, b"missed", qos=1)
        async with open_link(broker, "same-name") as second:
            await second.subscribe(topic + "/marker", qos=1)
            await speaker.publish_confirmed(topic + "/marker", b"marker", qos=1)
            assert (await next_message(second)).payload == b"marker"


async def test_the_connection_is_lost_when_the_broker_dies() -> None:
    for kind, protocol in ((Mosquitto, 5), (Nats, 4)):
        with running(kind) as server:
            broker = Broker(cast("Mosquitto", server).url, protocol=protocol)
            async with open_link(broker, "c") as link:
                collecting = asyncio.create_task(_collect(link))
                server.kill()
                await asyncio.wait_for(asyncio.shield(link.lost), 5)
                assert await asyncio.wait_for(collecting, 5) == []
                with pytest.raises(LinkError):
                    await link.publish_confirmed("a", b"x")


async def _collect(link: Link) -> list[Message]:
    return [message async for message in link.messages()]


async def test_nobody_listens() -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    with pytest.raises(LinkError, match=f"{url} cannot be reached.*Check address") as failure:
        async with open_link(Broker(url), "c"):
            pass
    assert failure.value.retryable
    assert failure.value.unreachable


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(LinkError, match="cannot be reached"):
        async with open_link(Broker("mqtt://no-such-host.invalid"), "c"):
            pass


@contextlib.contextmanager
def guarded_mosquitto(folder: Path) -> Iterator[Mosquitto]:
    """One that asks for a password and forbids a topic."""
    import subprocess

    passwords = folder / "passwords"
    subprocess.run(
        [program("mosquitto_passwd", "mosquitto"), "-b", "-c", passwords, "eg-0001", "đúng rồi"],
        check=True,
        capture_output=True,
    )
    rights = folder / "rights"
    rights.write_text("user eg-0001\ntopic readwrite allowed/#\n")
    extra = f"allow_anonymous false\npassword_file {passwords}\nacl_file {rights}\n"
    with running(lambda inner: Mosquitto(inner, extra)) as server:
        yield cast("Mosquitto", server)


@pytest.mark.parametrize("protocol", [4, 5])
async def test_a_wrong_password_is_not_worth_another_try(tmp_path: Path, protocol: int) -> None:
    with guarded_mosquitto(tmp_path) as server:
        right = Broker(server.url, protocol, "eg-0001", "đúng rồi")
        async with open_link(right, "c") as link:
            assert link.is_up
        for wrong in (Broker(server.url, protocol, "eg-0001", "sai"), Broker(server.url, protocol)):
            with pytest.raises(LinkError, match="refuses the connection") as failure:
                async with open_link(wrong, "c"):
                    pass
            assert not failure.value.retryable
            assert "sai" not in str(failure.value)


def test_the_password_is_in_no_text() -> None:
    assert "sai" not in repr(Broker("mqtt://h", password="sai"))


async def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(LinkError, match="TLS files for mqtts://localhost") as failure:
        async with open_link(Broker("mqtts://localhost", ca_file=broken), "c"):
            pass
    assert not failure.value.retryable


async def test_tls_is_not_spoken_to_a_plain_port(mosquitto: Mosquitto) -> None:
    with pytest.raises(LinkError, match="cannot be reached"):
        async with open_link(Broker(mosquitto.url.replace("mqtt:", "mqtts:")), "c"):
            pass


def test_ports_follow_the_scheme() -> None:
    assert (Broker("mqtt://h").port, Broker("mqtts://h").port, Broker("mqtts://h:99").port) == (
        1883,
        8883,
        99,
    )
    assert (Broker("mqtt://[::1]:5").host, Broker("mqtts://h").uses_tls, Broker("mqtt://h").uses_tls) == (
        "::1",
        True,
        False,
    )


async def test_a_server_that_accepts_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.mqtt.CONNECT_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(LinkError, match="does not answer CONNECT"):
            async with open_link(Broker(url), "c"):
                pass


async def test_a_server_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(LinkError):
            async with open_link(Broker(f"mqtt://127.0.0.1:{other.getsockname()[1]}"), "c"):
                pass


async def test_a_full_queue_drops_the_newest_and_counts(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.url)
    topic = topic_of("full")
    async with open_link(broker, "slow", queue_size=5) as slow, open_link(broker, "s") as speaker:
        await slow.subscribe(topic, qos=1)
        for number in range(20):
            await speaker.publish_confirmed(topic, str(number), qos=1)
        async with asyncio.timeout(5):
            while slow.dropped < 15:
                await asyncio.sleep(0.01)
        assert [(await next_message(slow)).payload for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def encode_text(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def packet(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body


async def test_a_topic_that_is_no_text_does_not_end_the_connection() -> None:
    """A server that does not check topics sends one that is no UTF-8, then a good one."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(packet(0x20, b"\x00\x00"))
            connection.sendall(packet(0x30, encode_text(b"\xff\xfe") + b"bad"))
            connection.sendall(packet(0x30, encode_text(b"good") + b"x"))
            connection.recv(1000)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        broker = Broker(f"mqtt://127.0.0.1:{server.getsockname()[1]}", protocol=4)
        async with open_link(broker, "c") as link:
            assert (await next_message(link)).topic == "good"
            assert link.is_up


async def test_no_answer_to_a_subscription_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(packet(0x20, b"\x00\x00"))
            connection.recv(1000)
            connection.recv(1000)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        broker = Broker(f"mqtt://127.0.0.1:{server.getsockname()[1]}", protocol=4)
        async with open_link(broker, "c") as link:
            with pytest.raises(LinkError, match=r"no answer to the subscription of a/b within 0\.2 s"):
                await link.subscribe("a/b", timeout_s=0.2)
