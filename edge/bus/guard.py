"""Integrity on lines without transaction numbers: a late answer is never taken for another request's.

Modbus RTU answers carry no sign of what they answer. After a silence the answer may still come, and match the
next request in unit, function and even length. The guard remembers what it did not get (ghosts). A unit
answers in order, so one answer that no ghost can look like proves that all ghosts are gone; where the next
request could be mistaken, a read of another length goes first, whose data nobody uses.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from edge.bus.link import Exchange, ModbusLink, Reply
from edge.bus.statistics import BusStatistics
from edge.drivers.modbus.frames import READ_BITS, Framing, Request, check_reply
from edge.errors import BusCrcError, BusError, BusException, BusMismatch, BusTimeout

QUIET_S: Final = 0.02
LONGEST_DRAIN_S: Final = 1.0
TRIES: Final = 3

Signature = tuple[int, int]
"""Function and length of an answer."""


class Guard:
    """Verified exchanges over a link."""

    def __init__(self, link: ModbusLink, statistics: BusStatistics, quiet_s: float = QUIET_S) -> None:
        self._link = link
        self._statistics = statistics
        self._quiet_s = max(quiet_s, QUIET_S)
        self._ghosts: defaultdict[int, set[Signature]] = defaultdict(set)

    async def exchange(self, request: Request, timeout_s: float) -> Exchange:
        """Send `request` and give the data of its own answer.

        Raises:
            BusError: as `ModbusLink.ask`; BusMismatch also where the answer is not to this request, and
                BusException where the unit refuses.
        """
        for _ in range(TRIES):
            asked = self._unmistakable(request)
            if asked is not request:
                self._statistics.unit(request.unit).resyncs += 1
            try:
                exchange = await self._ask(asked, timeout_s)
            except BusException:
                if asked is request:
                    raise
            except (BusCrcError, BusMismatch):
                if asked is request:
                    raise
            else:
                if asked is request:
                    return exchange
        raise BusMismatch(f"{request}: late answers keep coming; the unit is slower than the time-out")

    def forget(self) -> None:
        """Nothing can come any more: the line was opened anew."""
        self._ghosts.clear()

    async def _ask(self, request: Request, timeout_s: float) -> Exchange:
        unit = self._statistics.unit(request.unit)
        ghosts = self._ghosts[request.unit]
        unit.requests += 1
        reply: Reply | None = None
        try:
            reply = await self._link.ask(request, timeout_s)
            data = check_reply(request, reply.frame)
        except BusException as error:
            unit.count(error)
            # the refusal itself may be a late one: only silence proves that nothing else is under way
            if ghosts:
                await self._link.drain(timeout_s, 2 * timeout_s + LONGEST_DRAIN_S)
                ghosts.clear()
            raise
        except (BusTimeout, BusCrcError, BusMismatch) as error:
            unit.count(error)
            if self._link.framing is Framing.RTU:
                if reply is not None and reply.frame.unit == request.unit:
                    ghosts.discard((reply.frame.function, len(reply.frame.pdu)))
                ghosts.add(signature(request))
                await self._drain()
            raise
        ghosts.clear()
        return Exchange(request, data, reply.sent, reply.received, reply.started, reply.ended)

    async def _drain(self) -> None:
        if self._link.is_open:
            await self._link.drain(self._quiet_s, LONGEST_DRAIN_S)

    def _unmistakable(self, request: Request) -> Request:
        """`request`, or a read that none of the missing answers can look like."""
        ghosts = self._ghosts[request.unit]
        # a write's answer repeats address and value, so a late one says the same thing
        if not request.is_read or signature(request) not in ghosts:
            return request
        step = 8 if request.function in READ_BITS else 1
        for distance in range(1, len(ghosts) + 2):
            for count in (request.count - step * distance, request.count + step * distance):
                other = Request(request.unit, request.function, request.address, count)
                if 1 <= count <= 125 and signature(other) not in ghosts:
                    return other
        return request


def signature(request: Request) -> Signature:
    """What the answer to `request` looks like from outside."""
    return request.function, request.reply_size


def is_silence(error: BusError) -> bool:
    """Whether `error` means that the unit does not answer, or not so that it can be understood."""
    return not isinstance(error, BusException) or error.is_silence
