"""One TCP port on which instruments call the gateway, such as vehicle trackers.

An instrument tells what it measured while it could not call, and forgets it only when the gateway says that
it has it. So the answer is sent after the readings are on disk, and what comes twice is stored once: readings
that are not newer than the device's last one are acknowledged and counted, not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping as MappingOf
from typing import Final

from edge.bus.backoff import Backoff
from edge.bus.presence import Presence
from edge.bus.stamps import Stamps
from edge.bus.statistics import BusStatistics
from edge.config import TcpServerBusConfig
from edge.decoding.binding import BoundInstrument
from edge.decoding.mapping import Mapping, Order
from edge.decoding.readings import readings_of, unknown_readings
from edge.drivers.base import Call, Heard, Record
from edge.drivers.registry import find_call_driver
from edge.errors import BusTimeout, NotWritable
from edge.ports import ReadingSink
from telemetry.readings import Batch, Reading

logger = logging.getLogger(__name__)

CHUNK: Final = 4096
LOGIN_WITHIN_S: Final = 30.0
IDLE_S: Final = 3600.0
"""A call without a byte for so long is dead, though nobody hung up."""
SHORTEST_SILENCE_S: Final = 300.0
LOOK_EVERY_S: Final = 5.0
LONGEST_RECONNECT_S: Final = 30.0
SEND_WITHIN_S: Final = 30.0


class CallBus:
    """The listening port and everybody who calls."""

    def __init__(
        self,
        config: TcpServerBusConfig,
        instruments: list[BoundInstrument],
        sink: ReadingSink,
        presence: Presence,
        stamps: Stamps,
        *,
        last_ms: MappingOf[str, int] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.id = config.id
        self.statistics = BusStatistics()
        self.repeated = 0
        """Records that were stored before."""
        self._config = config
        self._sink = sink
        self._presence = presence
        self._stamps = stamps
        self._last_ms = dict(last_ms or {})
        self._chance = chance or random.Random()  # noqa: S311, spreads retries, keeps no secret
        self._driver = find_call_driver(instruments[0].profile.driver)
        self._instruments = {self._driver.identity(each.profile): each for each in instruments}
        self._profiles = {name: each.profile for name, each in self._instruments.items()}
        self._numbers = {name: number for number, name in enumerate(self._instruments, start=1)}
        self._heard_at: dict[str, float] = {}
        self._latest: dict[str, dict[str, Reading]] = {}
        self._calls: dict[str, asyncio.StreamWriter] = {}
        self._open_calls = 0

    async def run(self) -> None:
        """Live until cancelled: listen, and listen again with growing patience where the port is taken."""
        backoff = Backoff(0.5, LONGEST_RECONNECT_S, self._chance)
        while True:
            try:
                server = await asyncio.start_server(self._call, self._config.host, self._config.port)
            except OSError as error:
                self.statistics.losses += 1
                cause = f"port {self._config.place} cannot be listened on: {error.strerror or error}"
                logger.warning("bus-closed", extra={"bus": self.id, "cause": cause})
                pause_s = backoff.failed()
                self.statistics.pulse.within(pause_s, "leaves the taken port alone")
                await asyncio.sleep(pause_s)
                continue
            backoff.succeeded()
            self.statistics.connections += 1
            logger.info("bus-open", extra={"bus": self.id})
            async with server:
                await self._watch()

    async def write(self, instrument: BoundInstrument, order: Order, _before: float | None = None) -> None:
        """Raise NotWritable: such instruments take no orders."""
        raise NotWritable(f"{order.key} of {instrument.device} comes from calls that take no orders")

    async def read(self, instrument: BoundInstrument, mapping: Mapping) -> Reading:
        """What the instrument told last. Raises BusTimeout where it has not called yet."""
        reading = self._latest.get(instrument.device, {}).get(mapping.metric)
        if reading is None:
            raise BusTimeout(f"{instrument.name} has not called since the agent began")
        return reading

    async def _watch(self) -> None:
        """Notice who has not called for long."""
        loop = asyncio.get_running_loop()
        while True:
            self.statistics.pulse.within(LOOK_EVERY_S, "waits for calls")
            await asyncio.sleep(LOOK_EVERY_S)
            for name, instrument in self._instruments.items():
                silence_s = max(SHORTEST_SILENCE_S, 3 * instrument.every_s)
                heard_at = self._heard_at.get(name)
                if heard_at is not None and loop.time() - heard_at > silence_s:
                    del self._heard_at[name]
                    await self._silent(instrument, f"{instrument.name} has not called for {silence_s:g} s")

    async def _silent(self, instrument: BoundInstrument, cause: str) -> None:
        if await self._presence.is_silent(instrument, cause):
            time_ms = self._stamps.now(instrument.device)
            await self._sink.accept(Batch(instrument.device, unknown_readings(instrument, cause, time_ms)))

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. A caller that does harm ends only its own call."""
        call = self._driver.answer(self._profiles)
        place = str(writer.get_extra_info("peername", ("unknown",))[0])
        self._open_calls += 1
        try:
            if self._open_calls > self._config.most_calls:
                reason = f"more than {self._config.most_calls} calls at once"
                logger.warning("call-refused", extra={"bus": self.id, "peer": place, "cause": reason})
                return
            await self._listen(call, reader, writer, place)
        except (OSError, TimeoutError) as error:
            cause = str(error) or "no byte came in time"
            logger.info("call-ended", extra={"bus": self.id, "peer": place, "cause": cause})
        finally:
            self._open_calls -= 1
            if self._calls.get(call.caller) is writer:
                del self._calls[call.caller]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _listen(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str
    ) -> None:
        faults = 0
        while True:
            async with asyncio.timeout(IDLE_S if call.caller else LOGIN_WITHIN_S):
                data = await reader.read(CHUNK)
            if not data:
                return
            for heard in call.feed(data):
                self.statistics.damaged += call.faults - faults
                faults = call.faults
                if heard.reason:
                    logger.warning(
                        "call-refused" if heard.ends else "call-fault",
                        extra={"bus": self.id, "peer": place, "cause": heard.reason},
                    )
                if call.caller and not await self._take(call.caller, writer, heard):
                    return
                if heard.reply:
                    writer.write(heard.reply)
                    async with asyncio.timeout(SEND_WITHIN_S):
                        await writer.drain()
                if heard.ends:
                    return

    async def _take(self, name: str, writer: asyncio.StreamWriter, heard: Heard) -> bool:
        """Keep what was heard; False where that failed and must not be acknowledged."""
        instrument = self._instruments[name]
        if self._calls.get(name) is not writer:
            former = self._calls.get(name)
            self._calls[name] = writer
            if former is not None:  # a tracker that lost its network has no way to hang up
                former.close()
            logger.info("call-began", extra={"bus": self.id, "device": instrument.device})
        self._heard_at[name] = asyncio.get_running_loop().time()
        await self._presence.answers(instrument)
        unit = self.statistics.unit(self._numbers[name])
        unit.requests += 1
        for record in heard.records:
            if not await self._keep(instrument, record):
                logger.error("records-not-kept", extra={"bus": self.id, "device": instrument.device})
                return False
        unit.answers += 1
        return True

    async def _keep(self, instrument: BoundInstrument, record: Record) -> bool:
        device = instrument.device
        if record.time_ms <= self._last_ms.get(device, 0):
            self.repeated += 1
            return True
        readings = readings_of(instrument, record.points, record.time_ms)
        if readings and not await self._sink.keep(Batch(device, readings)):
            return False
        self._last_ms[device] = record.time_ms
        self._latest[device] = {reading.metric: reading for reading in readings}
        return True
