"""Digital inputs: the kernel's structures, contacts, pulse meters, and counts that outlive restarts."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from edge.bus import gpio_abi
from edge.bus.gpio import GpioChip
from edge.bus.input_bus import InputBus
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.config import GpioBusConfig
from edge.counters.store import CountStore
from edge.decoding.mapping import Order
from edge.drivers.base import InputLine
from edge.errors import BusClosed, CountsError, NotWritable
from telemetry.clock import SystemClock
from tests.edge.bus.gateways import MemorySink, gateway
from tests.edge.bus.test_modbus_bus import running

pytestmark = pytest.mark.anyio

PULSE = {"profile": "pulse_water_meter", "bus": "inputs", "every_s": 0.05}
CONTACTS = {"profile": "truck_digital_inputs", "bus": "inputs", "every_s": 30}


class BoardKernel:
    """A kernel with one chip, answering as `linux/gpio.h` says; events travel through a real pipe."""

    def __init__(self) -> None:
        self.active: set[int] = set()
        self.requests: list[dict[str, Any]] = []
        self.taken: set[int] = set()
        self._pipes: dict[int, int] = {}
        self._offsets: dict[int, list[int]] = {}
        self._seqno = 0

    def open(self, path: str) -> int:
        if path != "/dev/gpiochip0":
            raise FileNotFoundError(2, "No such file or directory")
        return os.open(os.devnull, os.O_RDWR)

    def ioctl(self, handle: int, request: int, data: bytearray) -> None:
        if request == 0xC250B407:
            self._get_line(data)
        elif request == 0xC010B40E:
            bits = sum(1 << at for at, offset in enumerate(self._offsets[handle]) if offset in self.active)
            data[:] = struct.pack("=QQ", bits, struct.unpack("=QQ", data)[1])
        else:
            raise OSError(25, "Inappropriate ioctl for device")

    def _get_line(self, data: bytearray) -> None:
        (count,) = struct.unpack_from("=I", data, 560)
        offsets = list(struct.unpack_from(f"={count}I", data, 0))
        if self.taken & set(offsets):
            raise OSError(16, "Device or resource busy")
        flags, attributes = struct.unpack_from("=QI", data, 288)
        self.requests.append(
            {
                "offsets": offsets,
                "consumer": bytes(data[256:288]).rstrip(b"\x00"),
                "flags": flags,
                "attributes": [struct.unpack_from("=IIQQ", data, 320 + 24 * at) for at in range(attributes)],
            }
        )
        read, write = os.pipe()
        self._pipes[read], self._offsets[read] = write, offsets
        struct.pack_into("=i", data, 588, read)

    def read(self, handle: int, count: int) -> bytes:
        os.set_blocking(handle, False)
        return os.read(handle, count)

    def close(self, handle: int) -> None:
        os.close(handle)
        if handle in self._pipes:
            os.close(self._pipes.pop(handle))

    def change(self, offset: int, is_active: bool, at_s: float, *, lose: int = 0) -> None:
        """An edge, as the kernel writes it."""
        self._seqno += 1 + lose
        (self.active.add if is_active else self.active.discard)(offset)
        event = struct.pack("=QIIII24x", round(at_s * 1e9), 1 if is_active else 2, offset, self._seqno, 1)
        for read, write in self._pipes.items():
            if offset in self._offsets[read]:
                os.write(write, event)


def bus(
    kernel: BoardKernel, sink: MemorySink, counts: CountStore, *instruments: tuple[str, dict[str, Any]]
) -> InputBus:
    config = {"id": "inputs", "kind": "gpio", "chip": "/dev/gpiochip0"}
    devices = [
        {"id": f"dev-{number:06d}", "class": device_class, "instruments": [instrument]}
        for number, (device_class, instrument) in enumerate(instruments, start=1)
    ]
    bound = gateway([config], devices)
    presence, stamps = Presence(bound.devices, sink), Stamps(SystemClock())
    (settings,) = bound.config.buses
    assert isinstance(settings, GpioBusConfig)
    return InputBus(settings, bound.on_bus("inputs"), sink, presence, stamps, counts=counts, kernel=kernel)


def test_structures_are_those_of_the_kernel() -> None:
    """Sizes, offsets and numbers as a C compiler gives them for linux/gpio.h, on every machine."""
    assert (gpio_abi.REQUEST_BYTES, gpio_abi.FD_AT, gpio_abi.EVENT.size) == (592, 588, 48)
    assert (gpio_abi.GET_LINE, gpio_abi.GET_VALUES) == (0xC250B407, 0xC010B40E)
    line = InputLine("contact", 17, True, "pull-up", 0.02)
    data = gpio_abi.line_request([line], 16)
    assert len(data) == 592
    assert struct.unpack_from("=I", data, 0) == (17,)
    assert struct.unpack_from("=II", data, 560) == (1, 16)
    with pytest.raises(ValueError, match="1-64 lines"):
        gpio_abi.line_request([], 16)


def test_lines_with_other_settings_get_them_as_attributes() -> None:
    kernel = BoardKernel()
    lines = [
        InputLine("a", 3, True, "pull-up", 0.02),
        InputLine("b", 4, False, "off", 0.02),
        InputLine("c", 5, True, "pull-up", 0.0),
    ]
    with GpioChip("/dev/gpiochip0", kernel) as chip, chip.request(lines) as request:
        kernel.active = {4}
        assert request.states() == {"a": False, "b": True, "c": False}
        assert request.events() == []
    (asked,) = kernel.requests
    assert asked["offsets"] == [3, 4, 5]
    assert asked["consumer"] == b"kega"
    edges, low, is_input, pull_up, off = 1 << 4 | 1 << 5, 1 << 1, 1 << 2, 1 << 8, 1 << 10
    assert asked["flags"] == is_input | edges | low | pull_up
    assert asked["attributes"] == [
        (1, 0, is_input | edges | off, 0b010),
        (3, 0, 20_000, 0b011),
    ]


def test_chip_that_cannot_be_used_says_why() -> None:
    kernel = BoardKernel()
    with pytest.raises(BusClosed, match="ls /dev/gpiochip"):
        GpioChip("/dev/gpiochip9", kernel)
    kernel.taken = {3}
    with GpioChip("/dev/gpiochip0", kernel) as chip, pytest.raises(BusClosed, match="another program"):
        chip.request([InputLine("a", 3, True, "pull-up", 0.02)])


async def told(sink: MemorySink, metric: str, value: Any, device: str = "dev-000001") -> None:
    await sink.until(
        lambda: (
            sink.of(device) and sink.last(device).get(metric) and sink.last(device)[metric].value == value
        ),
        f"{metric} = {value}",
    )


async def test_pulses_are_counted_and_the_total_outlives_restarts(tmp_path: Path) -> None:
    kernel, counts = BoardKernel(), CountStore(tmp_path / "counts.db")
    meter = {**PULSE, "options": {"litres_per_pulse": 10, "base_m3": 100}}
    sink = MemorySink()
    one = bus(kernel, sink, counts, ("water_meter", meter))
    async with running(one):
        await told(sink, "Volume/Total", 100_000)
        start = asyncio.get_running_loop().time()
        for number in range(3):
            kernel.change(17, True, start + number)
            kernel.change(17, False, start + number + 0.5)
        await told(sink, "Volume/Total", 100_030)
        assert sink.last("dev-000001")["Flow/Rate"].value == pytest.approx(36.0)
    counts.close()
    again = CountStore(tmp_path / "counts.db")
    later = MemorySink()
    async with running(bus(kernel, later, again, ("water_meter", meter))):
        await told(later, "Volume/Total", 100_030)
        kernel.change(17, True, asyncio.get_running_loop().time())
        await told(later, "Volume/Total", 100_040)
    again.close()


async def test_total_that_was_told_is_on_disk(tmp_path: Path) -> None:
    """Power may go at any moment after a value was told: what stands in the file is never less."""
    kernel, counts = BoardKernel(), CountStore(tmp_path / "counts.db")
    sink = MemorySink()
    async with running(bus(kernel, sink, counts, ("water_meter", PULSE))):
        await told(sink, "Volume/Total", 0)
        for number in range(1, 6):
            kernel.change(17, True, 1000.0 + number)
            kernel.change(17, False, 1000.5 + number)
            await told(sink, "Volume/Total", 10 * number)
            witness = CountStore(tmp_path / "counts.db")
            assert witness.counts("dev-000001/pulse_water_meter line 17")["pulses"] >= number
            witness.close()
    counts.close()


async def test_interference_and_lost_changes_are_told_apart_from_pulses() -> None:
    kernel, sink = BoardKernel(), MemorySink()
    inputs = bus(kernel, sink, CountStore(None), ("water_meter", PULSE))
    async with running(inputs):
        await told(sink, "Volume/Total", 0)
        for number in range(10):  # 100 a second: no water meter
            kernel.change(17, True, 50.0 + number / 100)
            kernel.change(17, False, 50.005 + number / 100)
        kernel.change(17, True, 60.0, lose=4)
        await told(sink, "Volume/Total", 20)
        assert inputs.statistics.damaged == 4
        (instrument,) = inputs.instruments
        reading = await inputs.read(instrument, instrument.by_metric["Volume/Total"])
        assert reading.value == 20
        with pytest.raises(NotWritable):
            await inputs.write(instrument, Order("pulses", 0))


async def test_contacts_are_told_at_once_and_shaking_the_lift_is_one_lift() -> None:
    kernel, sink = BoardKernel(), MemorySink()
    kernel.active = {26}
    async with running(bus(kernel, sink, CountStore(None), ("truck", CONTACTS))):
        await told(sink, "Engine/On", True)
        base = asyncio.get_running_loop().time() - 100
        for begin, end in ((0, 10), (11, 14), (15, 18), (30, 31), (40, 43)):
            kernel.change(6, True, base + begin)  # two lifts: one shaken, one plain; one touch of a second
            kernel.change(6, False, base + end)
        kernel.change(26, False, base + 50)
        await told(sink, "Engine/On", False)
        assert sink.last("dev-000001")["Bin/Lift Count"].value == 2


async def test_chip_in_use_takes_the_device_nowhere_and_is_tried_again() -> None:
    kernel, sink = BoardKernel(), MemorySink()
    kernel.taken = {17}
    inputs = bus(kernel, sink, CountStore(None), ("water_meter", PULSE))
    async with running(inputs):
        async with asyncio.timeout(10):
            while inputs.statistics.losses == 0:
                await asyncio.sleep(0.01)
        (instrument,) = inputs.instruments
        with pytest.raises(BusClosed, match="not open"):
            await inputs.read(instrument, instrument.by_metric["Volume/Total"])
        kernel.taken = set()
        await told(sink, "Volume/Total", 0)


def test_damaged_file_of_counts_is_named(tmp_path: Path) -> None:
    file = tmp_path / "counts.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(CountsError, match="base_m3"):
        CountStore(file)
