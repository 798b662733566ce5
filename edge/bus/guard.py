"""Integrity on lines without transaction numbers: a late answer is never taken for another request's.

Modbus RTU answers carry no sign of what they answer. After a silence the answer may still come, and match the
next request in unit, function and even length. The guard remembers what it did not get (ghosts). A unit
answers in order, so one answer that no ghost can look like proves that all ghosts are gone; where the next
request could be mistaken, a read of another length goes first, whose data nobody uses. An answer that is,
byte for byte, the one to a recent other request may be that one sent twice: it must come a second time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from edge.bus.link import Exchange, LateAnswer, ModbusLink, Reply
from edge.bus.statistics import BusStatistics
from edge.drivers.modbus.frames import READ_BITS, Framing, Request, check_reply
from edge.errors import BusCrcError, BusError, BusException, BusMismatch, BusTimeout

QUIET_S: Final = 0.02
LONGEST_DRAIN_S: Final = 1.0
TRIES: Final = 3
_RECENT: Final = 16
"""Answers of a unit that a repetition is looked for among."""
_RECENT_S: Final = 2.0

Signature = tuple[int, int]
"""Function and length of an answer."""


class _Doubtful(BusMismatch):
    """An answer that must come a second time to be believed."""


@dataclass(slots=True)
class _Past:
    """What a unit may still send although nobody waits for it."""

    ghosts: set[Signature] = field(default_factory=set)
    given_up_at: float = 0.0
    """When the last request was sent that got no answer."""
    answers: dict[bytes, tuple[set[Request], float]] = field(default_factory=dict)
    """The last answers, which requests they are known to answer, and when they came; the oldest first."""
    doubted: tuple[Request, bytes] | None = None
    """An answer that was not believed the first time."""

    def remember(self, pdu: bytes, request: Request | None, now: float) -> None:
        requests, _ = self.answers.pop(pdu, (set(), 0.0))
        if request is not None and len(requests) < _RECENT:
            requests.add(request)
        self.answers[pdu] = (requests, now)
        if len(self.answers) > _RECENT:
            del self.answers[next(iter(self.answers))]


class Guard:
    """Verified exchanges over a link."""

    def __init__(
        self,
        link: ModbusLink,
        statistics: BusStatistics,
        quiet_s: float = QUIET_S,
        *,
        per_byte_s: float = 0.0,
        on_late: LateAnswer | None = None,
    ) -> None:
        """Guard a link.

        Args:
            link: carries the frames.
            statistics: counts.
            quiet_s: silence after which the line counts as empty, at least 20 ms.
            per_byte_s: time of one byte on the wire; 0 where it is not known.
            on_late: told of units that answer after they were given up.
        """
        self._link = link
        self._statistics = statistics
        self._silence_s = quiet_s
        self._quiet_s = max(quiet_s, QUIET_S)
        self._per_byte_s = per_byte_s
        self._on_late = on_late
        self._is_serial = link.framing is Framing.RTU
        self._past: dict[int, _Past] = {}

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
            doubtful = bool(self._of(request.unit).ghosts)
            try:
                exchange = await self._ask(asked, timeout_s)
            except BusException:
                # where answers were missing, the refusal may be a late one: it counts when it comes again
                if asked is request and not (doubtful and request.is_read):
                    raise
            except _Doubtful:
                continue
            except (BusCrcError, BusMismatch):
                if asked is request:
                    raise
            else:
                if asked is request:
                    return exchange
        raise BusMismatch(f"{request}: late answers keep coming; the unit is slower than the time-out")

    def forget(self) -> None:
        """Nothing can come any more: the line was opened anew."""
        self._past.clear()

    def _of(self, unit: int) -> _Past:
        if unit not in self._past:
            self._past[unit] = _Past()
        return self._past[unit]

    async def _ask(self, request: Request, timeout_s: float) -> Exchange:
        unit = self._statistics.unit(request.unit)
        past = self._of(request.unit)
        started = asyncio.get_running_loop().time()
        unit.requests += 1
        for frame in self._link.overheard():
            self._of(frame.unit).remember(frame.pdu, None, started)
        reply: Reply | None = None
        try:
            reply = await self._link.ask(request, timeout_s)
            data = check_reply(request, reply.frame)
            if self._is_serial and request.is_read:
                await self._prove(request, reply, past)
        except BusException as error:
            unit.count(error)
            if past.ghosts:
                # only silence proves that nothing else is under way
                await self._link.drain(timeout_s, 2 * timeout_s + LONGEST_DRAIN_S)
                past.ghosts.clear()
            raise
        except (BusTimeout, BusCrcError, BusMismatch) as error:
            unit.count(error)
            if self._is_serial:
                self._note_late(request, reply)
                past.ghosts.add(signature(request))
                past.given_up_at = started
                if self._link.is_open:
                    await self._link.drain(self._quiet_s, LONGEST_DRAIN_S)
            raise
        past.ghosts.clear()
        return Exchange(request, data, reply.sent, reply.received, reply.started, reply.ended)

    async def _prove(self, request: Request, reply: Reply, past: _Past) -> None:
        """Raise BusMismatch where the answer may be an earlier one, sent twice."""
        pdu = reply.frame.pdu
        answered, at = past.answers.get(pdu, ({request}, 0.0))
        if reply.ended - at < _RECENT_S:
            if request not in answered and past.doubted != (request, pdu):
                past.doubted = (request, pdu)
                raise _Doubtful(f"{request}: the same answer as to another request before")
            size = len(reply.sent) + len(reply.received)
            if request in answered and reply.ended - reply.started < size * self._per_byte_s:
                await self._wait_for_another(request, reply, size)
        if past.doubted is not None and past.doubted[0] == request:
            past.doubted = None
        past.remember(pdu, request, reply.ended)

    async def _wait_for_another(self, request: Request, reply: Reply, size: int) -> None:
        """Raise BusMismatch where another answer follows one that came sooner than the line can carry it."""
        slowest_s = max(self._statistics.unit(request.unit).recent_s, default=self._quiet_s)
        latest = reply.started + size * self._per_byte_s + slowest_s
        if await self._link.drain(max(latest - reply.ended, 0.0) + self._silence_s, LONGEST_DRAIN_S):
            raise BusMismatch(f"{request}: an answer came twice")

    def _note_late(self, request: Request, reply: Reply | None) -> None:
        """Where the wrong answer is the missing one of some unit, that unit is slow and not dead."""
        if reply is None:
            return
        unit, given = reply.frame.unit, (reply.frame.function, len(reply.frame.pdu))
        past = self._of(unit)
        if given in past.ghosts:
            past.ghosts.discard(given)
            if self._on_late is not None:
                self._on_late(unit, reply.ended - past.given_up_at, True)

    def _unmistakable(self, request: Request) -> Request:
        """`request`, or a read that none of the missing answers can look like."""
        ghosts = self._of(request.unit).ghosts
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
