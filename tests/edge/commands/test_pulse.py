"""An instrument's own timer, and the last look at the time, on real frames."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import yaml

from edge.bus.buses import Buses
from edge.decoding.binding import load_gateway, lone_instrument
from edge.decoding.mapping import mapping_of
from edge.drivers.modbus.frames import Framing, wrap
from edge.drivers.modbus.points import encode_write
from edge.errors import BusClosed, BusLate, NotWritable
from telemetry.devices.library import Library
from telemetry.devices.profiles import Canonical
from telemetry.readings import Batch
from tests.edge.bus.raw_device import RawDevice, on_tcp

pytestmark = pytest.mark.anyio
LIBRARY = Library.shipped()
BOARD = LIBRARY.profile("waveshare_relay8")
LAMP = LIBRARY.classes["streetlight"].by_metric["Lamp/On"]


class Nobody:
    """A sink that wants nothing."""

    async def accept(self, batch: Batch) -> None: ...
    async def device_up(self, device: str) -> None: ...
    async def device_down(self, device: str, reason: str) -> None: ...


def test_the_boards_timer_is_wound_up_by_the_captured_frame() -> None:
    (mapping,) = lone_instrument(BOARD, LIBRARY.classes["streetlight"]).mappings
    order = mapping.order(True, 0.7)
    request = encode_write(BOARD, order.key, order.native, 1)
    frame = wrap(request.unit, request.pdu, Framing.RTU)
    assert frame.hex(" ").upper() == "01 05 02 00 00 07 8D B0"
    assert mapping.timer_s(True, BOARD) == pytest.approx(3276.7)
    assert mapping.order(True).key == "relay_1"


def test_every_relay_has_a_timer_of_its_own() -> None:
    third = mapping_of(BOARD, "relay_3", Canonical.model_validate({"point": "Lamp/On"}), LAMP)
    assert third.order(True, 1).key == "flash_on_3"
    assert third.order(False, 1).key == "flash_off_3"
    assert third.order(False, 1).native == 10


def test_what_has_no_timer_cannot_be_held() -> None:
    belimo = LIBRARY.profile("belimo_mod_actuator")
    mapping = lone_instrument(belimo, LIBRARY.classes["water_meter"]).by_metric["Valve/Opening"]
    assert mapping.timer_s(50.0, belimo) is None
    with pytest.raises(NotWritable, match="no timer"):
        mapping.order(50.0, 5)


async def test_the_line_is_asked_the_time_just_before_the_write(tmp_path: Path) -> None:
    device = RawDevice({1})
    async with on_tcp(device) as port:
        content = {
            "gateway": "eg-0001",
            "area": "p060",
            "broker": {"url": "mqtt://127.0.0.1:1883"},
            "state_dir": "state",
            "buses": [{"id": "line", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port}],
            "devices": [
                {
                    "id": "wm-000001",
                    "class": "water_meter",
                    "instruments": [{"profile": "belimo_mod_actuator", "bus": "line", "unit_id": 1}],
                }
            ],
        }
        file = tmp_path / "gateway.yaml"
        file.write_text(yaml.safe_dump(content))
        buses = Buses(load_gateway(file, LIBRARY), Nobody())
        running = asyncio.create_task(buses.run())
        try:
            async with asyncio.timeout(10):
                while True:
                    try:
                        await buses.write("wm-000001", "Valve/Opening", 12.5, before=time.monotonic() + 5)
                        break
                    except BusClosed:
                        await asyncio.sleep(0.02)
            assert device.registers[0] == 1250
            with pytest.raises(BusLate, match="not free in time"):
                await buses.write("wm-000001", "Valve/Opening", 60.0, before=time.monotonic() - 0.01)
            assert device.registers[0] == 1250
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
