"""Whether devices answer: a device is up while any of its instruments is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from edge.decoding.binding import BoundDevice, BoundInstrument
from edge.ports import ReadingSink


class Presence:
    """Tells the sink when a device comes and goes."""

    def __init__(self, devices: Iterable[BoundDevice], sink: ReadingSink) -> None:
        self._sink = sink
        self._answering: dict[str, set[str]] = {device.id: set() for device in devices}
        self._up: set[str] = set()
        self._locks = {device: asyncio.Lock() for device in self._answering}

    async def answers(self, instrument: BoundInstrument) -> None:
        """An instrument answers."""
        device = instrument.device
        self._answering[device].add(instrument.name)
        if device in self._up:
            return
        async with self._locks[device]:
            if device not in self._up and self._answering[device]:
                self._up.add(device)
                await self._sink.device_up(device)

    async def is_silent(self, instrument: BoundInstrument, reason: str) -> bool:
        """An instrument does not answer any more, or never did.

        True where it did and the device stays up by its other instruments: what it told is unknown then.
        """
        device = instrument.device
        did_answer = instrument.name in self._answering[device]
        self._answering[device].discard(instrument.name)
        async with self._locks[device]:
            if device not in self._up:
                return False
            if self._answering[device]:
                return did_answer
            self._up.discard(device)
            await self._sink.device_down(device, reason)
            return False
