"""Sends every gateway its newest configuration until it has judged it."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.backoff import Backoff
from cloud.configuration.port import ConfigurationBook, Desired
from cloud.errors import RegistryUnavailable
from telemetry.clock import Clock
from telemetry.errors import LinkError
from telemetry.sparkplug.metrics import CONFIG_DESIRED
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from telemetry.sparkplug.topics import Topic, Verb

LOOK_S: Final = 1.0
MOST_A_LOOK: Final = 10
"""Configurations sent in one look: a fleet is changed at this pace, not all at once."""
MOST_KNOWN: Final = 500
"""Configurations looked at; past that, those sent longest ago come first."""
FIRST_S: Final = 5.0
LONGEST_S: Final = 300.0

_log = logging.getLogger(__name__)


class Outlet(Protocol):
    """The way to the gateways."""

    def may_reach(self, gateway: str) -> bool:
        """False while there is no connection, or the gateway is known to be offline."""
        ...

    def area_of(self, gateway: str) -> str | None:
        """The area of the gateway; None where no birth has ever told of it."""
        ...

    def send(self, topic: Topic, payload: bytes) -> None:
        """Publish a command, QoS 0, not retained. Raises LinkError."""
        ...


@dataclass(slots=True)
class _Turn:
    version: int
    sent: int = 0
    next_s: float = float("-inf")


class Pace:
    """When which gateway gets its configuration (again): 5 s, 10 s … 5 min apart. Pure."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._turns: dict[str, _Turn] = {}
        self._chance = chance or random.Random()  # noqa: S311, spreads repeats, keeps no secret

    def due(self, waiting: list[Desired], now_s: float) -> list[Desired]:
        """Those of the `waiting` to send now, at most `MOST_A_LOOK`; all others are forgotten."""
        turns: dict[str, _Turn] = {}
        due: list[Desired] = []
        for desired in waiting:
            turn = self._turns.get(desired.gateway)
            if turn is None or turn.version != desired.version:
                turn = _Turn(desired.version)
            turns[desired.gateway] = turn
            if turn.next_s <= now_s and len(due) < MOST_A_LOOK:
                due.append(desired)
        self._turns = turns
        return due

    def sent(self, gateway: str, now_s: float) -> None:
        """It went out."""
        turn = self._turns[gateway]
        pause_s = min(FIRST_S * 2 ** min(turn.sent, 16), LONGEST_S)
        turn.next_s = now_s + pause_s * self._chance.uniform(0.8, 1.2)
        turn.sent += 1

    def gateway_born(self, gateway: str) -> None:
        """The gateway has come (back): what waits for it goes out with the next look."""
        if gateway in self._turns:
            self._turns[gateway].next_s = float("-inf")


class Pusher:
    """Looks every second for configurations that are not judged yet."""

    def __init__(self, registry: ConfigurationBook, outlet: Outlet, clock: Clock) -> None:
        self._registry = registry
        self._outlet = outlet
        self._clock = clock
        self._pace = Pace()

    def gateway_born(self, gateway: str) -> None:
        """The gateway has come (back)."""
        self._pace.gateway_born(gateway)

    async def run(self) -> None:
        """Push until cancelled. A registry that is away is asked again and again."""
        backoff = Backoff(0.5, 15.0)
        while True:
            try:
                await self.look()
            except RegistryUnavailable as error:
                pause = backoff.next_s()
                _log.warning(
                    "configurations-wait-for-registry",
                    extra={"retry_s": round(pause, 2), "cause": str(error)},
                )
                await asyncio.sleep(pause)
            else:
                backoff.reset()
                await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look. Raises RegistryUnavailable."""
        found = await asyncio.to_thread(self._registry.undecided, MOST_KNOWN)
        waiting = [desired for desired in found if self._outlet.may_reach(desired.gateway)]
        for desired in self._pace.due(waiting, self._clock.monotonic()):
            area = self._outlet.area_of(desired.gateway)
            if area is not None:
                await self._send(area, desired)

    async def _send(self, area: str, desired: Desired) -> None:
        now_ms = self._clock.now_ms()
        about = {"gateway": desired.gateway, "version": desired.version}
        metric = Metric(CONFIG_DESIRED, DataType.STRING, desired.envelope, now_ms)
        try:
            self._outlet.send(
                Topic(area, Verb.NCMD, desired.gateway), encode(Payload(time_ms=now_ms, metrics=(metric,)))
            )
        except LinkError as error:
            _log.warning("configuration-not-sent", extra={**about, "cause": str(error)})
            return
        self._pace.sent(desired.gateway, self._clock.monotonic())
        _log.info("configuration-sent", extra={**about, "attempt": desired.attempts + 1})
        await asyncio.to_thread(
            self._registry.configuration_sent, desired.gateway, desired.version, time_ms=now_ms
        )
