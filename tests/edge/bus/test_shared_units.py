"""Devices that share a Modbus unit, and points that are read more rarely: one plan for all of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from edge.bus.buses import Buses
from edge.bus.jobs import IDENTITY_EVERY_S, jobs_of
from telemetry.errors import KegaError
from tests.edge.bus.gateways import MemorySink, gateway
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.edge.bus.test_modbus_bus import METER, running, tcp_bus

pytestmark = pytest.mark.anyio


def pole(number: int, relay: int, **more: Any) -> dict[str, Any]:
    """A lamp pole at one relay of the board with unit id 10."""
    mapped: dict[str, Any] = {f"relay_{relay}": "Lamp/On"}
    mapped.setdefault("relay_1", None)
    board = {"profile": "waveshare_relay8", "bus": "cabinet", "unit_id": 10, "every_s": 0.1, "map": mapped}
    return {"id": f"sl-{number:06d}", "class": "streetlight", "instruments": [board | more]}


async def test_eight_poles_on_one_board_are_read_by_one_request_and_ordered_each() -> None:
    device = RawDevice({10}, coils={2: True})
    poles = [pole(number, number) for number in range(1, 9)]
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port)], poles), sink)
        async with running(buses):
            await sink.until(lambda: all(len(sink.of(each["id"])) >= 2 for each in poles), "all poles twice")
            asked = list(device.asked)
            lit = [each["id"] for each in poles if sink.last(each["id"])["Lamp/On"].value]
            await buses.write("sl-000007", "Lamp/On", True)
            assert (await buses.read("sl-000007", "Lamp/On")).value is True
    assert lit == ["sl-000003"]
    assert device.coils[6] is True
    assert {(each.function, each.address, each.count) for each in asked} == {(1, 0, 8)}
    assert len(asked) <= max(len(sink.of(each["id"])) for each in poles)


async def test_poles_that_fall_silent_together_go_down_each() -> None:
    device = RawDevice({10}, coils={})
    poles = [pole(number, number) for number in (1, 2)]
    sink = MemorySink()
    async with on_tcp(device) as port:
        buses = Buses(gateway([tcp_bus(port, timeout_s=0.1)], poles), sink)
        async with running(buses):
            await sink.until(lambda: len(sink.events) == 2, "both up")
            device.units.clear()
            await sink.until(lambda: len(sink.events) == 4, "both down")
    assert {name for kind, name in sink.events if kind == "down"} == {"sl-000001", "sl-000002"}


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (pole(2, 1), "both have relay_1"),
        (pole(2, 2, profile="eletechsup_r4pin08", map={}), "is already waveshare_relay8"),
    ],
)
def test_relay_belongs_to_one_pole(second: dict[str, Any], says: str) -> None:
    with pytest.raises(KegaError, match=says):
        gateway([tcp_bus(502)], [pole(1, 1), second])


async def test_rare_points_are_read_rarely_and_with_the_others_where_they_are_due() -> None:
    device = RawDevice({1}, registers=METER)
    meter = {
        "profile": "eastron_sdm120",
        "bus": "cabinet",
        "unit_id": 1,
        "every_s": 0.1,
        "slow_s": {"import_energy": 0.5, "frequency": 0.5},
    }
    lamp = {"id": "sl-000001", "class": "streetlight", "instruments": [meter]}
    sink = MemorySink()
    async with on_tcp(device) as port, running(Buses(gateway([tcp_bus(port)], [lamp]), sink)):
        await sink.until(
            lambda: sum(len(batch.readings) > 4 for batch in sink.batches) >= 2 and len(sink.batches) >= 8,
            "scans with and without the rare points",
        )
    with_rare = [batch for batch in sink.batches if "Power/Frequency" in {r.metric for r in batch.readings}]
    assert "Power/Frequency" in {reading.metric for reading in sink.batches[0].readings}
    assert len(with_rare) >= 2
    times = [batch.readings[0].time_ms for batch in with_rare]
    assert all(later - earlier >= 400 for earlier, later in pairwise(times))
    far = [each for each in device.asked if each.address >= 0x40]
    assert len(far) == len(with_rare)


def test_jobs_are_made_by_period_and_identity_is_read_hourly() -> None:
    meter = {"profile": "eastron_sdm120", "bus": "cabinet", "unit_id": 1, "slow_s": {"import_energy": 60}}
    lamp = {"id": "sl-000001", "class": "streetlight", "instruments": [meter]}
    instrument = gateway([tcp_bus(502)], [lamp]).devices[0].instruments[0]
    jobs = jobs_of(1, [instrument])
    assert [job.period_s for job in jobs] == [10, 60]
    assert jobs[1].wanted == {(0, "import_energy")}
    mapped = {"cfg_baud": {"point": "Power/Current"}, "current": None}
    lamp["instruments"] = [{**meter, "map": mapped}]
    instrument = gateway([tcp_bus(502)], [lamp]).devices[0].instruments[0]
    assert jobs_of(1, [instrument])[-1].period_s == IDENTITY_EVERY_S


@pytest.mark.parametrize(
    ("slow_s", "says"), [({"volts": 60}, "no point 'volts'"), ({"voltage": 1}, "sooner than every_s")]
)
def test_wrong_rare_points_are_named(slow_s: dict[str, float], says: str) -> None:
    meter = {"profile": "eastron_sdm120", "bus": "cabinet", "unit_id": 1, "slow_s": slow_s}
    with pytest.raises(KegaError, match=says):
        gateway([tcp_bus(502)], [{"id": "sl-000001", "class": "streetlight", "instruments": [meter]}])
