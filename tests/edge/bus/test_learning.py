"""Units that refuse: what is at fault is found, remembered, and tried again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bus.guard import Guard
from edge.bus.learned import FIRST_MS, LONGEST_MS, Learned, Size
from edge.bus.learned_file import LearnedFile
from edge.bus.modbus_unit import ModbusUnit, Scan
from edge.bus.pace import line_speed
from edge.bus.statistics import BusStatistics
from edge.bus.tcp_link import TcpLink
from edge.config import TcpBusConfig
from edge.decoding.binding import BoundInstrument
from edge.drivers.modbus.frames import Request
from telemetry.devices.profiles import Profile
from telemetry.readings import Quality
from tests.edge.bus.raw_device import RawDevice, on_tcp

pytestmark = pytest.mark.anyio


class MovableClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.wall_ms = 1_767_225_600_000

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.wall_ms / 1000


def profile(points: list[dict[str, Any]], **more: Any) -> Profile:
    return Profile.model_validate(
        {
            "profile": "probe",
            "title": "Probe",
            "class": "streetlight",
            "evidence": "A",
            "driver": "modbus",
            "transports": ["modbus-tcp"],
            "points": points,
            **more,
        }
    )


def words(*addresses: int) -> list[dict[str, Any]]:
    return [{"key": f"r{each}", "fc": 3, "address": each, "type": "u16"} for each in addresses]


class Probe:
    """A unit on a connection, and what it was asked."""

    def __init__(self, device: RawDevice, port: int, model: Profile, learned: LearnedFile) -> None:
        config = TcpBusConfig(id="cabinet", kind="modbus-tcp", host="127.0.0.1", port=port)
        self.device = device
        self.statistics = BusStatistics()
        self.link = TcpLink(config)
        guard = Guard(self.link, self.statistics)
        self.model = model
        self.unit = ModbusUnit(
            1,
            [BoundInstrument("sl-000001", model, "cabinet", 1, 1.0, ())],
            guard,
            statistics=self.statistics,
            speed=line_speed(config),
            learned=learned,
        )

    async def scan(self) -> tuple[Scan, list[tuple[int, int]]]:
        """One scan of everything, and the requests that it took."""
        if not self.link.is_open:
            await self.link.open()
        before = len(self.device.asked)
        scan = await self.unit.scan(frozenset((0, point.key) for point in self.model.expanded))
        return scan, [(each.address, each.count) for each in self.device.asked[before:]]


def good(scan: Scan) -> set[str]:
    return {point.key for point in scan.points[0] if point.quality is Quality.GOOD}


async def test_refused_address_is_found_by_halves_and_not_asked_again() -> None:
    device = RawDevice({1}, illegal={13})
    clock = MovableClock()
    async with on_tcp(device) as port:
        probe = Probe(device, port, profile(words(*range(20))), LearnedFile(None, clock))
        scan, asked = await probe.scan()
        assert good(scan) == {f"r{n}" for n in range(20) if n != 13}
        bad = next(point for point in scan.points[0] if point.key == "r13")
        assert bad.value is None
        assert "illegal data address" in bad.reason
        assert len(asked) <= 11
        scan, asked = await probe.scan()
        assert asked == [(0, 13), (14, 6)]
        assert good(scan) == {f"r{n}" for n in range(20) if n != 13}
        assert "tried again" in next(p for p in scan.points[0] if p.key == "r13").reason
        clock.wall_ms += FIRST_MS
        _, asked = await probe.scan()
        assert (13, 1) in asked
        _, asked = await probe.scan()
        assert (13, 1) not in asked
        device.illegal.clear()
        clock.wall_ms += LONGEST_MS
        scan, asked = await probe.scan()
        assert (13, 1) in asked
        assert len(good(scan)) == 20
        await probe.scan()
        assert (await probe.scan())[1] == [(0, 20)]
        probe.link.close()


async def test_refused_hole_is_not_read_along_and_the_others_are() -> None:
    device = RawDevice({1}, illegal={11})
    async with on_tcp(device) as port:
        probe = Probe(device, port, profile(words(0, 3, 10, 12, 20)), LearnedFile(None, MovableClock()))
        scan, _ = await probe.scan()
        assert len(good(scan)) == 5
        for _ in range(3):
            scan, asked = await probe.scan()
            assert len(good(scan)) == 5
        assert all(not low <= 11 < low + count for low, count in asked)
        probe.link.close()


async def test_longest_request_is_learned_where_no_address_is_at_fault() -> None:
    def refuses_above(longest: int) -> Callable[[Request, bytes], list[tuple[float, bytes]]]:
        def fault(request: Request, frame: bytes) -> list[tuple[float, bytes]]:
            refusal = frame[:4] + b"\x00\x03" + frame[6:7] + b"\x83\x03"
            return [(0.0, refusal if request.count > longest else frame)]

        return fault

    device = RawDevice({1})
    device.fault = refuses_above(50)
    async with on_tcp(device) as port:
        probe = Probe(device, port, profile(words(*range(100))), LearnedFile(None, MovableClock()))
        for _ in range(8):
            scan, asked = await probe.scan()
            assert len(good(scan)) == 100
        assert sum(count for _, count in asked) == 100
        assert max(count for _, count in asked) <= 50
        assert len(asked) <= 3
        probe.link.close()


async def test_unit_that_refuses_everything_is_still_asked_and_comes_back() -> None:
    device = RawDevice({1}, illegal=set(range(10)))
    clock = MovableClock()
    async with on_tcp(device) as port:
        probe = Probe(device, port, profile(words(*range(4))), LearnedFile(None, clock))
        scan, _ = await probe.scan()
        assert good(scan) == set()
        scan, asked = await probe.scan()
        assert scan.answered
        assert len(asked) == 1
        device.illegal.clear()
        clock.wall_ms += LONGEST_MS
        scan, _ = await probe.scan()
        assert len(good(scan)) == 4
        probe.link.close()


async def test_what_was_learned_survives_a_restart_and_dies_with_the_profile(tmp_path: Path) -> None:
    device = RawDevice({1}, illegal={7})
    clock = MovableClock()
    file = tmp_path / "learned.json"
    model = profile(words(*range(10)))
    async with on_tcp(device) as port:
        kept = LearnedFile(file, clock)
        probe = Probe(device, port, model, kept)
        await probe.scan()
        await kept.save()
        probe.link.close()
        again = Probe(device, port, model, LearnedFile(file, clock))
        assert (await again.scan())[1] == [(0, 7), (8, 2)]
        again.link.close()
        changed = Probe(device, port, profile(words(*range(11))), LearnedFile(file, clock))
        assert (await changed.scan())[1][0] == (0, 11)
        changed.link.close()


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"form": 1, "units": 3}', '{"form": 1}', '{"form": 1, "units": {"x": 1}}']
)
async def test_damaged_file_is_set_aside_and_costs_nothing_but_time(tmp_path: Path, content: str) -> None:
    file = tmp_path / "learned.json"
    file.write_text(content)
    kept = LearnedFile(file)
    model = profile(words(1))
    assert kept.unit("cabinet", 1, [model]).refusals == []
    kept.unit("cabinet", 1, [model]).turnaround_s = 0.1
    kept.unit("cabinet", 1, [model]).is_new = True
    await kept.save()
    assert json.loads(file.read_text())["form"] == 1
    assert LearnedFile(file).unit("cabinet", 1, [model]).turnaround_s == 0.1


def test_clock_that_was_wrong_delays_by_a_day_at_most() -> None:
    content = {
        "refusals": [[3, 1, 1, False, 9, 10**15]],
        "sizes": [[3, 50, 100, 10**15]],
        "turnaround_s": None,
    }
    learned = Learned.from_json(content, 1_000)
    assert learned.next_change_ms(1_000) == 1_000 + LONGEST_MS
    assert learned.sizes[3].largest == Size(50, 100).largest == 75


async def test_search_is_spread_over_scans() -> None:
    """A wrong profile must not hold the line for a hundred requests."""
    device = RawDevice({1}, illegal=set(range(1, 100, 2)))
    async with on_tcp(device) as port:
        probe = Probe(device, port, profile(words(*range(100))), LearnedFile(None, MovableClock()))
        longest = 0
        for _ in range(40):
            scan, asked = await probe.scan()
            longest = max(longest, len(asked))
            if len(good(scan)) == 50:
                break
        assert len(good(scan)) == 50
        assert longest <= 80
        probe.link.close()
