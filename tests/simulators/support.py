"""What the simulators' tests share: a clock to set, small settings, and a simulator on a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.province import Province
from simulators.service import Service
from simulators.settings import SimSettings
from telemetry.clock import SystemClock
from telemetry.devices.library import Library

NOON = datetime(2026, 1, 5, 5, 0, tzinfo=UTC).timestamp()
"""12:00 in Phan Thiết."""
EVENING = datetime(2026, 1, 5, 13, 30, tzinfo=UTC).timestamp()
"""20:30 in Phan Thiết."""


class SetClock:
    """A wall clock that stands where a test puts it; monotonic time is real."""

    def __init__(self, time_s: float = NOON) -> None:
        self.time_s = time_s

    def now_ms(self) -> int:
        return round(self.time_s * 1000)

    def monotonic(self) -> float:
        return SystemClock().monotonic()


def device(device_id: str, device_class: str, *instruments: dict[str, Any], **plant: Any) -> dict[str, Any]:
    return {
        "id": device_id,
        "class": device_class,
        "gateway": "eg-0001",
        "plant": plant,
        "instruments": list(instruments),
    }


def settings(folder: Path, lines: list[dict[str, Any]], devices: list[dict[str, Any]]) -> SimSettings:
    placed = [{**line, "link": str(folder / line["link"])} if "link" in line else line for line in lines]
    content = {"control": str(folder / "sim.sock"), "lines": placed, "devices": devices}
    return SimSettings.model_validate(content)


def lighting(folder: Path) -> SimSettings:
    """Two poles on RTU with meters of their own and one shared relay board; one pole on TCP with a dimmer."""
    poles = [
        device(
            f"sl-00000{number}",
            "streetlight",
            {"profile": "eastron_sdm120", "line": "rtu", "unit_id": number},
            {"profile": "waveshare_relay8", "line": "rtu", "unit_id": 10, "channel": number},
            rated_w=100.0,
        )
        for number in (1, 2)
    ]
    tcp = device(
        "sl-000003",
        "streetlight",
        {"profile": "eastron_sdm120", "line": "tcp", "unit_id": 1},
        {"profile": "waveshare_relay8", "line": "tcp", "unit_id": 101},
        {"profile": "waveshare_ao8", "line": "tcp", "unit_id": 181},
        rated_w=100.0,
    )
    lines = [
        {"id": "rtu", "kind": "modbus-rtu", "link": "rs485-1", "baud": 115200},
        {"id": "tcp", "kind": "modbus-tcp", "port": 0},
    ]
    return settings(folder, lines, [*poles, tcp])


@contextmanager
def serving(
    given: SimSettings, clock: SetClock, prepare: Callable[[Province], None] = lambda _: None
) -> Iterator[Province]:
    """A simulator that serves on a thread of its own until the block ends."""
    province = Province(given, Library.shipped(), clock)
    prepare(province)
    service = Service(province, given.control)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(service.open(), loop).result(10)
        try:
            yield province
        finally:
            asyncio.run_coroutine_threadsafe(service.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
