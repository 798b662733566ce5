"""A standby supervisor takes over when the leader is killed; STATE tells the truth all along."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.registry.database import open_registry
from telemetry.mqtt import Broker, open_link
from tests.servers import Mosquitto, PostgreSQL, wait_until
from tests.system.platform import Process, kega

STATE = "spBv1.0/STATE/kega-host"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kega-") as name:
        yield Path(name)


class Onlooker:
    """Everything that was said of the host."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self.changed = asyncio.Event()

    async def listen(self, broker: Broker) -> None:
        async with open_link(broker, "onlooker") as link:
            await link.subscribe(STATE, qos=1)
            async for message in link.messages():
                self.states.append(json.loads(message.payload)["online"])
                self.changed.set()

    async def until(self, seen: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(60):
                while not seen():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{what}: not seen; states {self.states}") from None


def test_a_standby_takes_over_when_the_leader_is_killed(
    mosquitto: Mosquitto, folder: Path, postgresql: PostgreSQL
) -> None:
    url = postgresql.new_database()
    settings = folder / "cloud.yaml"
    settings.write_text(
        f"broker: {{url: '{mosquitto.url}'}}\nstore: sqlite:///store.db\nregistry: '{url}'\n"
        "secrets_dir: secrets\n"
    )
    command = ["cloud", "run", "--only", "supervisor", "--config", str(settings)]
    one, two = Process("one", command, folder), Process("two", command, folder)
    try:
        one.start()
        wait_until(lambda: "host-online" in one.log_tail(), "a supervisor", 60)
        two.start()
        wait_until(lambda: "standby" in two.log_tail(), "a standby", 60)
        asyncio.run(take_turns(Broker(mosquitto.url), one, two))
    finally:
        one.kill()
        two.kill()
    registry = open_registry(url)
    try:
        assert {gateway.id for gateway in registry.gateways()} == {f"lg-{index:05d}" for index in range(40)}
    finally:
        registry.close()


async def take_turns(broker: Broker, one: Process, two: Process) -> None:
    onlooker = Onlooker()
    listening = asyncio.create_task(onlooker.listen(broker))
    await onlooker.until(lambda: onlooker.states == [True], "the leader")
    await asyncio.to_thread(one.kill)
    await onlooker.until(lambda: onlooker.states == [True, False, True], "will, then the standby")
    assert "leader-elected" in two.log_tail()
    # gateways that the new leader has never heard are born, and are registered by it
    await asyncio.to_thread(
        kega, "sim", "load", "--broker", broker.url, "--gateways", "40", "--devices-per-gateway", "1",
        *("--seconds", "0", "--drain", "0"),
    )  # fmt: skip
    # an intended end says so once, and nobody says it again after the next leader is online
    one.start()
    await asyncio.to_thread(
        wait_until, lambda: one.log_file.read_text().count("standby") == 1, "the standby", 60
    )
    assert await asyncio.to_thread(two.stop) == 0
    await onlooker.until(lambda: len(onlooker.states) >= 5, "the second change")
    await asyncio.to_thread(
        wait_until, lambda: one.log_file.read_text().count("host-online") == 2, "the leader online", 60
    )
    assert onlooker.states == [True, False, True, False, True]
    listening.cancel()
