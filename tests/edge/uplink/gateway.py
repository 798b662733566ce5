"""A gateway without buses for the tests: spool and uplink, fed by hand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.spool.batches import Priority, encode_batch
from edge.spool.figures import SpoolLimits
from edge.spool.spool import Spool
from edge.uplink.connections import ConnectionNumbers
from edge.uplink.definitions import DeviceDefinition, GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from edge.uplink.session import Devices
from edge.uplink.settings import UplinkSettings
from edge.uplink.uplink import Uplink
from telemetry.clock import SystemClock
from telemetry.devices.classes import Point, Text
from telemetry.mqtt import Broker
from telemetry.readings import Batch, Reading, ValueType
from tests.edge.uplink.host import AREA, GATEWAY

QUICK = UplinkSettings(
    reconnect_first_s=0.1,
    reconnect_longest_s=0.3,
    resend_first_s=0.3,
    drain_s=2.0,
    first_values_s=0.2,
    spool_report_every_s=0.5,
)
_TEXT = Text(vi="Thử", en="Test")
POWER = Point(metric="Power/Active", type=ValueType.DOUBLE, unit="W", title=_TEXT)
LAMP = Point(metric="Lamp/On", type=ValueType.BOOLEAN, writable=True, title=_TEXT)


def device_definition(device: str) -> DeviceDefinition:
    return DeviceDefinition(
        device,
        "streetlight",
        1,
        f"Cột {device}",
        "test model",
        points={POWER.metric: POWER, LAMP.metric: LAMP},
        writable=frozenset({LAMP.metric}),
        latitude=10.9,
        longitude=108.1,
    )


@dataclass
class Gateway:
    """Spool and uplink of one life of an agent."""

    spool: Spool
    uplink: Uplink
    devices: Devices
    commands: list[DeviceCommand] = field(default_factory=list)
    _last_ms: int = 0

    def readings(self, device: str, *, watts: float = 60.0) -> Batch:
        self._last_ms = max(self._last_ms + 1, int(time.time() * 1000))
        return Batch(
            device,
            (
                Reading(device, POWER.metric, POWER.type, watts, self._last_ms),
                Reading(device, LAMP.metric, LAMP.type, True, self._last_ms),
            ),
        )

    async def measure(self, device: str, *, watts: float = 60.0) -> int:
        """Commit one scan; returns the number of its batch."""
        number = await self.spool.put_durably(encode_batch(self.readings(device, watts=watts)))
        assert number is not None
        return number

    async def import_past(self, device: str, values: int) -> None:
        start_ms = int(time.time() * 1000) - 86_400_000
        readings = tuple(
            Reading(device, POWER.metric, POWER.type, float(n), start_ms + n * 1000) for n in range(values)
        )
        await self.spool.put_durably(encode_batch(Batch(device, readings), Priority.HISTORY))


@contextlib.asynccontextmanager
async def gateway_on(
    broker: Broker,
    folder: Path,
    devices: tuple[str, ...] = ("sl-000001", "sl-000002"),
    *,
    settings: UplinkSettings = QUICK,
    limits: SpoolLimits | None = None,
    definition: Callable[[str], DeviceDefinition] = device_definition,
    graceful: bool = True,
    commit_every_s: float = 0.02,
) -> AsyncIterator[Gateway]:
    """A running gateway; at the end it says goodbye, or falls silent as a killed process would."""
    clock = SystemClock()
    spool = Spool(folder / "spool.db", limits or SpoolLimits(), clock, commit_every_s=commit_every_s)
    configured = {device: definition(device) for device in devices}
    known = Devices(GatewayDefinition(AREA, GATEWAY, configured, "0.1.0"))
    commands: list[DeviceCommand] = []
    uplink = Uplink(
        known,
        spool,
        numbers=ConnectionNumbers(folder / "bdseq"),
        broker=lambda: broker,
        on_command=commands.append,
        settings=replace(settings),
        clock=clock,
    )
    spool.start(on_commit=uplink.committed, on_epoch=uplink.spool_replaced)
    await spool.ready()
    known.identities = await spool.identities()
    await spool.remember({device: each.identity() for device, each in configured.items()})
    running = asyncio.create_task(uplink.run())
    try:
        yield Gateway(spool, uplink, known, commands)
        if graceful:
            await uplink.stop()
            await asyncio.wait_for(running, 10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await spool.close()
