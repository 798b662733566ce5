"""Exchanges over a line on which answers are late, short, doubled, damaged or missing; all are checked."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from edge.bus.guard import Guard
from edge.bus.serial_link import SerialLink
from edge.bus.statistics import BusStatistics
from edge.config import RtuBusConfig
from edge.drivers.modbus.frames import Framing, Request, wrap
from edge.errors import BusError
from tests.edge.bus.raw_device import RawDevice, on_pty

TIMEOUT_S = 0.04
UNITS = (1, 2, 3)
SHARES = {
    "late": 0.04,
    "short": 0.04,
    "doubled": 0.05,
    "doubled later": 0.05,
    "damaged": 0.05,
    "silent": 0.02,
    "other unit": 0.02,
    "other function": 0.02,
}
"""Part of the answers that each fault befalls."""


@dataclass
class FaultyUnits(RawDevice):
    """Units whose registers say which question they answer: every answer differs from every other."""

    chance: random.Random = field(default_factory=random.Random)
    faults: Counter[str] = field(default_factory=Counter)
    truth: dict[int, bytes] = field(default_factory=dict)
    """The right data of each unit's latest answer."""

    def __post_init__(self) -> None:
        self.fault = self._spoil

    def _spoil(self, request: Request, frame: bytes) -> list[tuple[float, bytes]]:
        number = len(self.asked)
        words = [(request.address * 31 + place * 7 + number * 131) & 0xFFFF for place in range(request.count)]
        data = b"".join(word.to_bytes(2, "big") for word in words)
        self.truth[request.unit] = data
        head = bytes([request.function, len(data)])
        frame = wrap(request.unit, head + data, Framing.RTU)
        kind = self.chance.choices([*SHARES, "right"], [*SHARES.values(), 1 - sum(SHARES.values())])[0]
        self.faults[kind] += 1
        match kind:
            case "late":
                return [(TIMEOUT_S * self.chance.uniform(1.05, 2.0), frame)]
            case "short":
                less = bytes([request.function, len(data) - 2]) + data[2:]
                return [(0.0, wrap(request.unit, less, Framing.RTU))]
            case "doubled":
                return [(0.0, frame), (0.0, frame)]
            case "doubled later":
                return [(0.0, frame), (self.chance.uniform(0.0, 1.5) * TIMEOUT_S, frame)]
            case "damaged":
                spoilt = bytearray(frame)
                for _ in range(self.chance.randint(1, 3)):
                    spoilt[self.chance.randrange(len(spoilt))] ^= 1 << self.chance.randrange(8)
                return [(0.0, bytes(spoilt))]
            case "silent":
                return []
            case "other unit":
                return [(0.0, wrap(self.chance.choice((7, *UNITS)), head + data, Framing.RTU))]
            case "other function":
                other = bytes([7 - request.function, len(data)]) + data
                return [(0.0, wrap(request.unit, other, Framing.RTU))]
        return [(0.0, frame)]


@dataclass
class Tally:
    """What came of the exchanges."""

    right: int = 0
    wrong: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


async def try_exchanges(count: int, seed: int) -> Tally:
    """Make `count` guarded exchanges with faulty units on a line of their own."""
    chance = random.Random(seed)
    device = FaultyUnits(set(UNITS), chance=random.Random(seed + 1))
    tally = Tally(faults=device.faults)
    async with on_pty(device) as port:
        config = RtuBusConfig(id="rs485-1", kind="modbus-rtu", port=port, baud=115200)
        link = SerialLink(config)
        await link.open()
        guard = Guard(link, BusStatistics(), 0.00175, per_byte_s=11 / 115200)
        for _ in range(count):
            request = Request(
                chance.choice(UNITS), chance.choice((3, 4)), chance.randrange(50), chance.choice((2, 4, 4, 8))
            )
            try:
                exchange = await guard.exchange(request, TIMEOUT_S)
            except BusError as error:
                tally.errors[error.kind] += 1
                continue
            if exchange.data == device.truth[request.unit] and len(exchange.data) == 2 * request.count:
                tally.right += 1
            else:
                tally.wrong += 1
                truth = device.truth[request.unit].hex()
                tally.examples.append(f"{request}: {exchange.data.hex()} and not {truth}")
        link.close()
    return tally
