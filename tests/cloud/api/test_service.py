"""The role `api` as a whole: a real port, a real broker, and streams that end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from cloud.api.routes import stream as stream_module
from cloud.api.server import bind
from cloud.api.service import run_api
from cloud.errors import SettingsError
from cloud.identity.tokens import new_token
from cloud.live import hub as hub_module
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import NewAlarm, Role
from cloud.settings import BrokerSettings, HttpSettings, Settings, prepare_folders
from cloud.store import open_store
from telemetry.clock import SystemClock
from telemetry.mqtt import Broker, open_link
from tests.cloud.ingest.wire import DEVICE, GATEWAY, birth, data, double, now_ms, topic
from tests.servers import Mosquitto, free_port

DEADLINE_S = 20.0


class Running:
    """The role running in a task, and a client with a token for it."""

    def __init__(self, settings: Settings, registry: SqlRegistry, secret: str, token: str) -> None:
        self.settings = settings
        self.registry = registry
        self.token_id = token
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.http.port}/api/v1/",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=DEADLINE_S,
            trust_env=False,
        )
        self.task: asyncio.Task[None]

    async def healthy(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    health = (await self.client.get("health")).json()
                    if health["checks"]["broker"]["status"] == "ok":
                        return
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def stream(self, **query: Any) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        async with self.client.stream("GET", "stream", params=query) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            assert await anext(lines) == ": still here"
            yield events(lines)


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    kind = ""
    async for line in lines:
        if line.startswith(":"):
            yield "comment", line[1:].strip()
        elif line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            yield kind, orjson.loads(line[6:])


async def wait_for(stream: AsyncIterator[tuple[str, Any]], kind: str) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        async for name, body in stream:
            if name == kind:
                return body
    raise AssertionError(f"the stream ended without {kind}")


@pytest.fixture
def settings(tmp_path: Path, mosquitto: Mosquitto) -> Settings:
    made = Settings(
        broker=BrokerSettings(url=mosquitto.url),
        store="sqlite:///store.db",
        registry="sqlite:///registry.db",
        http=HttpSettings(port=free_port()),
        secrets_dir=Path("secrets"),
    ).below(tmp_path)
    prepare_folders(made)
    return made


@pytest.fixture(autouse=True)
def no_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process can mount the console once; tests/cloud/cli runs it in a process of its own."""
    monkeypatch.setattr("cloud.console.mount", lambda *_, **__: None)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    registry, store = open_registry(settings.registry), open_store(settings.store)
    made = new_token("test", Role.ADMIN, now_ms=SystemClock().now_ms())
    registry.add_token(made.record, by="test")
    role = Running(settings, registry, made.secret, made.record.id)
    role.task = asyncio.create_task(run_api(settings, registry, store))
    try:
        await role.healthy()
        yield role
    finally:
        await role.client.aclose()
        role.task.cancel()
        await asyncio.wait({role.task}, timeout=DEADLINE_S)
        registry.close()
        store.close()


def test_reading_and_alarm_reach_a_stream(settings: Settings) -> None:
    async def scenario() -> None:
        async with (
            running(settings) as role,
            open_link(Broker(settings.broker.url), f"gateway-{now_ms()}") as link,
            role.stream() as everything,
            role.stream(device="sl-999999") as another,
        ):
            time_ms = now_ms()
            link.publish(topic("DBIRTH"), birth(double("Power/Active", 1.0)))
            link.publish(topic(), data(double("Power/Active", 61.5, time_ms), batch=1))
            assert await wait_for(everything, "reading") == {
                "device": DEVICE,
                "class": "streetlight",
                "gateway": GATEWAY,
                "time_ms": time_ms,
                "fields": {"power_active": {"value": 61.5, "quality": 192}},
            }
            assert await wait_for(everything, "device") == {"id": DEVICE, "state": "online"}
            latest = (await role.client.get("readings/latest")).json()["items"]
            assert latest[0]["fields"]["power_active"]["value"] == 61.5
            alarm = NewAlarm(DEVICE, GATEWAY, "streetlight/x", "major", "vi", "en", "", "", 1.0, 5.0, time_ms)
            await asyncio.to_thread(role.registry.raise_alarm, alarm)
            told = await wait_for(everything, "alarm")
            assert (told["state"], told["text"]) == ("raised", {"vi": "vi", "en": "en"})
            await asyncio.to_thread(
                role.registry.gateway_born, "eg-0002", "p060", time_ms=time_ms, software="1"
            )
            assert (await wait_for(everything, "gateway"))["id"] == "eg-0002"
            # The other stream asked for another device: the gateway is the first that it hears of.
            assert (await wait_for(another, "gateway"))["id"] == "eg-0002"

    asyncio.run(scenario())


def test_revoked_token_ends_its_stream(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "HEART_BEAT_S", 0.1)

    async def scenario() -> None:
        async with running(settings) as role, role.stream() as stream:
            assert await wait_for(stream, "comment") == "still here"
            await asyncio.to_thread(role.registry.delete_token, role.token_id, by="test")
            assert await wait_for(stream, "signed-out") == {}
            assert [each async for each in stream] == []

    asyncio.run(scenario())


def test_streams_are_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_WATCHERS", 1)

    async def scenario() -> None:
        async with running(settings) as role:
            async with role.stream():
                refused = await role.client.get("stream")
                assert refused.status_code == 503
                assert refused.json()["error"]["next_step"] == "close one, or poll readings/latest"
            # A reader that left gives its place back.
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    async with role.client.stream("GET", "stream") as again:
                        if again.status_code == 200:
                            return
                    await asyncio.sleep(0.05)

    asyncio.run(scenario())


def test_end_with_open_streams_is_clean_and_soon(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings) as role, role.stream() as stream:
            role.task.cancel()
            async with asyncio.timeout(10):
                assert [kind async for kind, _ in stream if kind != "health"] == []
                await asyncio.wait({role.task})
            assert role.task.cancelled()
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", settings.http.port)) != 0

    asyncio.run(scenario())


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_port_in_use(taken: int) -> None:
    with pytest.raises(
        SettingsError, match=rf"http: 127\.0\.0\.1:{taken} is in use by another program: stop it"
    ):
        bind(HttpSettings(port=taken))


@pytest.mark.parametrize(
    ("host", "says"),
    [("192.0.2.1", "is no address of this machine"), ("no.such.host.invalid", "is no address")],
)
def test_address_that_is_not_ours(host: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        bind(HttpSettings(host=host, port=free_port()))


def test_forwarded_addresses_count_only_from_trusted_proxies(settings: Settings) -> None:
    async def scenario(trusted: tuple[str, ...], expected: str) -> None:
        http = settings.http.model_copy(update={"trusted_proxies": trusted, "port": free_port()})
        async with running(settings.model_copy(update={"http": http})) as role:
            body = {"name": "nobody", "password": "wrong"}
            headers = {"X-Forwarded-For": "203.0.113.9"}
            assert (await role.client.post("session", json=body, headers=headers)).status_code == 401
            assert role.registry.audit_trail(subject="session")[0].detail == expected

    asyncio.run(scenario((), "127.0.0.1"))
    asyncio.run(scenario(("127.0.0.1",), "203.0.113.9"))
