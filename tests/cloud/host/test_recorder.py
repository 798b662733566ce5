from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud.errors import Refused, RegistryUnavailable
from cloud.host.changes import AlarmCleared, AlarmRaised, DeviceBorn, GatewayBorn, GatewayDied, SpoolTold
from cloud.host.journal import Journal
from cloud.host.recorder import Recorder
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import DeviceBirth, NewAlarm
from telemetry.clock import SystemClock


class Switched:
    """The registry behind a switch; it refuses one gateway and one device."""

    def __init__(self, registry: SqlRegistry) -> None:
        self._registry = registry
        self.is_on = True

    def gateway_born(self, gateway: str, area: str, **about: Any) -> None:
        self._check()
        if gateway == "eg-poison":
            raise Refused("cannot keep this")
        self._registry.gateway_born(gateway, area, **about)

    def devices_born(self, births: Sequence[DeviceBirth]) -> None:
        self._check()
        if any(birth.id == "sl-poison" for birth in births):
            raise Refused("cannot keep this")
        self._registry.devices_born(births)

    def device_born(self, birth: DeviceBirth) -> None:
        self.devices_born([birth])

    def _check(self) -> None:
        if not self.is_on:
            raise RegistryUnavailable("switched off")

    def __getattr__(self, name: str) -> Any:
        self._check()
        return getattr(self._registry, name)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqlRegistry]:
    opened = open_registry(f"sqlite:///{tmp_path}/r.db")
    yield opened
    opened.close()


BIRTH = DeviceBirth("sl-1", "p060", "eg-1", "streetlight", "", "", None, None, (), 5)
ALARM = NewAlarm("eg-1", "eg-1", "gateway-offline", "major", "", "", "", "", None, None, 5)


def test_all_kinds_of_changes_are_written_in_order(registry: SqlRegistry) -> None:
    journal = Journal()
    journal.add(
        [
            GatewayBorn("eg-1", "p060", 5, "0.1"),
            SpoolTold("eg-1", 3, 0),
            DeviceBorn(BIRTH),
            GatewayDied("eg-1", 8),
            AlarmRaised(ALARM),
            AlarmCleared("eg-1", "gateway-offline", 9),
        ]
    )
    journal.saw("eg-1", "sl-1", 7)
    asyncio.run(Recorder(registry, journal, SystemClock()).finish(5))
    [gateway] = registry.gateways()
    assert (gateway.online, gateway.spool_depth, gateway.last_seen_ms) == (False, 3, 7)
    device = registry.device("sl-1")
    assert device is not None
    assert (device.online, device.last_seen_ms) == (False, 7)
    [alarm] = registry.alarms()
    assert (alarm.active, alarm.cleared_ms) == (False, 9)


def test_changes_wait_while_the_registry_is_away_and_one_bad_change_stops_no_other(
    registry: SqlRegistry,
) -> None:
    switched = Switched(registry)
    switched.is_on = False
    journal = Journal()
    recorder = Recorder(switched, journal, SystemClock())  # type: ignore[arg-type]
    journal.add(
        [GatewayBorn("eg-poison", "p060", 1, ""), GatewayBorn("eg-1", "p060", 1, ""), DeviceBorn(BIRTH)]
    )

    async def story() -> None:
        running = asyncio.create_task(recorder.run())
        await asyncio.sleep(0.05)
        assert len(journal) == 3
        journal.add([GatewayBorn(f"eg-{number}", "p060", 2, "") for number in range(2, 400)])
        switched.is_on = True
        async with asyncio.timeout(20):
            while len(registry.gateways()) < 399:
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(story())
    assert len(journal) == 0
    assert registry.device("sl-1") is not None


def test_one_bad_birth_spoils_no_other(registry: SqlRegistry) -> None:
    journal = Journal()
    names = ("sl-1", "sl-2", "sl-poison", "sl-3", "sl-4")
    journal.add(DeviceBorn(replace(BIRTH, id=name)) for name in names)
    asyncio.run(Recorder(Switched(registry), journal, SystemClock()).finish(5))  # type: ignore[arg-type]
    assert [device.id for device in registry.devices()] == ["sl-1", "sl-2", "sl-3", "sl-4"]
    assert len(journal) == 0


def test_an_end_does_not_wait_for_ever(registry: SqlRegistry) -> None:
    switched = Switched(registry)
    switched.is_on = False
    journal = Journal()
    journal.add([GatewayBorn("eg-1", "p060", 1, "")])
    asyncio.run(Recorder(switched, journal, SystemClock()).finish(1))  # type: ignore[arg-type]
    assert len(journal) == 1
