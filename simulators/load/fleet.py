"""All gateways of one process: connected, scanned, cut off, and brought to their end."""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections.abc import Coroutine
from typing import Any, Final

from simulators.load.gateway import LoadGateway
from simulators.load.outcome import Outage, Outcome
from simulators.load.plan import LoadPlan
from simulators.load.shape import shape_of
from simulators.load.wire import Wire, open_wire
from telemetry.clock import Clock
from telemetry.devices.classes import DeviceClass
from telemetry.errors import LinkError

TICK_S: Final = 0.02
LOOK_S: Final = 0.5
"""How often what is due to be sent again is looked for."""
TELL_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0

_log = logging.getLogger(__name__)


class _Line:
    """One connection and the gateways that speak over it."""

    def __init__(self, number: int, gateways: list[LoadGateway]) -> None:
        self.number = number
        self.gateways = gateways
        self.by_topic = {gateway.filters[0]: gateway for gateway in gateways}
        self.wire: Wire | None = None
        self.is_up = False


class Fleet:
    """Runs a plan once."""

    def __init__(self, plan: LoadPlan, device_class: DeviceClass, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._chance = random.Random(plan.seed * 1_000_003 + plan.first)  # noqa: S311, repeatable on purpose
        shape = shape_of(device_class, plan.metrics, plan.seed)
        begin_ms = clock.now_ms()
        self._lines = [
            _Line(number, [LoadGateway(plan, index, shape, begin_ms) for index in group])
            for number, group in enumerate(plan.groups)
        ]
        self.outcome = Outcome(plan.gateways, plan.gateways * plan.devices, plan.metrics)
        self._began = time.monotonic()
        self._up = 0
        self._lost_since: float | None = None
        self._lost = 0
        self._all_up = asyncio.Event()
        self._ending = False

    async def run(self, stop: asyncio.Event) -> Outcome:
        """Connect all, scan for the plan's time or until `stop`, wait for the last acknowledgements, end."""
        outcome = self.outcome
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(self._keep(line)) for line in self._lines]
            others.append(tasks.create_task(self._look()))
            others.append(tasks.create_task(self._tell()))
            await _either(self._all_up.wait(), stop.wait())
            if not stop.is_set():
                outcome.online_after_s = self._seconds()
                _log.info("load-online", extra={"gateways": outcome.gateways, "seconds": self._seconds()})
                await self._scan(stop)
                await self._drain()
            self._ending = True
            for each in others:
                each.cancel()
        self._farewell()
        await asyncio.sleep(TICK_S)  # the loop's turn to write the last words
        if self._lost_since is not None:
            self._outage_ends(None)
        gateways = [gateway for line in self._lines for gateway in line.gateways]
        outcome.lost = sum(len(gateway.spool) + gateway.spool.evicted for gateway in gateways)
        return outcome

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    # connections

    async def _keep(self, line: _Line) -> None:
        """Keep one connection, as a gateway does: jitter after a loss, then ever longer pauses."""
        await asyncio.sleep(line.number / self._plan.connects_per_s)
        failures = 0
        address = line.number
        while True:
            broker = self._plan.brokers[address % len(self._plan.brokers)]
            try:
                wire = await open_wire(broker, lambda topic, payload: self._heard(line, topic, payload))
                try:
                    wills = [gateway.new_session(self._clock.now_ms()) for gateway in line.gateways]
                    filters = [each for gateway in line.gateways for each in gateway.filters]
                    await wire.stand(f"kega-{line.gateways[0].id}", wills[0], filters, self._plan.command_qos)
                    self._came_up(line, wire)
                    failures = 0
                    await asyncio.shield(wire.lost)
                finally:
                    self._went_down(line, wire)
            except LinkError as error:
                self.outcome.refused += 1
                _log.debug("load-refused", extra={"broker": broker.url, "cause": str(error)})
            address += 1
            failures += 1
            await asyncio.sleep(self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        """Jitter after a loss; then all nodes of a cluster one after the other, and ever longer pauses."""
        if failures == 1:
            return self._chance.uniform(0, self._plan.jitter_s)
        rounds, place = divmod(failures - 1, len(self._plan.brokers))
        ceiling = 1.0 if place else min(_LONGEST_PAUSE_S, 2.0 ** min(rounds, 16))
        return self._chance.uniform(ceiling / 2, ceiling)

    def _came_up(self, line: _Line, wire: Wire) -> None:
        self.outcome.connects += 1
        line.wire, line.is_up = wire, True
        self._up += 1
        for gateway in line.gateways:
            self._give_birth(gateway, wire)
        if self._up == len(self._lines):
            self._all_up.set()
            if self._lost_since is not None:
                self._outage_ends(self._seconds() - self._lost_since)

    def _give_birth(self, gateway: LoadGateway, wire: Wire) -> None:
        births = list(gateway.births(self._clock.now_ms(), time.monotonic()))
        self.outcome.births += len(births)
        wire.publish(births)

    def _went_down(self, line: _Line, wire: Wire) -> None:
        if self._ending:
            return
        wire.cut()
        line.wire = None
        for gateway in line.gateways:
            gateway.lost()
        if not line.is_up:
            return
        line.is_up = False
        self._up -= 1
        if self._all_up.is_set():
            self._lost += 1
            if self._lost_since is None:
                self._lost_since = self._seconds()

    def _outage_ends(self, back_s: float | None) -> None:
        assert self._lost_since is not None
        outage = Outage(self._lost, self._lost_since, back_s)
        self.outcome.outages.append(outage)
        self._lost_since, self._lost = None, 0
        _log.info("load-back", extra={"connections": outage.connections, "seconds": back_s})

    def _heard(self, line: _Line, topic: str, payload: bytes) -> None:
        gateway = line.by_topic.get(topic)
        if gateway is None:
            return
        told = gateway.command(payload)
        now = time.monotonic()
        for batch in told.acknowledged:
            self.outcome.latencies.add(now - batch.made_s)
        self.outcome.acknowledged += len(told.acknowledged)
        if told.rebirth:
            self.outcome.rebirths_asked += 1
            if line.wire is not None and gateway.is_online:
                self._give_birth(gateway, line.wire)
        if told.acknowledged:
            self._again(line, gateway, now)

    def _farewell(self) -> None:
        for line in self._lines:
            if line.wire is not None:
                online = [gateway for gateway in line.gateways if gateway.is_online]
                line.wire.publish([gateway.goodbye(self._clock.now_ms()) for gateway in online])
                line.wire.close()

    # batches

    async def _scan(self, stop: asyncio.Event) -> None:
        """Scan every device every `every_s`, each at a phase of its own."""
        plan = self._plan
        begin = time.monotonic()
        self._plan_storms(begin)
        due = [
            (begin + self._chance.uniform(0, plan.every_s), line.number, at, device)
            for line in self._lines
            for at in range(len(line.gateways))
            for device in range(plan.devices)
        ]
        heapq.heapify(due)
        while (now := time.monotonic()) < begin + plan.seconds and not stop.is_set():
            while due and due[0][0] <= now:
                at_s, number, at, device = due[0]
                heapq.heapreplace(due, (at_s + plan.every_s, number, at, device))
                line = self._lines[number]
                self._measure(line, line.gateways[at], device)
            await asyncio.sleep(TICK_S)
        self.outcome.scanned_s = time.monotonic() - begin

    def _measure(self, line: _Line, gateway: LoadGateway, device: int) -> None:
        now_ms, now = self._clock.now_ms(), time.monotonic()
        batch = gateway.scan(device, now_ms, now)
        self.outcome.made += 1
        if line.wire is None or not gateway.is_online:
            return
        if line.wire.is_blocked:
            gateway.spool.kept_back(batch, now)
            return
        line.wire.publish([gateway.live(batch, now_ms, now)])
        self.outcome.sent_live += 1

    def _again(self, line: _Line, gateway: LoadGateway, now: float) -> None:
        if line.wire is None or line.wire.is_blocked or not gateway.is_online:
            return
        messages = list(gateway.again(self._clock.now_ms(), now))
        self.outcome.sent_again += len(messages)
        line.wire.publish(messages)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            for line in self._lines:
                for gateway in line.gateways:
                    self._again(line, gateway, now)

    def _plan_storms(self, begin: float) -> None:
        storm_s = self._plan.storm_s
        if storm_s is None:
            return
        loop = asyncio.get_running_loop()

        def storm() -> None:
            if self._ending or time.monotonic() >= begin + self._plan.seconds:
                return
            _log.info("load-storm", extra={"connections": self._up})
            for line in self._lines:
                if line.wire is not None:
                    line.wire.cut()
            loop.call_later(storm_s, storm)

        loop.call_later(storm_s, storm)

    async def _drain(self) -> None:
        """Wait until nothing is open, as long as the plan allows."""
        deadline = time.monotonic() + self._plan.drain_s
        while time.monotonic() < deadline:
            if not any(len(gateway.spool) for line in self._lines for gateway in line.gateways):
                return
            await asyncio.sleep(TICK_S)

    async def _tell(self) -> None:
        """One line of the log each second, for whoever watches."""
        while True:
            await asyncio.sleep(TELL_S)
            outcome = self.outcome
            _log.info(
                "load-status",
                extra={
                    "online": self._up,
                    "made": outcome.made,
                    "acknowledged": outcome.acknowledged,
                    "sent_again": outcome.sent_again,
                    "refused": outcome.refused,
                },
            )


async def _either(one: Coroutine[Any, Any, bool], other: Coroutine[Any, Any, bool]) -> None:
    tasks = {asyncio.create_task(one), asyncio.create_task(other)}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
