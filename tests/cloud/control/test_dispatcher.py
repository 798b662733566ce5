from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.control.dispatcher import Dispatcher
from cloud.errors import RegistryUnavailable
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import CommandRecord, CommandState
from telemetry.clock import SystemClock
from telemetry.commands import command_of
from telemetry.errors import LinkError
from telemetry.sparkplug.payload import DataType, decode
from telemetry.sparkplug.topics import Topic
from tests.cloud.control.test_repeats import command


class Gate:
    """A clock that the test moves, and an outlet that keeps what is sent."""

    def __init__(self) -> None:
        self.s = 0.0
        self.is_open = True
        self.is_broken = False
        self.sent: list[tuple[str, bytes]] = []

    def now_ms(self) -> int:
        return round(self.s * 1000)

    def monotonic(self) -> float:
        return self.s

    def may_reach(self, gateway: str) -> bool:
        return self.is_open

    def send(self, topic: Topic, payload: bytes, expires_in_s: int | None = None) -> None:
        if self.is_broken:
            raise LinkError("gone")
        self.sent.append((str(topic), payload))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/r.db")
    yield opened
    opened.close()


def look(dispatcher: Dispatcher) -> None:
    asyncio.run(dispatcher.look())


def known(registry: SqlRegistry, command_id: str = "A") -> CommandRecord:
    found = registry.command(command_id)
    assert found is not None
    return found


def test_a_dcmd_carries_what_the_gateway_must_know(registry: SqlRegistry) -> None:
    gate = Gate()
    registry.add_command(command(expires_ms=30_000))
    look(Dispatcher(registry, gate, gate))
    [(topic, data)] = gate.sent
    assert topic == "spBv1.0/p060/DCMD/eg-1/sl-1"
    payload = decode(data)
    assert (payload.seq, payload.time_ms) == (None, 0)
    [metric] = payload.metrics
    assert (metric.name, metric.type, metric.value) == ("Lamp/On", DataType.BOOLEAN, True)
    order = command_of("sl-1", metric, 0)
    assert (order.id, order.expires_ms, order.issuer) == ("A", 30_000, "lan")
    assert (known(registry).state, known(registry).attempts) == (CommandState.SENT, 1)


def test_it_is_repeated_expires_and_ends_after_its_grace(registry: SqlRegistry) -> None:
    gate = Gate()
    dispatcher = Dispatcher(registry, gate, gate, grace_ms=2_000)
    registry.add_command(command(expires_ms=6_000))
    for tick in range(101):
        gate.s = tick / 10
        look(dispatcher)
        if gate.s <= 8:
            assert not known(registry).state.is_final
    assert len(gate.sent) == 3
    assert known(registry).state is CommandState.EXPIRED
    assert "sent 3 times" in known(registry).error


def test_a_command_for_a_gateway_that_is_offline_is_no_attempt(registry: SqlRegistry) -> None:
    gate = Gate()
    gate.is_open = False
    dispatcher = Dispatcher(registry, gate, gate)
    registry.add_command(command())
    look(dispatcher)
    gate.is_open, gate.is_broken = True, True
    look(dispatcher)
    assert (gate.sent, known(registry).attempts) == ([], 0)
    gate.is_broken = False
    look(dispatcher)
    assert len(gate.sent) == 1


def test_a_command_that_cannot_be_encoded_fails(registry: SqlRegistry) -> None:
    gate = Gate()
    registry.add_command(replace(command(), value=7))
    look(Dispatcher(registry, gate, gate))
    assert known(registry).state is CommandState.FAILED
    assert "Lamp/On" in known(registry).error


class Flaky:
    """A registry whose first looks fail."""

    def __init__(self, registry: SqlRegistry, failures: int) -> None:
        self._registry = registry
        self.failures = failures

    def open_commands(self) -> list[CommandRecord]:
        if self.failures:
            self.failures -= 1
            raise RegistryUnavailable("away")
        return self._registry.open_commands()

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)


def test_a_new_command_goes_out_within_a_quarter_second_also_after_the_registry_was_away(
    registry: SqlRegistry,
) -> None:
    gate = Gate()

    async def story() -> float:
        dispatcher = Dispatcher(Flaky(registry, 1), gate, gate)  # type: ignore[arg-type]
        running = asyncio.create_task(dispatcher.run())
        clock = SystemClock()
        registry.add_command(command("A"))
        while len(gate.sent) < 1:
            await asyncio.sleep(0.005)
        took = []
        for number, name in enumerate("BCD"):
            begun = clock.monotonic()
            registry.add_command(command(name))
            while len(gate.sent) < 2 + number:
                await asyncio.sleep(0.005)
            took.append(clock.monotonic() - begun)
        running.cancel()
        await asyncio.wait({running})
        return min(took)  # the machine may be busy once

    assert asyncio.run(asyncio.wait_for(story(), 20)) < 0.25
