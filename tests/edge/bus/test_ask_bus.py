"""Serial lines whose instruments answer when asked, on pseudo-terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from edge.bus import ask_bus
from edge.bus.buses import Buses
from edge.cli.main import edge
from edge.drivers import sdi12, wxt
from edge.errors import BusClosed, NotWritable
from telemetry.readings import Quality
from tests.edge.bus.gateways import MemorySink, gateway
from tests.edge.bus.test_modbus_bus import running
from tests.edge.drivers.instruments import Co2, Console, Meter, Probes, Weather

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def line(hear: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """A pseudo-terminal with an instrument at its far end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        answer = hear(os.read(master, 4096))
        if answer:
            os.write(master, answer)

    loop.add_reader(master, on_readable)
    try:
        yield os.ttyname(slave)
    finally:
        loop.remove_reader(master)
        os.close(slave)
        os.close(master)


def on_line(port: str, *devices: dict[str, Any]) -> Any:
    return gateway([{"id": "serial-1", "kind": "serial", "port": port, "baud": 9600}], list(devices))


def device(number: int, device_class: str, profile: str, **more: Any) -> dict[str, Any]:
    instrument = {"profile": profile, "bus": "serial-1", "every_s": 0.1, **more}
    return {"id": f"dev-{number:06d}", "class": device_class, "instruments": [instrument]}


async def first(bound: Any, *devices: str) -> MemorySink:
    """What the gateway tells first of each device."""
    sink = MemorySink()
    async with running(Buses(bound, sink)):
        for each in devices or ("dev-000001",):
            await sink.until(lambda each=each: sink.of(each), f"a reading of {each}")
    return sink


async def test_co2_is_asked_and_damaged_answers_are_counted_not_told() -> None:
    sensor = Co2()
    sink = MemorySink()
    async with line(sensor.hear) as port:
        buses = Buses(on_line(port, device(1, "air_station", "winsen_mhz19")), sink)
        async with running(buses):
            await sink.until(lambda: sink.batches, "a value")
            sensor.damage = True
            async with asyncio.timeout(10):
                while buses.statistics["serial-1"].damaged < 2:
                    await asyncio.sleep(0.01)
            sensor.damage, sensor.ppm = False, 700
            await sink.until(lambda: sink.last("dev-000001")["Air/CO2"].value == 700, "value again")
            assert (await buses.read("dev-000001", "Air/CO2")).value == 700.0
            with pytest.raises(NotWritable):
                await buses.write("dev-000001", "Air/CO2", 1.0)
    values = {reading.value for batch in sink.batches for reading in batch.readings}
    assert values <= {612.0, 700.0, None}


async def test_probes_share_a_line_and_a_dead_one_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_bus, "LONGEST_REST_S", 0.5)
    monkeypatch.setattr(sdi12, "ANSWER_WITHIN_S", 0.3)
    probes = Probes({"0": ["+23.4", "+27.1", "+312"], "a": ["+31", "-1.5", "+.5", "+7"]}, per_line=2)
    values = {"value_1": "Soil/Moisture 10", "value_2": "Soil/Temperature 10"}
    async with line(probes.hear) as port:
        bound = on_line(
            port,
            device(1, "farm_sensor", "sdi12_generic", map=values),
            device(2, "farm_sensor", "sdi12_generic", map=values, options={"address": "a", "crc": True}),
            device(3, "farm_sensor", "sdi12_generic", options={"address": "9", "command": "C1"}),
        )
        sink = MemorySink()
        buses = Buses(bound, sink)
        async with running(buses):
            await sink.until(lambda: sink.of("dev-000001") and sink.of("dev-000002"), "both probes")
            before = len(sink.of("dev-000001"))
            async with asyncio.timeout(20):
                while buses.statistics["serial-1"].unit(3).timeouts < 2:
                    await asyncio.sleep(0.02)
            await sink.until(lambda: len(sink.of("dev-000001")) > before, "the healthy one goes on")
    assert sink.last("dev-000001")["Soil/Moisture 10"].value == 23.4
    assert sink.last("dev-000001")["Soil/Temperature 10"].value == 27.1
    assert sink.last("dev-000002")["Soil/Temperature 10"].value == -1.5
    assert not sink.of("dev-000003")


@pytest.mark.parametrize(
    "probes",
    [
        Probes({"0": ["+23.4"]}, ready_after_s=1, asks_for_service=True),
        Probes({"0": ["+23.4"]}, echoes=True),
        Probes({"0": ["+23.4"], "1": ["+99"]}),
    ],
    ids=["service-request", "echo", "neighbour"],
)
async def test_probe_is_read_however_adapter_and_probe_behave(probes: Probes) -> None:
    async with line(probes.hear) as port:
        sink = await first(on_line(port, device(1, "farm_sensor", "sdi12_generic")))
    assert sink.last("dev-000001")["Soil/Moisture 10"].value == 23.4


