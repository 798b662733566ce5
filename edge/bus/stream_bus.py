"""One serial line with an instrument that talks by itself."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from edge.bus.backoff import Backoff
from edge.bus.presence import Presence
from edge.bus.serial_port import SerialPort
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.config import SerialBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.base import NativePoint, Stream
from edge.drivers.registry import find_stream_driver
from edge.errors import BusClosed, BusTimeout, NotWritable
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

RECEIVER: Final = "nmea"
"""Driver of satellite receivers, who know the time."""
PAUSE_S: Final = 0.15
"""Silence that ends what an instrument says at one moment."""
SHORTEST_SILENCE_S: Final = 5.0
LONGEST_RECONNECT_S: Final = 30.0
OPENING_S: Final = 60.0


class StreamBus:
    """The task of one serial line. The latest scan of each period is sent on."""

    def __init__(
        self,
        config: SerialBusConfig,
        instrument: BoundInstrument,
        sink: ReadingSink,
        presence: Presence,
        stamps: Stamps,
        *,
        chance: random.Random | None = None,
        on_receiver: Callable[[bytes, float], None] = lambda _data, _at: None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self._config = config
        self._instrument = instrument
        self._sink = sink
        self._presence = presence
        self._stamps = stamps
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._on_receiver = on_receiver if instrument.profile.driver == RECEIVER else None
        self._driver = find_stream_driver(instrument.profile.driver)
        self._silence_s = max(SHORTEST_SILENCE_S, 3 * instrument.every_s)
        self._scans: asyncio.Condition = asyncio.Condition()
        self._latest: tuple[NativePoint, ...] = ()

    async def run(self) -> None:
        """Live until cancelled: open, listen, open again with growing patience."""
        backoff = Backoff(0.5, LONGEST_RECONNECT_S, self._chance)
        while True:
            self.statistics.pulse.within(OPENING_S, "opens the line")
            try:
                port = SerialPort(self._config)
                self.statistics.connections += 1
                backoff.succeeded()
                logger.info("bus-open", extra={"bus": self.id})
                try:
                    await self._listen(port)
                finally:
                    port.close()
            except BusClosed as error:
                self.statistics.losses += 1
                logger.warning("bus-closed", extra={"bus": self.id, "cause": str(error)})
                await self._silent(str(error))
            pause_s = backoff.failed()
            self.statistics.pulse.within(pause_s, "leaves the lost line alone")
            await asyncio.sleep(pause_s)

    async def write(self, instrument: BoundInstrument, order: Order, _before: float | None = None) -> None:
        """Raise NotWritable: such instruments take no orders."""
        raise NotWritable(f"{order.key} of {instrument.device} comes from a line that takes no orders")

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """The next value that the instrument tells. Raises BusTimeout where it stays silent."""
        try:
            async with asyncio.timeout(self._silence_s), self._scans:
                while True:
                    await self._scans.wait()
                    for point in self._latest:
                        if point.key == mapping.key:
                            time_ms = self._stamps.now(instrument.device)
                            return mapping.reading(instrument.device, point, time_ms)
        except TimeoutError as error:
            raise BusTimeout(f"{instrument.name} said nothing for {self._silence_s:g} s") from error

    async def _listen(self, port: SerialPort) -> None:
        loop = asyncio.get_running_loop()
        port.write(self._driver.greeting(self._instrument.profile))
        stream = self._driver.stream(self._instrument.profile)
        heard_at = due = loop.time()
        damaged_before = self.statistics.damaged
        is_silent = False
        while True:
            self.statistics.pulse.within(PAUSE_S, "listens")
            scans = await self._next(port, stream)
            self.statistics.pulse.waits_for("the spool")
            self.statistics.damaged = damaged_before + stream.faults
            now = loop.time()
            if scans:
                heard_at, is_silent = now, False
                await self._heard(scans[-1])
                if now >= due:
                    due = max(due + self._instrument.every_s, now)
                    await self._send(scans[-1])
            elif now - heard_at > self._silence_s and not is_silent:
                is_silent = True
                await self._fall_silent(stream)

    async def _next(self, port: SerialPort, stream: Stream) -> list[tuple[NativePoint, ...]]:
        data = await port.read(PAUSE_S)
        if data and self._on_receiver is not None:
            self._on_receiver(data, asyncio.get_running_loop().time())
        return stream.feed(data) if data else stream.flush()

    async def _heard(self, scan: tuple[NativePoint, ...]) -> None:
        await self._presence.answers(self._instrument)
        async with self._scans:
            self._latest = scan
            self._scans.notify_all()

    async def _send(self, scan: tuple[NativePoint, ...]) -> None:
        time_ms = self._stamps.now(self._instrument.device)
        readings = readings_of(self._instrument, scan, time_ms)
        if readings:
            await self._sink.accept(Batch(self._instrument.device, readings))

    async def _fall_silent(self, stream: Stream) -> None:
        cause = f"{self._instrument.name} said nothing for {self._silence_s:g} s"
        if stream.faults:
            cause += f" but {stream.faults} damaged frames: check speed and wiring"
        logger.warning(
            "line-silent", extra={"bus": self.id, "device": self._instrument.device, "cause": cause}
        )
        await self._silent(cause)

    async def _silent(self, cause: str) -> None:
        device = self._instrument.device
        if await self._presence.is_silent(self._instrument, cause):
            readings = unknown_readings(self._instrument, cause, self._stamps.now(device))
            await self._sink.accept(Batch(device, readings))
