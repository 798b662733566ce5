"""Mains, fields, stations and weather over real sockets: what a master sees of values and faults."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulators.province import Province
from tests.simulators.support import EVENING, SetClock, device, serving, settings

TUF, QDW, BELIMO, SOIL, VALVE, AIR, CO2, WEATHER = 1, 2, 3, 1, 2, 3, 4, 0x90
DEVICES = (
    (
        "wm-000001",
        "water_meter",
        (("tuf2000m", TUF), ("qdw90a_pressure", QDW), ("belimo_mod_actuator", BELIMO)),
    ),
    ("fs-000001", "farm_sensor", (("cwt_soil_7in1_variant_b", SOIL), ("waveshare_relay8", VALVE))),
    ("aq-000001", "air_station", (("xy_md02", AIR), ("senseair_s8", CO2))),
    ("ws-000001", "weather_station", (("ecowitt_wn90lp", WEATHER),)),
)


@pytest.fixture
def province(tmp_path: Path, clock: SetClock) -> Iterator[Province]:
    lines: list[dict[str, Any]] = []
    devices = []
    for name, device_class, instruments in DEVICES:
        lines.append({"id": name, "kind": "modbus-tcp", "port": 0})
        fitted = [{"profile": profile, "line": name, "unit_id": unit_id} for profile, unit_id in instruments]
        devices.append(device(name, device_class, *fitted, demand_m3h=12.0, travel_s=30.0))
    with serving(settings(tmp_path, lines, devices), clock) as running:
        yield running


@contextmanager
def master(province: Province, line: str) -> Iterator[ModbusTcpClient]:
    host, port = province.lines[line].address.split(":")
    client = ModbusTcpClient(host, port=int(port), timeout=0.5, retries=0)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


def low_word_first(client: ModbusTcpClient, address: int) -> float:
    low, high = client.read_holding_registers(address, count=2, device_id=TUF).registers
    value: float = struct.unpack(">f", struct.pack(">2H", high, low))[0]
    return value


def word(client: ModbusTcpClient, address: int, unit: int) -> int:
    value: int = client.read_holding_registers(address, count=1, device_id=unit).registers[0]
    return value


def pressure(client: ModbusTcpClient) -> float:
    words = client.read_holding_registers(22, count=2, device_id=QDW).registers
    value: float = struct.unpack(">f", struct.pack(">2H", *words))[0]
    return value


def test_a_valve_closes_over_time_and_stops_the_flow(province: Province, clock: SetClock) -> None:
    with master(province, "wm-000001") as client:
        assert low_word_first(client, 0) > 1
        assert word(client, 4, BELIMO) == 10_000
        assert not client.write_register(0, 0, device_id=BELIMO).isError()
        clock.time_s += 15
        assert word(client, 4, BELIMO) == pytest.approx(5000, abs=2)
        clock.time_s += 20
        assert word(client, 4, BELIMO) == 0
        assert low_word_first(client, 0) == 0
        volume = low_word_first(client, 114)
        clock.time_s += 3600
        assert low_word_first(client, 114) == volume
        assert client.write_register(0, 10_001, device_id=BELIMO).exception_code == 3
        assert client.write_register(1, 9, device_id=BELIMO).exception_code == 3
        assert not client.write_register(1, 1, device_id=BELIMO).isError(), "override: open"
        clock.time_s += 40
        assert word(client, 4, BELIMO) == 10_000


def test_a_leak_is_seen_by_meter_and_gauge(province: Province) -> None:
    with master(province, "wm-000001") as client:
        flow, healthy = low_word_first(client, 0), pressure(client)
        province.set_fault("leak", "wm-000001", None, None)
        assert low_word_first(client, 0) == pytest.approx(flow + 80, abs=1)
        assert pressure(client) < 1.0 < healthy


def test_a_meter_without_echo_says_zero_and_why(province: Province) -> None:
    with master(province, "wm-000001") as client:
        assert word(client, 71, TUF) == 0
        assert word(client, 91, TUF) & 0xFF > 60
        province.set_fault("no-echo", "wm-000001", None, None)
        assert low_word_first(client, 0) == 0
        assert word(client, 71, TUF) & 0x01
        assert word(client, 91, TUF) & 0xFF == 0


def test_a_stuck_valve_reports_its_malfunction(province: Province, clock: SetClock) -> None:
    with master(province, "wm-000001") as client:
        province.set_fault("valve-stuck", "wm-000001", None, None)
        client.write_register(0, 0, device_id=BELIMO)
        clock.time_s += 60
        assert word(client, 4, BELIMO) == 10_000
        assert word(client, 104, BELIMO) == 1 << 2


def test_a_gauge_changes_its_address_in_two_steps(province: Province) -> None:
    with master(province, "wm-000001") as client:
        assert not client.write_register(0, 7, device_id=QDW).isError()
        assert not client.write_register(15, 0, device_id=7).isError(), "save, at the new address"
        assert word(client, 0, 7) == 7
        assert client.write_register(0, BELIMO, device_id=7).exception_code == 3, "taken"


def test_irrigation_wets_the_soil(province: Province, clock: SetClock) -> None:
    with master(province, "fs-000001") as client:
        before = word(client, 0, SOIL)
        assert not client.write_coil(0, True, device_id=VALVE).isError()
        clock.time_s += 3600
        assert client.read_coils(0, count=1, device_id=VALVE).bits[0]
        assert word(client, 0, SOIL) > before + 10
        moisture, temperature, conductivity, acidity = client.read_holding_registers(
            0, count=4, device_id=SOIL
        ).registers
    assert 80 < moisture < 500
    assert 200 < temperature < 450
    assert 200 < conductivity < 4000
    assert 40 < acidity < 90


def test_temperature_and_humidity_are_those_of_the_air(province: Province, clock: SetClock) -> None:
    now = province.world.weather.at(clock.time_s)
    with master(province, "aq-000001") as client:
        temperature, humidity = client.read_input_registers(1, count=2, device_id=AIR).registers
        assert temperature / 10 == pytest.approx(now.temperature_c, abs=1.0)
        assert humidity / 10 == pytest.approx(now.humidity_pct, abs=0.1)
        status = client.read_input_registers(0, count=1, device_id=CO2).registers
        co2 = client.read_input_registers(3, count=1, device_id=CO2).registers[0]
        assert status == [0]
        assert 380 < co2 < 700
        province.set_fault("smoke", "aq-000001", None, None)
        client.read_input_registers(3, count=1, device_id=CO2)
        clock.time_s += 20
        assert client.read_input_registers(3, count=1, device_id=CO2).registers[0] > co2 + 80


def test_the_weather_station_sees_day_and_night(province: Province, clock: SetClock) -> None:
    with master(province, "ws-000001") as client:
        light, uv, warm = client.read_holding_registers(0x165, count=3, device_id=WEATHER).registers
        assert light > 500
        assert uv > 5
        assert warm / 10 - 40 == pytest.approx(province.world.weather.at(clock.time_s).temperature_c, abs=0.6)
        clock.time_s = EVENING
        assert client.read_holding_registers(0x165, count=2, device_id=WEATHER).registers == [0, 0]
        wind, gust, way = client.read_holding_registers(0x169, count=3, device_id=WEATHER).registers
        assert gust >= wind
        assert way < 360


@pytest.mark.parametrize("kind", ["dead", "exception", "garbage", "stuck"])
def test_every_modbus_device_can_have_the_common_faults(
    province: Province, clock: SetClock, kind: str
) -> None:
    asked = {"wm-000001": (TUF, 0), "fs-000001": (SOIL, 0), "ws-000001": (WEATHER, 0x167)}
    for name, (unit, address) in asked.items():
        with master(province, name) as client:
            before = client.read_holding_registers(address, count=2, device_id=unit).registers
            province.set_fault(kind, name, None, None)
            if kind == "stuck":
                client.read_holding_registers(address, count=2, device_id=unit)
            clock.time_s += 7200
            if kind == "dead":
                with pytest.raises(ModbusIOException):
                    client.read_holding_registers(address, count=2, device_id=unit)
                continue
            after = client.read_holding_registers(address, count=2, device_id=unit)
            match kind:
                case "exception":
                    assert after.exception_code == 4
                case "stuck":
                    assert after.registers == before
                case "garbage":
                    assert set(after.registers) <= {0xFFFF, 0x7FC0, 0x8000, 0xDEAD, 0x7F80}