async def test_damaged_data_line_of_a_probe_gives_no_value() -> None:
    probes = Probes({"0": ["+23.4"]}, damage={"0"})
    async with line(probes.hear) as port:
        sink = MemorySink()
        buses = Buses(on_line(port, device(1, "farm_sensor", "sdi12_generic", options={"crc": True})), sink)
        async with running(buses), asyncio.timeout(10):
            while buses.statistics["serial-1"].unit(1).crc_errors < 1:
                await asyncio.sleep(0.01)
    assert sink.batches == []


@pytest.mark.parametrize(("click_mm", "naps"), [(0.2, 1), (0.254, 0)])
async def test_console_is_woken_and_gives_both_packets(click_mm: float, naps: int) -> None:
    console = Console(naps=naps)
    options = {"rain_click_mm": click_mm}
    async with line(console.hear) as port:
        sink = await first(on_line(port, device(1, "weather_station", "davis_vantage", options=options)))
    told = {metric: reading.value for metric, reading in sink.last("dev-000001").items()}
    assert told["Air/Temperature"] == pytest.approx(30.278, abs=0.001)
    assert told["Air/Pressure"] == pytest.approx(1010.84, abs=0.01)
    assert told["Wind/Gust"] == pytest.approx(14.3 * 0.44704)
    assert told["Wind/Direction"] == 135.0
    assert told["Rain/Total"] == round(500 * click_mm * 100)
    assert told["Soil/Temperature 10"] == pytest.approx(25.0, abs=0.001)
    assert told["Soil/Tension"] == 33.0
    assert told["Leaf/Wetness"] == 12.0
    assert told["Battery/Voltage"] == pytest.approx(4.6875)


async def test_console_without_loop2_says_so() -> None:
    console = Console(knows_loop2=False, naps=0)
    async with line(console.hear) as port:
        sink = MemorySink()
        buses = Buses(on_line(port, device(1, "weather_station", "davis_vantage")), sink)
        async with running(buses), asyncio.timeout(10):
            while buses.statistics["serial-1"].unit(1).mismatches < 1:
                await asyncio.sleep(0.01)
    assert sink.batches == []


@pytest.mark.parametrize("echoes", [False, True])
async def test_meter_tells_all_registers_at_one_question(echoes: bool) -> None:
    meter = Meter(
        {0x44: (0x28, 1_234_567, 0x43), 0x4A: (0x29, 1_250, 0x00), 0x56: (0x25, 2_710, 0xC2)}, echoes=echoes
    )
    async with line(meter.hear) as port:
        water = device(1, "water_meter", "kamstrup_kmp")
        water["instruments"][0]["every_s"] = 300
        sink = await first(on_line(port, water))
    told = {metric: reading.value for metric, reading in sink.last("dev-000001").items()}
    assert told["Volume/Total"] == 1_234_567
    assert told["Flow/Rate"] == 1.25
    assert told["Water/Temperature"] == -27.1  # below the range of the class, so bad, but as told
    assert meter.questions == 1


@pytest.mark.parametrize("crc", [False, True])
async def test_transmitter_is_polled_and_damaged_tokens_cost_only_themselves(crc: bool) -> None:
    weather = Weather("Dn=0m=032D,Dm=274D,Sm=5.8M,Sx=9.6#,Ta=17.9C,Pa=1005.8H,Rc=13.02M")
    async with line(weather.hear) as port:
        station = device(1, "weather_station", "vaisala_wxt536", options={"crc": crc})
        sink = await first(on_line(port, station))
    told = sink.last("dev-000001")
    assert told["Wind/Direction"].value == 274.0
    assert (told["Wind/Gust"].value, told["Wind/Gust"].quality) == (None, Quality.BAD)
    assert told["Rain/Total"].value == 1302
    assert "Air/Humidity" not in told


async def test_silent_instrument_takes_its_device_down_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ask_bus, "LONGEST_REST_S", 0.3)
    monkeypatch.setattr(wxt, "ANSWER_WITHIN_S", 0.3)
    weather = Weather()
    answers = True
    sink = MemorySink()
    async with line(lambda data: weather.hear(data) if answers else b"") as port:
        buses = Buses(on_line(port, device(1, "weather_station", "vaisala_wxt536")), sink)
        async with running(buses):
            await sink.until(lambda: sink.events[-1:] == [("up", "dev-000001")], "up")
            answers = False
            await sink.until(lambda: sink.events[-1] == ("down", "dev-000001"), "down")
            answers = True
            await sink.until(lambda: sink.events[-1] == ("up", "dev-000001"), "up again")
    assert "no answer within" in sink.reasons[0]


async def test_closed_line_is_named(tmp_path: Any) -> None:
    buses = Buses(on_line(str(tmp_path / "none"), device(1, "air_station", "winsen_mhz19")), MemorySink())
    async with running(buses):
        with pytest.raises(BusClosed, match="not open"):
            await buses.read("dev-000001", "Air/CO2")


async def test_technician_reads_one_probe_of_a_line() -> None:
    probes = Probes({"0": ["+1"], "3": ["+23.4", "+27.1"]})
    async with line(probes.hear) as port:
        arguments = ["read", "--profile", "sdi12_generic", "--port", port, "--option", "address=3", "value_1"]
        result = await asyncio.to_thread(CliRunner().invoke, edge, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert '"points": {"value_1": 23.4}' in result.output
