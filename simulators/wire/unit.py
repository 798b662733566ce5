"""A slave on a line: answers for its instrument, unless a fault makes it answer otherwise or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simulators.devices.instrument import Instrument, Native
from simulators.faults import Kind, Owners
from simulators.wire.pdu import Code, Registers, Table, answer, refused
from simulators.world.noise import Noise
from telemetry.clock import Clock


@dataclass(frozen=True, slots=True)
class Reply:
    """What a slave sends, and how."""

    pdu: bytes
    delay_s: float = 0.0
    """Beyond the ordinary turn-around."""
    broken: bool = False
    """Whether its checksum is wrong."""


class StickyInstrument:
    """An instrument whose values stay where they are while its devices have fault `stuck`."""

    def __init__(self, inner: Instrument, owners: Owners) -> None:
        self._inner = inner
        self._owners = owners
        self._kept: Mapping[str, Native] | None = None

    def values(self, time_s: float) -> Mapping[str, Native]:
        """Values now, or as they were when the fault began."""
        if not self._owners.strength(Kind.STUCK, time_s):
            self._kept = None
            return self._inner.values(time_s)
        if self._kept is None:
            self._kept = dict(self._inner.values(time_s))
        return self._kept

    def write(self, key: str, value: float | bool, time_s: float) -> None:
        """Pass on what a master wrote."""
        self._inner.write(key, value, time_s)


class GarbageRegisters:
    """Registers that hold nonsense while the devices have fault `garbage`."""

    _NONSENSE: Final = (0xFFFF, 0x7FC0, 0x8000, 0xDEAD, 0x7F80)

    def __init__(self, inner: Registers, owners: Owners, clock: Clock, noise: Noise) -> None:
        self._inner = inner
        self._owners = owners
        self._clock = clock
        self._noise = noise

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """The words, or nonsense in their place."""
        words = self._inner.read(table, address, count)
        now_ms = self._clock.now_ms()
        if table <= Table.DISCRETE or not self._owners.strength(Kind.GARBAGE, now_ms / 1000):
            return words
        picks = (int(self._noise.uniform(now_ms + each) * len(self._NONSENSE)) for each in range(count))
        return [self._NONSENSE[pick] for pick in picks]

    def write(self, table: Table, address: int, words: Sequence[int], *, single: bool) -> None:
        """Pass on what a master wrote."""
        self._inner.write(table, address, words, single=single)


class Unit:
    """One Modbus slave."""

    def __init__(self, registers: Registers, owners: Owners, clock: Clock) -> None:
        self._registers = registers
        self._owners = owners
        self._clock = clock

    def respond(self, request: bytes) -> Reply | None:
        """The reply to a request's PDU; None for silence."""
        now_s = self._clock.now_ms() / 1000
        if self._owners.strength(Kind.DEAD, now_s):
            return None
        if self._owners.strength(Kind.EXCEPTION, now_s):
            pdu = refused(request, Code.DEVICE_FAILURE)
        else:
            pdu = answer(self._registers, request)
        return Reply(
            pdu,
            delay_s=self._owners.strength(Kind.LATE, now_s),
            broken=self._owners.strength(Kind.CRC, now_s) > 0,
        )
