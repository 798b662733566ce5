"""Which task serves a line: by its kind, and by how the instruments on it speak."""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import TypeAlias

from edge.bus.ask_bus import AskBus
from edge.bus.call_bus import CallBus
from edge.bus.input_bus import InputBus
from edge.bus.learned_file import LearnedFile
from edge.bus.modbus_bus import ModbusBus
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.bus.stream_bus import StreamBus
from edge.config import BusConfig, GpioBusConfig, SerialBusConfig, TcpServerBusConfig
from edge.counters.store import CountStore
from edge.decoding.binding import BoundInstrument
from edge.drivers.base import AskDriver
from edge.drivers.registry import find_driver
from edge.ports import ReadingSink

Bus: TypeAlias = ModbusBus | StreamBus | AskBus | CallBus | InputBus


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every line of a gateway shares."""

    sink: ReadingSink
    presence: Presence
    stamps: Stamps
    counts: CountStore
    learned: LearnedFile
    last_ms: MappingOf[str, int]
    chance: random.Random | None
    on_receiver: Callable[[bytes, float], None]


def make_bus(config: BusConfig, instruments: list[BoundInstrument], around: Surroundings) -> Bus:
    """The task for one line that has instruments."""
    sink, presence, stamps, chance = around.sink, around.presence, around.stamps, around.chance
    if isinstance(config, SerialBusConfig):
        if isinstance(find_driver(instruments[0].profile.driver), AskDriver):
            return AskBus(config, instruments, sink, presence, stamps, chance=chance)
        return StreamBus(
            config, instruments[0], sink, presence, stamps, chance=chance, on_receiver=around.on_receiver
        )
    if isinstance(config, TcpServerBusConfig):
        return CallBus(config, instruments, sink, presence, stamps, last_ms=around.last_ms, chance=chance)
    if isinstance(config, GpioBusConfig):
        return InputBus(config, instruments, sink, presence, stamps, counts=around.counts, chance=chance)
    return ModbusBus(config, instruments, sink, presence, stamps, learned=around.learned, chance=chance)
